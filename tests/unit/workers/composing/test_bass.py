from __future__ import annotations

from itertools import pairwise
from typing import Any

from schemas.genre import CHORD_TYPES
from schemas.score import PPQ, Score
from tests.support.composing import genre, only, songs
from workers.composing.theory import parse_key

STIFF: dict[str, Any] = {"humanise_ms": 0, "swing": [0.5, 0.5], "meter_change": 0, "sections": {}, "meters": {"4/4": 1},
                         "inversions": {}, "harmonic_rhythm": {1: 1}}  # fmt: skip


def _songs(style: str, rhythm: str = "x-x-x-x-") -> list[Score]:
    spec = {"style": style, "rhythms": [rhythm], "key_range": [28, 52]}
    return songs(genre(**STIFF, layers=only("bassline", "harmony", bassline=spec)), 4)


def _bars(song: Score) -> list[list[int]]:
    """Return the intervals above the root of what the bass plays, bar for bar, without the last."""
    notes = song.layers[0].notes if song.layers[0].role == "bassline" else song.layers[1].notes
    found = []
    for bar, chord in zip(song.bars, song.chords, strict=True):
        found.append([(note.key - chord.root) % 12 for note in notes if bar.start <= note.start < bar.end])
    return found[:-1]


def test_roots_stay_on_the_root() -> None:
    assert all(set(bar) == {0} and len(bar) == 4 for song in _songs("roots") for bar in _bars(song))


def test_fifths_go_to_the_chords_own_fifth_and_back() -> None:
    for song in _songs("fifths"):
        for bar, chord in zip(_bars(song), song.chords, strict=False):
            fifth = next((step for step in CHORD_TYPES[chord.quality] if step in (6, 7, 8)), 7)
            assert bar == [0, fifth, 0, fifth]


def test_octaves_leap_up_and_down() -> None:
    for song in _songs("octaves"):
        notes = song.layers[0].notes
        leaps = [after.key - before.key for before, after in pairwise(notes[:16]) if (after.key - before.key) % 12 == 0]
        assert {12, -12} <= set(leaps)
        assert all(set(bar) == {0} for bar in _bars(song))


def test_a_walking_bass_goes_in_beats_through_the_chord_and_steps_into_the_next() -> None:
    steps = []
    for song in _songs("walking"):
        notes, scale = song.layers[0].notes, parse_key(song.key).scale
        for bar, chord, after in zip(song.bars, song.chords, song.chords[1:], strict=False):
            inside = [note for note in notes if bar.start <= note.start < bar.end]
            assert [note.start - bar.start for note in inside] == [0, PPQ, 2 * PPQ, 3 * PPQ]
            tones = {(chord.root + step) % 12 for step in CHORD_TYPES[chord.quality]}
            assert all(note.key % 12 in tones for note in inside[:3])
            steps.append((inside[3].key - after.root) % 12 in (1, 2, 10, 11))
            assert inside[3].key % 12 in {*scale, (after.root - 1) % 12}
    assert all(steps)


def test_every_note_is_in_the_range_and_not_far_from_the_last() -> None:
    for style in ("roots", "fifths", "walking"):
        for song in _songs(style):
            keys = [note.key for note in song.layers[0].notes]
            assert min(keys) >= 28
            assert max(keys) <= 52
            for section in song.sections:
                inside = [note.key for note in song.layers[0].notes if section.start <= note.start < section.end]
                assert max(abs(after - before) for before, after in pairwise(inside)) <= 12


def test_a_rhythm_that_begins_late_still_sounds_the_root_where_the_chord_begins() -> None:
    for song in _songs("roots", "....x---"):
        starts = {note.start for note in song.layers[0].notes}
        assert {chord.start for chord in song.chords} <= starts
