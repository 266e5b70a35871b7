"""Laws of whole songs, over many of them."""

from __future__ import annotations

import pytest

from schemas.compose import ComposePlan
from schemas.genre import CHORD_TYPES
from schemas.score import PPQ, Layer, Score, ScoreNote, Section
from tests.support.composing import VALUES, compose, genre, only, songs
from workers.composing.base import Brief
from workers.composing.draws import Draws
from workers.composing.genre import GenreComposer
from workers.composing.theory import parse_key

MANY = 25


def _slack(song: Score) -> float:
    """Return by how many ticks humanised hands may be early or late, rounding included."""
    return 6.0 / 60_000 * song.tempo_bpm * PPQ + 1


def _section(song: Score, note: ScoreNote) -> Section:
    return next(section for section in song.sections if section.start <= note.start < section.end)


def _of(song: Score, role: str) -> list[Layer]:
    return [layer for layer in song.layers if layer.role == role]


def test_no_note_lies_outside_a_section_in_which_its_layer_plays() -> None:
    for song in songs(genre(), MANY):
        for layer in song.layers:
            for note in layer.notes:
                section = _section(song, note)
                assert layer.name in section.layers
                assert section.start <= note.start < note.end <= section.end


def test_a_layer_sounds_in_every_section_in_which_it_is_said_to_play() -> None:
    for song in songs(genre(), MANY):
        for section in song.sections:
            for name in section.layers:
                layer = next(layer for layer in song.layers if layer.name == name)
                assert any(section.start <= note.start < section.end for note in layer.notes), (name, section)


def test_no_key_is_struck_while_it_is_down() -> None:
    for song in songs(genre(), MANY):
        for layer in song.layers:
            down: dict[int, int] = {}
            for note in layer.notes:
                assert note.start >= down.get(note.key, 0), (layer.name, note)
                down[note.key] = note.end


def test_drum_layers_that_share_their_channel_never_share_a_key_at_one_time() -> None:
    data = genre(layers=only("beat", "congas"), patterns={"4/4": {"verse": ["63, 36"], "congas/verse": ["63, 63, 64, 64"]}},
                 meters={"4/4": 1})  # fmt: skip
    for song in songs(data, 4):
        kit, congas = song.layers
        assert congas.program == kit.program
        for note in congas.notes:
            assert not any(
                other.key == note.key and other.start < note.end and note.start < other.end for other in kit.notes
            )


def test_velocities_and_keys_are_such_as_instruments_have() -> None:
    for song in songs(genre(velocity=[50, 100]), 8):
        for layer in song.layers:
            assert all(50 <= note.velocity <= 100 and 0 <= note.key <= 127 for note in layer.notes)


def test_every_harmony_layer_sounds_the_chords_that_the_labels_name() -> None:
    for song in songs(genre(), MANY):
        slack = _slack(song)
        for layer in _of(song, "harmony"):
            for note in layer.notes:
                about = [chord for chord in song.chords if chord.start - slack <= note.start < chord.end + slack]
                assert any(
                    (note.key - chord.root) % 12 in {step % 12 for step in CHORD_TYPES[chord.quality]}
                    for chord in about
                )


def test_a_held_pad_sounds_every_note_of_every_chord_in_its_sections() -> None:
    for song in songs(genre(layers=only("harmony", "strings")), 8):
        strings = next(layer for layer in song.layers if layer.name == "strings")
        slack = _slack(song)
        for chord in song.chords:
            if "strings" in next(s for s in song.sections if s.start <= chord.start < s.end).layers:
                struck = {note.key % 12 for note in strings.notes if abs(note.start - chord.start) <= slack}
                assert struck == {key % 12 for key in chord.keys}


@pytest.mark.parametrize("style", ["block", "arpeggio", "strum"])
def test_every_chord_is_heard_however_it_is_played(style: str) -> None:
    spec = {"style": style, "rhythms": ["x-------", "x-x-x-x-"], "probability": 1.0}
    data = genre(
        layers=only("harmony", "bassline", harmony=spec), harmonic_rhythm={2: 1}, sections={}, meters={"4/4": 1}
    )
    for song in songs(data, 4):
        harmony, slack = song.layers[0], _slack(song)
        for chord in song.chords:
            struck = [note for note in harmony.notes if chord.start - slack <= note.start < chord.end - slack]
            assert struck
            assert {note.key % 12 for note in struck} <= {key % 12 for key in chord.keys}


