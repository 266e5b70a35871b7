"""Notes of a stem: keys, pedals, bends and silence, as FluidSynth plays them."""

from __future__ import annotations

import io
import random
import warnings

import numpy as np
import pretty_midi
import pytest

from schemas.errors import MidiError
from tests.support import corpus
from tests.support import midi as smf
from workers.midi.notes import NoteTable, read_notes
from workers.midi.smf import read_midi
from workers.midi.split import split_song


def _read(*events: smf.Event, end: int | None = None) -> NoteTable:
    """Read the notes of one track; 500 ticks a quarter make a tick a millisecond."""
    return read_notes(read_midi(smf.song(list(events), division=500, end=end)))


def _spans(table: NoteTable) -> list[tuple[int, int, int, int]]:
    """Return (pitch, onset, key off, offset) of each note, ms."""
    columns = (table.onset_s, table.key_off_s, table.offset_s)
    times = (np.rint(column * 1000).astype(int).tolist() for column in columns)
    return list(zip(table.pitch.tolist(), *times, strict=True))


SUSTAIN, SOSTENUTO = 64, 66


# ---------------------------------------------------------------- keys


def test_a_note_lasts_from_its_note_on_to_its_note_off() -> None:
    table = _read(smf.note_on(100, 60, 77), smf.note_off(250, 60), smf.note_on(300, 62, 1), smf.note_on(400, 62, 0))
    assert _spans(table) == [(60, 100, 250, 250), (62, 300, 400, 400)]
    assert table.velocity.tolist() == [77, 1]
    assert table.onset_tick.tolist() == [100, 300]


def test_notes_are_sorted_by_onset_then_pitch() -> None:
    events = [smf.note_on(5, 70), smf.note_on(5, 50), smf.note_on(5, 60), smf.note_on(0, 80)]
    assert _read(*events, end=9).pitch.tolist() == [80, 50, 60, 70]


def test_a_key_struck_again_ends_the_note_that_sounds() -> None:
    table = _read(smf.note_on(0, 60), smf.note_on(100, 60), smf.note_off(200, 60), smf.note_off(300, 60))
    assert _spans(table) == [(60, 0, 100, 100), (60, 100, 200, 200)]


def test_a_key_that_nothing_releases_is_released_where_the_track_ends() -> None:
    assert _spans(_read(smf.note_on(10, 60), end=700)) == [(60, 10, 700, 700)]


def test_a_stem_without_notes_has_empty_columns() -> None:
    table = _read(smf.control(0, 7, 90))
    assert len(table) == 0
    assert table.onset_s.dtype == np.float64


def test_notes_are_not_read_from_a_song_of_several_channels() -> None:
    with pytest.raises(MidiError, match="one channel"):
        _read(smf.note_on(0, 60), smf.note_on(0, 60, channel=1))


# ---------------------------------------------------------------- pedals


@pytest.mark.parametrize(("value", "offset"), [(127, 500), (64, 500), (63, 100), (0, 100)])
def test_sustain_holds_released_notes_from_value_64_on(value: int, offset: int) -> None:
    table = _read(smf.control(0, SUSTAIN, value), *smf.note(10, 90, 60), smf.control(500, SUSTAIN, 0))
    assert _spans(table) == [(60, 10, 100, offset)]


def test_sustain_pressed_after_the_release_holds_nothing() -> None:
    table = _read(*smf.note(0, 100, 60), smf.control(100, SUSTAIN, 127), smf.control(500, SUSTAIN, 0))
    assert _spans(table) == [(60, 0, 100, 100)]


def test_sustain_lifted_while_a_key_is_down_leaves_the_note() -> None:
    table = _read(smf.control(0, SUSTAIN, 127), *smf.note(0, 300, 60), smf.control(200, SUSTAIN, 63))
    assert _spans(table) == [(60, 0, 300, 300)]


