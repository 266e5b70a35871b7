"""Messages on the grid of blocks: nearest edge, order kept, everything let go of in the end."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import MidiError, NoNotesError
from tests.support.midi import bend, control, note, note_off, note_on, program, song, tempo
from workers.engines.schedule import BLOCK_FRAMES, Schedule, song_schedule, stem_schedule
from workers.midi.model import BEND, CONTROL, NOTE_OFF, NOTE_ON, PROGRAM

#: 960 ticks are a second: 480 ticks a quarter, 120 quarters a minute.
SECOND = 960


def sent(schedule: Schedule) -> list[tuple[int, int, int, int]]:
    return list(zip(schedule.kind, schedule.channel, schedule.d1, schedule.d2, strict=True))


@given(st.lists(st.integers(0, 20 * SECOND), min_size=1, max_size=20), st.sampled_from([16000, 44100, 48000]))
def test_every_message_goes_to_the_nearest_edge(ticks: list[int], rate_hz: int) -> None:
    schedule = stem_schedule(song([event for tick in ticks for event in note(tick, 10, 60)]), rate_hz)
    exact = sorted(tick / SECOND * rate_hz for tick in ticks)
    edges = [block * BLOCK_FRAMES for block, kind in zip(schedule.block, schedule.kind, strict=True) if kind == NOTE_ON]
    assert all(abs(edge - frame) <= BLOCK_FRAMES / 2 + 1e-6 for edge, frame in zip(edges, exact, strict=True))


def test_tempo_changes_count() -> None:
    schedule = stem_schedule(song([tempo(0, 60), tempo(480, 240), *note(960, 240, 60)]), 44100)
    assert list(schedule.onset_s.values()) == [1.25]
    assert schedule.release_s == 1.375


def test_messages_of_one_edge_keep_their_order() -> None:
    events = [note_on(0, 60), control(0, 7, 10), note_off(0, 60), note_on(0, 62), bend(0, 0), note_off(960, 62)]
    schedule = stem_schedule(song(events), 44100)
    assert [kind for kind, *_ in sent(schedule)] == [NOTE_ON, CONTROL, NOTE_OFF, NOTE_ON, BEND, NOTE_OFF]


def test_a_note_on_of_velocity_zero_is_a_note_off() -> None:
    schedule = stem_schedule(song([note_on(0, 60), note_on(480, 60, velocity=0)]), 44100)
    assert sent(schedule)[-1][0] == NOTE_OFF
    assert schedule.notes == 1


def test_a_stem_plays_what_its_patch_says_and_no_mode_messages() -> None:
    events = [control(0, 0, 8), control(0, 32, 1), program(0, 5), control(0, 126, 1), *note(10, 10, 60)]
    assert [kind for kind, *_ in sent(stem_schedule(song(events), 44100))] == [NOTE_ON, NOTE_OFF]


def test_a_song_has_its_own_programs_and_banks() -> None:
    events = [
        control(0, 0, 8),
        program(0, 5),
        *note(10, 10, 60),
        program(20, 6, channel=3),
        *note(30, 10, 60, channel=3),
    ]
    schedule = song_schedule(song(events), 44100)
    assert [kind for kind, *_ in sent(schedule)].count(PROGRAM) == 2
    assert set(schedule.channel) == {0, 3}
    with pytest.raises(NoNotesError):
        song_schedule(song([program(0, 1)]), 44100)


def test_the_last_release_counts_pedals() -> None:
    pedalled = song([control(0, 64, 127), *note(0, SECOND, 60), control(3 * SECOND, 64, 0)])
    assert stem_schedule(pedalled, 44100).release_s == 3.0
    assert stem_schedule(song(note(0, SECOND, 60)), 44100).release_s == 1.0


def test_what_comes_behind_the_last_release_does_not_move_it() -> None:
    schedule = stem_schedule(song([*note(0, SECOND, 60), control(100 * SECOND, 7, 5)]), 44100)
    assert schedule.release_s == 1.0
    assert schedule.release_block == round(44100 / 64)


def test_keys_and_pedals_that_nothing_releases_are_released_with_the_track() -> None:
    hanging = song([control(0, 64, 127), control(0, 66, 127), note_on(0, 60), *note(10, 10, 62)], end=2 * SECOND)
    schedule = stem_schedule(hanging, 44100)
    last = {
        message
        for message, block in zip(sent(schedule), schedule.block, strict=True)
        if block == schedule.release_block
    }
    assert last == {(NOTE_OFF, 0, 60, 64), (CONTROL, 0, 64, 0), (CONTROL, 0, 66, 0)}
    assert schedule.release_s == 2.0


def test_muted_notes_are_told_and_never_audible() -> None:
    events = [control(0, 7, 0), *note(0, SECOND, 60), control(2 * SECOND, 7, 90), *note(3 * SECOND, SECOND, 62)]
    schedule = stem_schedule(song(events), 44100)
    assert (schedule.notes, schedule.muted) == (2, 1)
    assert list(schedule.audible_s.values()) == [math.inf, 3.0]


def test_a_note_that_swells_from_nothing_is_audible_once_it_does() -> None:
    events = [control(0, 11, 0), *note(0, 2 * SECOND, 60), control(SECOND, 11, 50)]
    schedule = stem_schedule(song(events), 44100)
    assert (schedule.muted, list(schedule.audible_s.values())) == (0, [1.0])


def test_a_file_without_notes_has_nothing_to_release() -> None:
    schedule = stem_schedule(song([control(0, 7, 1)]), 44100)
    assert (schedule.notes, schedule.release_s, schedule.release_block) == (0, 0.0, 0)


def test_damage_is_refused() -> None:
    with pytest.raises(MidiError):
        stem_schedule(b"", 44100)
