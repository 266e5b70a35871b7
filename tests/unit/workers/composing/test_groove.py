from __future__ import annotations

import statistics
from typing import Any

import pytest

from schemas.score import PPQ, Score
from tests.support.composing import genre, only, songs
from workers.composing.meters import beats_of

STIFF: dict[str, Any] = {"humanise_ms": 0, "meter_change": 0, "sections": {}}


def _places(song: Score, layer: str) -> list[float]:
    """Return where the notes of a layer begin in their beat, 0 to 1."""
    found = []
    for note in next(one for one in song.layers if one.name == layer).notes:
        bar = next(bar for bar in song.bars if bar.start <= note.start < bar.end)
        beat = next(beat for beat in reversed(beats_of(bar.meter)) if bar.start + beat.start <= note.start)
        found.append((note.start - bar.start - beat.start) / beat.ticks)
    return found


@pytest.mark.parametrize("swing", [0.5, 0.6, 0.7])
@pytest.mark.parametrize("layer", ["beat", "melody", "harmony", "bassline"])
def test_off_beats_of_every_layer_lie_where_the_swing_says(layer: str, swing: float) -> None:
    specs = {name: {"style": style, "rhythms": ["xxxxxxxx"]}
             for name, style in (("melody", "lead"), ("harmony", "block"), ("bassline", "fifths"))}  # fmt: skip
    data = genre(**STIFF, layers=only("beat", *specs, **specs), swing=[swing, swing], meters={"4/4": 1}, rests=0,
                 patterns={"4/4": {name: ["36, 42, 38, 42, 36, 42, 38, 42"] for name in ("verse", "chorus", "intro")}})  # fmt: skip
    song = songs(data, 1)[0]
    off = [place for place in _places(song, layer) if place > 0.3]
    assert len(off) > 40
    assert statistics.median(off) == pytest.approx(swing, abs=0.001)
    verse = [note for note in _places(song, layer) if 0 < note < 0.3]
    assert not verse or layer == "beat"  # fills have sixteenths


def test_what_divides_a_beat_by_three_swings_as_it_is_written() -> None:
    thirds = {"style": "block", "rhythms": ["xxxxxxxxxxxx"]}
    data = genre(**STIFF, layers=only("harmony", "bassline", harmony=thirds), swing=[0.7, 0.7], meters={"4/4": 1})
    places = {round(place, 3) for place in _places(songs(data, 1)[0], "harmony")}
    assert places == {0.0, 0.333, 0.667}


def test_compound_meters_swing_by_themselves() -> None:
    eighths = {"style": "block", "rhythms": ["xxxxxx"]}
    data = genre(**STIFF, layers=only("harmony", "bassline", harmony=eighths), swing=[0.7, 0.7], meters={"6/8": 1})
    assert {round(place, 3) for place in _places(songs(data, 1)[0], "harmony")} == {0.0, 0.333, 0.667}


def test_hands_are_off_the_grid_by_no_more_than_the_genre_says() -> None:
    for milliseconds in (0.0, 4.0, 15.0):
        data = genre(layers=only("strings", "bassline"), humanise_ms=milliseconds, swing=[0.5, 0.5], sections={})
        song = songs(data, 1)[0]
        strings = next(layer for layer in song.layers if layer.name == "strings")
        starts = [chord.start for chord in song.chords]
        off = [
            min((note.start - start for start in starts), key=abs) / PPQ * 60_000 / song.tempo_bpm
            for note in strings.notes
        ]
        assert max(map(abs, off)) <= milliseconds + 0.5
        assert statistics.pstdev(off) >= milliseconds / 5


def test_sections_are_as_loud_as_the_genre_says_and_downbeats_a_little_louder() -> None:
    data = genre(layers=only("strings", "bassline"), velocity=[1, 127], sections={}, structures={"intro-verse-chorus": 1},
                 dynamics={"intro": 0.7, "verse": 1.0, "chorus": 1.3},
                 harmonic_rhythm={2: 1}, meters={"4/4": 1}, inversions={})  # fmt: skip
    song = songs(data, 1)[0]
    notes = next(layer for layer in song.layers if layer.name == "strings").notes
    means = [
        statistics.fmean(note.velocity for note in notes if section.start <= note.start < section.end)
        for section in song.sections
    ]
    assert means[0] + 15 < means[1] < means[2] - 15
    verse = song.sections[1]
    downbeats = {bar.start for bar in song.bars}
    inside = [note for note in notes if verse.start <= note.start < verse.end]
    near = [note.velocity for note in inside if min(abs(note.start - start) for start in downbeats) < 40]
    other = [note.velocity for note in inside if min(abs(note.start - start) for start in downbeats) >= 40]
    assert statistics.fmean(near) > statistics.fmean(other) + 2
