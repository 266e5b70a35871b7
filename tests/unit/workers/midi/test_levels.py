"""The level that MIDI asks for: velocity, volume and expression, each worth 40 log10 of its share."""

from __future__ import annotations

import math

import pytest

from tests.support.midi import Event, control, note, song
from workers.midi.levels import loudest_db


def db(*values: int) -> float:
    return sum(40 * math.log10(value / 127) for value in values)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([*note(0, 96, 60, velocity=127)], db(100)),
        ([control(0, 7, 127), *note(0, 96, 60, velocity=127)], 0.0),
        ([control(0, 7, 52), *note(0, 96, 60, velocity=1)], db(52, 1)),
        ([control(0, 7, 64), control(0, 11, 32), *note(0, 96, 60, velocity=16)], db(64, 32, 16)),
        ([control(0, 7, 64), control(0, 11, 32), control(0, 121, 0), *note(0, 96, 60, velocity=16)], db(64, 16)),
        ([control(0, 7, 10), *note(0, 96, 60, velocity=9), *note(96, 96, 60, velocity=40)], db(10, 40)),
        # a fader that opens while a note sounds counts, one that opens behind it does not
        ([control(0, 7, 10), *note(0, 96, 60, velocity=9), control(48, 7, 90)], db(90, 9)),
        ([control(0, 7, 10), *note(0, 96, 60, velocity=9), control(96, 7, 90)], db(10, 9)),
        ([control(0, 7, 0), *note(0, 96, 60)], None),
        (
            [control(0, 7, 0), *note(0, 96, 60, velocity=99), control(100, 7, 9), *note(101, 9, 60, velocity=5)],
            db(9, 5),
        ),
    ],
)
def test_the_loudest_moment_of_the_loudest_note_counts(events: list[Event], expected: float | None) -> None:
    found = loudest_db(song(events))
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-9))
