"""Recordings in composed songs: which are drawn, where they sound, and that nothing else of the song changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.base import content_hash
from schemas.samples import DRUM_KEY, PITCHED_KEY, SUFFIX, Sample, SampleLayer, SampleLibrary, SamplePlan
from schemas.score import PPQ, Layer, Score
from tests.support.composing import genre, plan
from workers.composing.samples import fits, shift_to
from workers.composing.song import composed

#: A genre whose songs all have the tempo of the recordings or nearly so, one meter, and two keys.
GENRE = genre(tempo_bpm=[114, 126], tempos={}, meters={"4/4": 1}, meter_change=0.0, keys={"D": 1, "F#m": 1})
SONGS = range(6)


def recording(number: int, category: str = "beat", **values: Any) -> Sample:
    base = {
        "name": f"{category}{number}", "file": f"{category}{number}.wav", "sha256": content_hash([category, number]),
        "size_bytes": 1, "category": category, "duration_s": 4.0, "tempo_bpm": 120.0, "quarters": 8.0,
        "key": None if category == "beat" else "C",
    }  # fmt: skip
    return Sample.model_validate({**base, **values})


LIBRARY = SampleLibrary(
    name="test", samples=[recording(n, kind) for kind in ("beat", "melody", "harmony", "bassline") for n in range(4)]
)
SHOTS = SampleLibrary(name="shots", samples=[recording(0, tempo_bpm=None, quarters=None, duration_s=0.4)])


def song(number: int = 0, library: SampleLibrary | None = None, **layers: SampleLayer) -> Score:
    samples = SamplePlan(library=library or LIBRARY, layers=layers) if layers else None
    return composed(plan(GENRE, samples=samples), number).score


def layer(score: Score, name: str) -> Layer | None:
    return next((item for item in score.layers if item.name == name), None)


def test_a_loop_fills_the_sections_of_its_layer_and_no_other() -> None:
    for number in SONGS:
        score = song(number, beat=SampleLayer())
        beside = layer(score, "beat" + SUFFIX)
        assert beside is not None
        spans = [(section.start, section.end) for section in score.sections if "beat" in section.layers]
        assert sum(note.end - note.start for note in beside.notes) == sum(end - start for start, end in spans)
        assert all(any(start <= note.start < note.end <= end for start, end in spans) for note in beside.notes)
        assert {section.name for section in score.sections if beside.name in section.layers} == {
            section.name for section in score.sections if "beat" in section.layers
        }


def test_a_loop_begins_on_a_bar_and_goes_on_after_its_beats() -> None:
    score = song(beat=SampleLayer())
    beside = layer(score, "beat" + SUFFIX)
    assert beside is not None
    starts = {bar.start for bar in score.bars}
    assert {note.start for note in beside.notes} <= starts
    assert max(note.end - note.start for note in beside.notes) == 8 * PPQ


def test_recordings_change_nothing_else_of_a_song() -> None:
    for number in SONGS:
        plain, beside = song(number), song(number, beat=SampleLayer(), bassline=SampleLayer())
        assert [item for item in beside.layers if item.sample is None] == plain.layers
        assert (beside.bars, beside.chords, beside.tempo_bpm) == (plain.bars, plain.chords, plain.tempo_bpm)


def test_instead_of_a_layer_nothing_of_it_sounds_beside_its_recording() -> None:
    replaced = 0
    for number in SONGS:
        score = song(number, bassline=SampleLayer(mode="instead"))
        beside, own = layer(score, "bassline" + SUFFIX), layer(score, "bassline")
        assert beside is not None
        assert not any("bassline" in section.layers and beside.name in section.layers for section in score.sections)
        spans = [(section.start, section.end) for section in score.sections if beside.name in section.layers]
        notes = [] if own is None else own.notes
        assert not any(start <= note.start < end for note in notes for start, end in spans)
        replaced += own is None
    assert replaced


def test_without_a_recording_that_fits_the_layer_plays() -> None:
    for impossible in ({"min_score": 1.0}, {"tags": ["brushes"]}, {"moods": ["dark"]}):
        library = SampleLibrary(name="poor", samples=[s.model_copy(update={"score": 0.5}) for s in LIBRARY.samples])
        asked = SampleLayer(mode="instead", **impossible)
        assert song(library=library, bassline=asked).layers == song().layers


def test_shots_are_struck_at_their_beats_and_end_before_the_next() -> None:
    score = song(library=SHOTS, beat=SampleLayer(mode="shots", at_beat=[1, 3], every_bars=2))
    beside = layer(score, "beat" + SUFFIX)
    assert beside is not None
    bars = {bar.start: number for section in score.sections for number, bar in enumerate(_bars(score, section.name))}
    beats = {round((note.start - max(s for s in bars if s <= note.start)) / PPQ) + 1 for note in beside.notes}
    assert beats == {1, 3}
    length = 0.4 / 60 * score.tempo_bpm * PPQ
    assert all(0 <= note.end - note.start - length < 1 for note in beside.notes)
    played = sum(section.end - section.start for section in score.sections if "beat" in section.layers) / (4 * PPQ)
    assert len(beside.notes) == pytest.approx(played, abs=len(score.sections))


def _bars(score: Score, name: str) -> list[Any]:
    spans = [(section.start, section.end) for section in score.sections if section.name == name]
    return [bar for bar in score.bars if any(start <= bar.start < end for start, end in spans)]


@pytest.mark.parametrize(
    ("key", "wanted", "shift"),
    [
        ("C", "C", 0), ("C", "D", 2), ("C", "Bb", -2), ("C", "F#", 6), ("Am", "C", 0), ("Am", "G", -5), ("Am", "Em", -5),
        ("C", "D dorian", 0), ("G", "A mixolydian", -5), (None, "C", None),
    ],
)  # fmt: skip
def test_a_recording_is_moved_to_the_notes_of_the_songs_key_and_keeps_its_mode(
    key: str | None, wanted: str, shift: int | None
) -> None:
    assert shift_to(key, wanted) == shift


def test_the_key_that_is_struck_says_by_how_much_a_recording_is_moved() -> None:
    for number in SONGS:
        score = song(number, melody=SampleLayer(), beat=SampleLayer())
        tune, drums = layer(score, "melody" + SUFFIX), layer(score, "beat" + SUFFIX)
        assert tune is not None
        assert tune.sample is not None
        assert drums is not None
        assert drums.sample is not None
        assert {note.key for note in tune.notes} == {tune.sample.key} == {PITCHED_KEY + tune.sample.shift}
        assert tune.sample.shift == {"D": 2, "F#m": -3}[score.key]
        assert {note.key for note in drums.notes} == {DRUM_KEY}


def test_only_what_can_be_brought_to_tempo_and_key_is_drawn() -> None:
    score = song()
    drums = next(item for item in score.layers if item.role == "beat")
    tune = next(item for item in score.layers if item.role == "melody")
    far = recording(0, tempo_bpm=score.tempo_bpm / 1.25)
    assert not fits(far, drums, SampleLayer(max_stretch_percent=20), score)
    assert fits(far, drums, SampleLayer(max_stretch_percent=26), score)
    high = recording(0, "melody", key="Eb" if score.key == "F#m" else "Ab")
    assert not fits(high, tune, SampleLayer(max_shift_semitones=2), score)
    assert fits(high, tune, SampleLayer(max_shift_semitones=6), score)
    assert not fits(recording(0, meter="3/4"), drums, SampleLayer(), score)
    assert not fits(recording(0, genres=["jazz"]), drums, SampleLayer(), score)
    assert fits(recording(0, genres=["all", "jazz"]), drums, SampleLayer(), score)
    assert not fits(recording(0, "melody"), drums, SampleLayer(), score)


def test_a_recording_more_or_less_changes_only_the_songs_that_take_it() -> None:
    def drawn(library: SampleLibrary) -> list[str | None]:
        found = [layer(song(number, library, beat=SampleLayer()), "beat" + SUFFIX) for number in range(16)]
        return [item.sample.sha256 for item in found if item is not None and item.sample is not None]

    whole = drawn(LIBRARY)
    assert len(set(whole)) == 4
    gone = LIBRARY.samples[0].sha256
    less = drawn(LIBRARY.model_copy(update={"samples": LIBRARY.samples[1:]}))
    assert all(before == after for before, after in zip(whole, less, strict=True) if before != gone)
    assert gone not in less


def test_a_probability_says_how_many_songs_have_one() -> None:
    none = [song(number, beat=SampleLayer(probability=0.0)) for number in SONGS]
    assert not any(item.sample for score in none for item in score.layers)
    some = [layer(song(number, beat=SampleLayer(probability=0.5)), "beat" + SUFFIX) for number in range(30)]
    assert 6 < sum(item is not None for item in some) < 24


def test_two_layers_of_drums_have_a_key_each() -> None:
    scores = [song(number, beat=SampleLayer(), congas=SampleLayer()) for number in range(12)]
    both = [
        {note.key for item in score.layers if item.sample for note in item.notes}
        for score in scores
        if layer(score, "congas" + SUFFIX) is not None
    ]
    assert both
    assert all(keys == {DRUM_KEY, DRUM_KEY + 1} for keys in both)


def test_where_the_library_lies_does_not_matter(tmp_path: Path) -> None:
    def hash_of(library: SampleLibrary) -> str:
        return plan(GENRE, samples=SamplePlan(library=library, layers={"beat": SampleLayer()})).plan_hash

    assert hash_of(LIBRARY) == hash_of(LIBRARY.model_copy(update={"folder": str(tmp_path)}))
    assert hash_of(LIBRARY) != hash_of(SHOTS)