def test_a_key_struck_again_under_the_pedal_sounds_twice() -> None:
    table = _read(
        smf.control(0, SUSTAIN, 127), smf.note_on(0, 60), smf.note_on(100, 60), smf.note_off(200, 60),
        smf.control(400, SUSTAIN, 0),
    )  # fmt: skip
    assert _spans(table) == [(60, 0, 100, 400), (60, 100, 200, 400)]


def test_a_pedal_that_is_never_lifted_is_lifted_where_the_track_ends() -> None:
    assert _spans(_read(smf.control(0, SUSTAIN, 127), *smf.note(0, 100, 60), end=900)) == [(60, 0, 100, 900)]


def test_sostenuto_holds_only_notes_struck_before_it() -> None:
    table = _read(
        smf.note_on(0, 60), smf.control(50, SOSTENUTO, 127), smf.note_on(60, 64), smf.note_off(100, 60),
        smf.note_off(110, 64), smf.control(400, SOSTENUTO, 0),
    )  # fmt: skip
    assert _spans(table) == [(60, 0, 100, 400), (64, 60, 110, 110)]


def test_sostenuto_pressed_again_without_lifting_takes_the_newer_notes_too() -> None:
    table = _read(
        smf.note_on(0, 60), smf.control(10, SOSTENUTO, 127), smf.note_on(20, 62), smf.control(30, SOSTENUTO, 100),
        smf.note_off(40, 60), smf.note_off(50, 62), smf.control(300, SOSTENUTO, 0),
    )  # fmt: skip
    assert _spans(table) == [(60, 0, 40, 300), (62, 20, 50, 300)]


def test_a_key_struck_again_while_sostenuto_holds_it_is_held_as_well() -> None:
    table = _read(
        smf.note_on(0, 60), smf.control(10, SOSTENUTO, 127), smf.note_off(20, 60), *smf.note(100, 100, 60),
        *smf.note(100, 100, 72), smf.control(400, SOSTENUTO, 0),
    )  # fmt: skip
    assert _spans(table) == [(60, 0, 20, 400), (60, 100, 200, 400), (72, 100, 200, 200)]


def test_a_note_that_sostenuto_holds_ends_with_sostenuto_even_under_sustain() -> None:
    table = _read(
        smf.note_on(0, 60), smf.control(10, SOSTENUTO, 127), smf.control(10, SUSTAIN, 127), smf.note_off(50, 60),
        smf.control(200, SOSTENUTO, 0), smf.control(400, SUSTAIN, 0),
    )  # fmt: skip
    assert _spans(table) == [(60, 0, 50, 200)]


def test_a_sustained_key_struck_again_under_sostenuto_passes_to_sostenuto() -> None:
    table = _read(
        smf.control(0, SUSTAIN, 127), *smf.note(0, 10, 60), smf.control(20, SOSTENUTO, 127), smf.note_on(30, 60),
        smf.control(100, SUSTAIN, 0), smf.note_off(150, 60), smf.control(300, SOSTENUTO, 0),
    )  # fmt: skip
    assert _spans(table) == [(60, 0, 10, 300), (60, 30, 150, 150)]


def test_all_notes_off_releases_keys_and_heeds_the_pedals() -> None:
    plain = _read(smf.note_on(0, 60), smf.control(50, 123, 0), smf.note_off(90, 60))
    assert _spans(plain) == [(60, 0, 50, 50)]
    pedal = _read(
        smf.control(0, SUSTAIN, 127), smf.note_on(0, 60), smf.control(50, 123, 0), smf.control(80, SUSTAIN, 0)
    )
    assert _spans(pedal) == [(60, 0, 50, 80)]


def test_all_sound_off_ends_held_and_sustained_notes_at_once() -> None:
    table = _read(
        smf.note_on(0, 60), smf.control(5, SOSTENUTO, 127), smf.control(5, SUSTAIN, 127), smf.note_off(10, 60),
        *smf.note(20, 10, 62), smf.note_on(30, 64), smf.control(100, 120, 0), smf.control(500, SUSTAIN, 0),
    )  # fmt: skip
    assert _spans(table) == [(60, 0, 10, 100), (62, 20, 30, 100), (64, 30, 100, 100)]


