"""Tunes are the MIDI that they say, within the keys that there are."""

from __future__ import annotations

import pytest

from workers.midi.notes import read_notes
from workers.midi.smf import read_midi
from workers.patches.tunes import SUSTAIN, Move, Note, Tune, chord, in_turn, melody, middle_key, phrase, scale

MAKERS = (scale, chord, phrase)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("keys", [range(128), range(21, 30), range(100, 128), [60]])
def test_a_piece_stays_within_its_keys(make: type[Tune], keys: range) -> None:
    notes = read_notes(read_midi(make(keys).midi()))  # type: ignore[arg-type]
    inside = set(keys) if len(keys) > 12 else set(range(128))
    assert len(notes) >= 1
    assert {int(key) for key in notes.pitch} <= inside


def test_drums_play_the_keys_of_a_kit_on_the_drum_channel() -> None:
    keys = [35, 36, 38, 42, 49]
    struck = read_notes(read_midi(scale(keys, drums=True).midi()))
    assert struck.pitch.tolist() == keys
    midi = read_midi(phrase(keys, drums=True).midi())
    assert set((midi.events["status"] & 0x0F).tolist()) == {9}
    assert set(read_notes(midi).pitch.tolist()) <= set(keys)


def test_times_are_exact_to_the_millisecond() -> None:
    notes = read_notes(read_midi(in_turn([60, 60, 64], seconds=0.123, gap_s=0.001).midi()))
    assert notes.onset_s.tolist() == pytest.approx([0.0, 0.124, 0.248])
    assert notes.offset_s.tolist() == pytest.approx([0.123, 0.247, 0.371])


def test_a_move_is_a_controller_or_the_wheel() -> None:
    events = read_midi(Tune((Note(0.0, 1.0, 60),), (Move(0.0, SUSTAIN, 127), Move(0.5, None, 16383))).midi()).events
    assert (0, 0xB0, 64, 127) in [tuple(row)[:1] + tuple(row)[2:] for row in events.tolist()]
    assert (500, 0xE0, 0x7F, 0x7F) in [tuple(row)[:1] + tuple(row)[2:] for row in events.tolist()]


@pytest.mark.parametrize(
    ("keys", "key"), [(range(128), 60), (range(36, 97), 60), (range(24, 49), 36), (range(60, 67), 60)]
)
def test_the_middle_leaves_room_for_an_octave_where_there_is_one(keys: range, key: int) -> None:
    assert middle_key(keys) == key


def test_a_melody_moves_what_may_stay_behind() -> None:
    moved = {move.control for move in melody(range(48, 73)).moves}
    assert moved >= {None, 1, 7, 11, 64}
