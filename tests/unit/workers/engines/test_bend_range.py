"""Bends for a plug-in that knows one range only: what a part asks for in semitones is what its wheel is sent."""

from __future__ import annotations

from schemas.patch import Control, SoundSettings
from tests.support.midi import Event, bend, control, note, song
from workers.engines.controls import sent_midi
from workers.midi.model import BEND, CONTROL, kinds
from workers.midi.smf import read_midi

OCTAVE = [control(0, 101, 0), control(0, 100, 0), control(0, 6, 12)]
NOTE = note(100, 900, 60)


def wheel(*events: Event, plays: tuple[Control, ...] = ("bend",), bend_range: float = 2.0) -> list[tuple[int, int]]:
    """Return the (tick, place) of the wheel that a plug-in is sent."""
    sent = read_midi(sent_midi(song([*events, *NOTE]), SoundSettings(plays=plays, bend_range=bend_range))).events
    moves = sent[kinds(sent) == BEND]
    return [(tick, int(d1) | int(d2) << 7) for tick, d1, d2 in moves[["tick", "d1", "d2"]].tolist()]


def controls_sent(*events: Event, plays: tuple[Control, ...]) -> list[int]:
    sent = read_midi(sent_midi(song([*events, *NOTE]), SoundSettings(plays=plays))).events
    return [int(number) for number in sent["d1"][kinds(sent) == CONTROL]]


def test_a_range_that_the_part_sets_is_turned_into_the_plug_ins_own() -> None:
    semitone = bend(200, 8192 + round(8192 / 12))
    assert wheel(*OCTAVE, semitone)[-1] == (200, 8192 + 4098)
    assert wheel(*OCTAVE, semitone, bend_range=24.0)[-1] == (200, 8192 + 342)


def test_what_lies_beyond_is_bent_as_far_as_it_goes() -> None:
    assert wheel(*OCTAVE, bend(200, 16383), bend(300, 0))[-2:] == [(200, 16383), (300, 0)]


def test_a_change_of_the_range_moves_the_wheel_that_is_off_its_centre() -> None:
    later = [control(300, 101, 0), control(300, 100, 0), control(300, 6, 1)]
    assert wheel(bend(200, 12288), *later)[-1] == (300, 8192 + 2048)


def test_registered_parameters_are_not_sent_to_it() -> None:
    assert controls_sent(*OCTAVE, plays=("bend",)) == []


def test_a_plug_in_that_knows_ranges_is_sent_them_and_the_wheel_as_it_stands() -> None:
    both: tuple[Control, ...] = ("bend", "bend_range")
    assert controls_sent(*OCTAVE, plays=both) == [101, 100, 6]
    assert wheel(*OCTAVE, bend(200, 9000), plays=both) == [(200, 9000)]


def test_a_reset_of_all_controllers_stays_what_it_is() -> None:
    assert wheel(bend(200, 9000), control(300, 121, 0)) == [(200, 9000)]
    assert controls_sent(bend(200, 9000), control(300, 121, 0), plays=("bend",)) == [121]
