from __future__ import annotations

import pytest

from schemas.errors import AnnotationError, MidiError
from tests.support import midi
from workers.annotating.notes import stem_notes

GRID_S = 64 / 44100
#: 120 quarters a minute, 480 ticks a quarter: 960 ticks a second.
STEM = midi.song(
    [midi.tempo(0, 120)], [*midi.note(960, 480, 64, 90), *midi.note(960, 960, 60, 80), *midi.note(0, 240, 67)]
)


def test_notes_are_columns_sorted_by_onset_then_pitch() -> None:
    notes = stem_notes(STEM, duration_s=3.0, grid_s=GRID_S)
    assert notes.onset_s == [0.0, 1.0, 1.0]
    assert notes.offset_s == notes.key_off_s == [0.25, 2.0, 1.5]
    assert notes.pitch == [67, 60, 64]
    assert notes.velocity == [100, 80, 90]
    assert notes.bent == [False] * 3
    assert notes.sounding == [True] * 3


def test_a_pedal_holds_the_note_and_not_the_key() -> None:
    stem = midi.song([], [midi.control(0, 64, 127), *midi.note(0, 480, 60), midi.control(1440, 64, 0)])
    notes = stem_notes(stem, duration_s=2.0, grid_s=GRID_S)
    assert (notes.key_off_s, notes.offset_s) == ([0.5], [1.5])


def test_a_bent_note_is_marked() -> None:
    stem = midi.song([], [*midi.note(0, 480, 60), midi.bend(500, 9000), *midi.note(600, 480, 60)])
    assert stem_notes(stem, duration_s=2.0, grid_s=GRID_S).bent == [False, True]


def test_notes_that_started_no_voice_are_marked_as_not_sounding() -> None:
    notes = stem_notes(STEM, duration_s=3.0, grid_s=GRID_S, silent_notes=[(1.0000000004, 64)])
    assert notes.sounding == [True, True, False]


def test_no_note_of_a_stem_without_audio_sounds() -> None:
    assert stem_notes(STEM, duration_s=3.0, grid_s=GRID_S, sounding=False).sounding == [False] * 3


def test_a_note_that_ends_after_the_audio_is_an_error_and_never_cut() -> None:
    with pytest.raises(
        AnnotationError, match=r"1 note not inside the audio.*pitch 60 and lasts from 1.000 s to 2.000 s"
    ):
        stem_notes(STEM, duration_s=1.9, grid_s=GRID_S)


def test_a_note_that_begins_after_the_audio_is_an_error_even_without_audio() -> None:
    with pytest.raises(AnnotationError, match="2 notes not inside"):
        stem_notes(STEM, duration_s=0.9, grid_s=GRID_S, sounding=False)


def test_a_release_within_the_timing_grid_of_the_end_is_put_at_the_end() -> None:
    notes = stem_notes(STEM, duration_s=2.0 - GRID_S / 2, grid_s=GRID_S)
    assert max(notes.offset_s) == pytest.approx(2.0 - GRID_S / 2, abs=1e-6)


def test_a_damaged_midi_file_is_an_error() -> None:
    with pytest.raises(MidiError):
        stem_notes(b"no MIDI", duration_s=1.0, grid_s=GRID_S)
