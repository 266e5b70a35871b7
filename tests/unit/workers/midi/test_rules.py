"""Other keys for the notes of a stem: what is moved, what stays, and how notes end that come together on one key."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.rules import MidiRules
from tests.support.midi import (
    control,
    key_pressure,
    messages_of,
    meta,
    name,
    note,
    note_off,
    note_on,
    program,
    song,
    tempo,
)
from workers.midi.notes import read_notes
from workers.midi.rules import played_midi, sounding_key, sounding_midi
from workers.midi.smf import read_midi
from workers.midi.split import split_song

OCTAVE_UP = MidiRules(shift=12)


def stem(*events: tuple[int, bytes]) -> bytes:
    return song([tempo(0, 100), meta(0, 0x05, b"la")], [name(0, "Bass"), program(0, 33), *events])


def test_without_rules_or_where_no_note_is_moved_the_bytes_stay_as_they_are() -> None:
    midi = stem(*note(0, 100, 60), *note(200, 100, 64))
    assert played_midi(midi, None) is midi
    assert played_midi(midi, MidiRules(moves={61: 10}, fold=(20, 100))) is midi
    assert sounding_midi(midi, None, 0) is midi
    assert played_midi(midi, MidiRules(shift=12, enabled=False)) is midi


def test_everything_but_the_keys_stays_as_it_is() -> None:
    midi = stem(
        control(0, 64, 127), *note(0, 100, 60, velocity=31), key_pressure(50, 60, 9), note_off(300, 61, velocity=5),
        control(400, 7, 3),
    )  # fmt: skip
    before, after = read_midi(midi), read_midi(played_midi(midi, OCTAVE_UP))
    assert after.metas == before.metas
    assert (after.division, after.end_ticks) == (before.division, before.end_ticks)
    moved = [
        (tick, status, d1 + 12 if status & 0xF0 in {0x80, 0x90, 0xA0} else d1, d2)
        for tick, status, d1, d2 in messages_of(before)
    ]
    assert messages_of(after) == moved


def test_a_note_ends_where_the_next_one_strikes_its_new_key_and_not_by_the_others_release() -> None:
    midi = stem(note_on(0, 60), note_on(100, 62), note_off(200, 60, velocity=11), note_off(300, 62, velocity=22))
    moved = read_midi(played_midi(midi, MidiRules(moves={62: 60})))
    keys = [message for message in messages_of(moved) if message[1] & 0xF0 in {0x80, 0x90}]
    assert keys == [(0, 0x90, 60, 100), (100, 0x80, 60, 64), (100, 0x90, 60, 100), (300, 0x80, 60, 22)]


def test_two_notes_struck_at_once_on_one_key_are_both_kept() -> None:
    midi = stem(*note(0, 200, 35), *note(0, 100, 36))
    notes = read_notes(read_midi(played_midi(midi, MidiRules(moves={35: 36}))))
    assert notes.pitch.tolist() == [36, 36]
    assert (notes.onset_tick.tolist(), sorted(notes.offset_s > 0)) == ([0, 0], [False, True])


def test_notes_that_all_notes_off_ends_or_nothing_does_end_as_before() -> None:
    midi = stem(note_on(0, 60), note_on(10, 62), control(200, 123, 0), note_on(300, 60), note_on(310, 66))
    notes = read_notes(read_midi(played_midi(midi, MidiRules(moves={62: 61, 66: 61}))))
    before = read_notes(read_midi(midi))
    assert notes.offset_s.tolist() == before.offset_s.tolist()
    assert notes.pitch.tolist() == [60, 61, 60, 61]


def test_what_would_leave_the_keys_of_midi_comes_back_by_octaves() -> None:
    assert [MidiRules(shift=24).key(key) for key in (100, 110, 127)] == [124, 122, 127]
    assert [sounding_key(key, -1) for key in (60, 12, 3)] == [48, 0, 3]


_NOTES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 12), st.integers(55, 66), st.integers(1, 127)), min_size=1, max_size=14
)


@settings(max_examples=60, deadline=None)
@given(_NOTES, st.dictionaries(st.integers(55, 66), st.integers(55, 66), max_size=6), st.integers(-14, 14))
def test_every_note_keeps_its_onset_and_has_one_release_of_its_own(
    notes: list[tuple[int, int, int, int]], moves: dict[int, int], shift: int
) -> None:
    rules = MidiRules(shift=shift, moves=moves)
    song_midi = stem(*(event for start, length, key, velocity in notes for event in note(start, length, key, velocity)))
    _, stems = split_song(song_midi)
    before = read_midi(stems["S00"])
    after = read_midi(played_midi(stems["S00"], rules))
    kinds = after.events["status"] & 0xF0
    struck = kinds == 0x90
    assert int(struck.sum()) == int((kinds == 0x80).sum()) == len(notes)
    onsets = [
        (tick, rules.key(d1), d2) for tick, status, d1, d2 in messages_of(before) if status & 0xF0 == 0x90
    ]  # of a split stem every note-on has a velocity
    assert [(tick, d1, d2) for tick, status, d1, d2 in messages_of(after) if status & 0xF0 == 0x90] == onsets
    table, old = read_notes(after), read_notes(before)
    assert float(table.offset_s.max()) <= float(old.offset_s.max())
    # Each ends with its own release, or earlier, where the next one strikes its key.
    starts = {key: sorted(tick for tick, k, _ in onsets if k == key) for key in {k for _, k, _ in onsets}}
    ends = dict.fromkeys(zip(table.onset_tick.tolist(), table.pitch.tolist(), strict=True))
    assert all(tick in starts[int(key)] for tick, key in ends)
    if len({rules.key(key) for key in np.unique(old.pitch).tolist()}) == len(np.unique(old.pitch)):
        assert sorted(table.offset_s.tolist()) == sorted(old.offset_s.tolist())