def test_reset_all_controllers_lifts_both_pedals() -> None:
    table = _read(
        smf.note_on(0, 60), smf.control(5, SOSTENUTO, 127), smf.control(5, SUSTAIN, 127), smf.note_off(10, 60),
        *smf.note(20, 10, 62), smf.control(100, 121, 0), *smf.note(200, 10, 64),
    )  # fmt: skip
    assert _spans(table) == [(60, 0, 10, 100), (62, 20, 30, 100), (64, 200, 210, 210)]


def test_notes_without_pedals_are_the_same_when_a_pedal_follows_them_all() -> None:
    """Stems that press no pedal take a quicker way; a press at the very end sends them the other way round."""
    draw = random.Random(3)
    for _ in range(60):
        events = []
        for tick in sorted(draw.randrange(200) for _ in range(60)):
            key = draw.choice((60, 62))
            number = draw.choice((SUSTAIN, SOSTENUTO, 120, 121, 123))
            makers = [smf.note_on(tick, key), smf.note_on(tick, key), smf.note_off(tick, key)]
            events.append(draw.choice([*makers, smf.control(tick, number, 0)]))
        quick = _read(*events, end=300)
        assert _spans(_read(*events, smf.control(300, SUSTAIN, 127))) == _spans(quick)


def test_real_stems_without_chords_have_the_notes_of_pretty_midi() -> None:
    compared = 0
    for path in corpus.songs():
        result, stems = split_song(path.read_bytes())
        for part in result.parts:
            table = read_notes(read_midi(stems[part.name]))
            if part.notes > 800 or (np.diff(table.onset_tick) == 0).any():
                continue  # pretty_midi is slow, and has another order for chords
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                (instrument,) = pretty_midi.PrettyMIDI(io.BytesIO(stems[part.name])).instruments
            notes = sorted(instrument.notes, key=lambda note: note.start)
            np.testing.assert_allclose(table.onset_s, [note.start for note in notes], atol=1e-6)
            np.testing.assert_allclose(table.key_off_s, [note.end for note in notes], atol=1e-6)
            assert table.pitch.tolist() == [note.pitch for note in notes]
            assert table.velocity.tolist() == [note.velocity for note in notes]
            compared += 1
    assert compared > 10


# ---------------------------------------------------------------- bends and tunings


def _bent(*events: smf.Event) -> list[bool]:
    """Read the bend flags of notes at 0-90, 100-190, 200-290 ms, among `events`."""
    notes = [event for start in (0, 100, 200) for event in smf.note(start, 90, 60)]
    return [bool(flag) for flag in _read(*events, *notes).bent]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], [False, False, False]),
        ([smf.bend(0, 8192)], [False, False, False]),
        ([smf.bend(50, 9000), smf.bend(95, 8192)], [True, False, False]),
        ([smf.bend(95, 0), smf.bend(100, 8192)], [False, False, False]),  # back in time
        ([smf.bend(95, 0), smf.bend(101, 8192)], [False, True, False]),
        ([smf.bend(150, 16383)], [False, True, True]),
        ([smf.bend(50, 9000), smf.bend(50, 8192)], [False, False, False]),  # for no time
        ([smf.bend(190, 9000), smf.bend(200, 8192)], [False, False, False]),  # between notes
        ([smf.bend(50, 9000), smf.control(95, 121, 0)], [True, False, False]),
        ([smf.control(0, 101, 0), smf.control(0, 100, 0), smf.control(0, 6, 0), smf.bend(0, 0)], [False] * 3),
        ([smf.bend(0, 0), smf.control(95, 101, 0), smf.control(95, 100, 0), smf.control(95, 6, 0)],
         [True, False, False]),
        ([smf.control(95, 101, 0), smf.control(95, 100, 1), smf.control(95, 6, 65)], [False, True, True]),
        ([smf.control(95, 101, 0), smf.control(95, 100, 1), smf.control(95, 6, 64)], [False, False, False]),
        ([smf.control(95, 38, 1), smf.control(95, 101, 0), smf.control(95, 100, 1), smf.control(95, 6, 64)],
         [False, True, True]),
        ([smf.control(95, 101, 0), smf.control(95, 100, 2), smf.control(95, 6, 52)], [False, True, True]),
        ([smf.control(0, 101, 0), smf.control(0, 100, 2), smf.control(0, 6, 52), smf.control(95, 121, 0)],
         [True, False, False]),
        ([smf.control(0, 101, 0), smf.control(0, 100, 2), smf.control(0, 99, 1), smf.control(0, 98, 8),
          smf.control(0, 6, 52)], [False] * 3),  # the data belongs to an NRPN
        ([smf.control(0, 101, 0), smf.control(0, 100, 2), smf.control(0, 101, 127), smf.control(0, 100, 127),
          smf.control(0, 6, 52)], [False] * 3),  # to nothing
    ],
)  # fmt: skip
def test_a_note_is_bent_when_wheel_or_tuning_are_off_while_it_sounds(
    events: list[smf.Event], expected: list[bool]
) -> None:
    assert _bent(*events) == expected


