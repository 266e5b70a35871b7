"""Bars and beats that follow from meters, in ticks.

A beat is the meter's note value, or three of them in compound meters: those whose numerator is 6, 9, 12 or another
multiple of three above three, in eighths or shorter (6/8, 9/8, 12/8). 3/4, 3/8, 5/8, 6/4 and 7/8 count their note
value. A change of meter starts a new bar, wherever it stands; a statement of the meter that already holds does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from schemas.errors import MidiError
from workers.midi.model import Floats, Ints

#: Most beats of a song: a day at 690 a minute. A stray event at an absurd time must not fill the memory.
MAX_BEATS: Final = 1_000_000


class MeterChange(NamedTuple):
    tick: int
    numerator: int
    denominator: int

    @property
    def is_compound(self) -> bool:
        """Whether three note values make one beat."""
        return self.numerator > 3 and self.numerator % 3 == 0 and self.denominator >= 8

    @property
    def beats_per_bar(self) -> int:
        """Beats in a full bar."""
        return self.numerator // 3 if self.is_compound else self.numerator

    def beat_ticks(self, ticks_per_quarter: int) -> float:
        """Return the length of a beat, ticks; exact, since the denominator is a power of two."""
        return 4 * ticks_per_quarter / self.denominator * (3 if self.is_compound else 1)


def beat_table(meters: Sequence[MeterChange], ticks_per_quarter: int, end_tick: float) -> tuple[Floats, Ints, Ints]:
    """Return tick, bar and position of every beat up to `end_tick`, each of shape [beats].

    Args:
        meters: in order of ticks, the first at tick 0.
        ticks_per_quarter: ticks in a quarter note.
        end_tick: beats after it are left out; one at it is kept.

    Raises:
        MidiError: more than `MAX_BEATS` beats.
    """
    ticks: list[Floats] = [np.zeros(0)]
    bars: list[Ints] = [np.zeros(0, np.int64)]
    positions: list[Ints] = [np.zeros(0, np.int64)]
    ends = [float(meter.tick) for meter in meters[1:]] + [float("inf")]
    bar, total = 1, 0
    for meter, end in zip(meters, ends, strict=True):
        if meter.tick > end_tick:
            break
        length = meter.beat_ticks(ticks_per_quarter)
        count = int(min(np.ceil((end - meter.tick) / length), (end_tick - meter.tick) // length + 1))
        total += count
        if total > MAX_BEATS:
            raise MidiError(f"the song has more than {MAX_BEATS} beats up to tick {end_tick:.0f}")
        number = np.arange(count)
        ticks.append(np.asarray(meter.tick + number * length, np.float64))
        bars.append(bar + number // meter.beats_per_bar)
        positions.append(1 + number % meter.beats_per_bar)
        bar += -(-count // meter.beats_per_bar)
    return np.concatenate(ticks), np.concatenate(bars), np.concatenate(positions)