def test_under_the_beginning_of_every_chord_the_bass_has_its_lowest_note() -> None:
    for song in songs(genre(), MANY):
        slack = _slack(song)
        for layer in _of(song, "bassline"):
            for chord in song.chords:
                section = next(s for s in song.sections if s.start <= chord.start < s.end)
                if layer.name in section.layers:
                    here = [note.key % 12 for note in layer.notes if abs(note.start - chord.start) <= slack]
                    assert here == [(chord.root + CHORD_TYPES[chord.quality][chord.inversion]) % 12]


def test_melodies_are_on_chord_or_scale_and_mostly_on_the_chord() -> None:
    on_chord = total = 0
    for song in songs(genre(), MANY):
        scale, slack = set(parse_key(song.key).scale), _slack(song)
        for layer in _of(song, "melody"):
            for note in layer.notes:
                chord = [chord for chord in song.chords if chord.start <= note.start + slack][-1]
                tones = {(chord.root + step) % 12 for step in CHORD_TYPES[chord.quality]}
                assert note.key % 12 in scale | tones
                on_chord += note.key % 12 in tones
                total += 1
    assert on_chord / total > 0.7


def test_a_melody_ends_on_the_root_of_the_last_chord_and_lasts_as_long_as_the_song() -> None:
    for song in songs(genre(layers=only("melody", "harmony", "bassline"), sections={}), 8):
        for name in ("melody", "bassline"):
            last = next(layer for layer in song.layers if layer.name == name).notes[-1]
            assert (last.key % 12, last.end) == (song.chords[-1].root, song.end)


def test_the_least_song_has_two_layers() -> None:
    rare = {name: {**spec, "probability": 0.01} for name, spec in VALUES["layers"].items()}
    assert all(len(song.layers) == 2 for song in songs(genre(layers=rare), 6))


def _without(song: Score, layer: str) -> Score:
    return song.model_copy(update={"layers": [one for one in song.layers if one.name != layer]})


@pytest.mark.parametrize(
    ("changes", "layer"),
    [
        ({"melody_matrix": {"init_probs": {"1": 1}, "transitions": {"1": {"5": 1}, "5": {"1": 1}}}}, "melody"),
        ({"patterns": {"4/4": {"verse": ["36, 36, 36, 36"], "chorus": ["36, 36"]}}}, "beat"),
        (
            {
                "layers": {
                    **only("beat", "melody", "harmony", "bassline"),
                    "bassline": {"role": "bassline", "style": "roots"},
                }
            },
            "bassline",
        ),
        (
            {
                "layers": {
                    **only("beat", "melody", "harmony", "bassline"),
                    "harmony": {"role": "harmony", "programs": {5: 1}},
                }
            },
            "harmony",
        ),
    ],
)
def test_a_change_of_one_layer_leaves_every_other_note_as_it_was(changes: dict[str, object], layer: str) -> None:
    base = {"layers": only("beat", "melody", "harmony", "bassline"), "meters": {"4/4": 1}}
    changed = [compose(genre(**{**base, **changes}), number) for number in range(4)]
    before = [compose(genre(**base), number) for number in range(4)]
    assert [_without(song, layer) for song in changed] == [_without(song, layer) for song in before]
    assert changed != before


def test_another_way_of_drawing_chords_leaves_form_tempo_key_and_drums_as_they_were() -> None:
    for number in range(4):
        before, after = compose(genre(), number), compose(genre(progressions={}), number)
        assert before.chords != after.chords
        assert (before.bars, before.sections, before.key, before.tempo_bpm) == (
            after.bars, after.sections, after.key, after.tempo_bpm
        )  # fmt: skip
        assert _of(before, "beat") == _of(after, "beat")


def test_a_new_try_is_another_song() -> None:
    brief = Brief(0, genre(), ComposePlan())
    assert GenreComposer().compose(brief, Draws(1, 0, 1)) != GenreComposer().compose(brief, Draws(1, 0, 0))