def test_a_note_of_no_length_is_bent_when_its_onset_is() -> None:
    assert _read(smf.bend(5, 0), *smf.note(5, 0, 60)).bent.tolist() == [True]
    assert _read(*smf.note(5, 0, 60), smf.bend(6, 0)).bent.tolist() == [False]


def test_a_bend_under_the_pedal_bends_the_sustained_note() -> None:
    table = _read(smf.control(0, SUSTAIN, 127), *smf.note(0, 50, 60), smf.bend(80, 0), smf.control(90, SUSTAIN, 0))
    assert table.bent.tolist() == [True]


# ---------------------------------------------------------------- silence


@pytest.mark.parametrize("number", [7, 11])
def test_notes_under_zero_volume_or_expression_are_muted(number: int) -> None:
    table = _read(
        smf.control(0, number, 0), *smf.note(0, 50, 60), smf.control(50, number, 1), *smf.note(50, 50, 60),
    )  # fmt: skip
    assert table.muted.tolist() == [True, False]
    assert table.audible_s.tolist() == [0.05, 0.05]


def test_a_note_that_fades_in_from_nothing_is_not_muted_and_is_heard_later() -> None:
    table = _read(smf.control(0, 11, 0), *smf.note(0, 500, 60), smf.control(120, 11, 5))
    assert table.muted.tolist() == [False]
    assert table.audible_s.tolist() == [0.12]


def test_a_note_that_fades_out_is_not_muted() -> None:
    table = _read(*smf.note(0, 500, 60), smf.control(20, 7, 0))
    assert (table.muted.tolist(), table.audible_s.tolist()) == ([False], [0.0])


def test_both_volume_and_expression_must_be_up_and_a_reset_lifts_expression_alone() -> None:
    both = _read(smf.control(0, 7, 0), smf.control(0, 11, 0), *smf.note(0, 90, 60), smf.control(20, 7, 9),
                 smf.control(40, 11, 9))  # fmt: skip
    assert both.audible_s.tolist() == [0.04]
    reset = _read(smf.control(0, 7, 0), smf.control(0, 11, 0), *smf.note(0, 90, 60), smf.control(20, 121, 0))
    assert (reset.muted.tolist(), reset.audible_s.tolist()) == ([True], [np.inf])


def test_silence_that_ends_with_the_note_leaves_it_muted() -> None:
    table = _read(smf.control(0, 7, 0), *smf.note(0, 90, 60), smf.control(90, 7, 100))
    assert (table.muted.tolist(), table.audible_s.tolist()) == ([True], [0.09])
