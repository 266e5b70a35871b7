"""Meters: where the beats of a bar lie, in ticks. One grid holds for all layers."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from schemas.score import PPQ, Meter

_EIGHTH: Final = PPQ // 2


class Beat(NamedTuple):
    """One beat of a bar."""

    start: int  #: ticks after the bar's start
    ticks: int


#: Eighths in the beats of meters whose beats are not all of one quarter: compound meters beat in dotted quarters, and seven
#: eighths as two, two and three.
_GROUPS: Final[dict[Meter, tuple[int, ...]]] = {(6, 8): (3, 3), (12, 8): (3, 3, 3, 3), (7, 8): (2, 2, 3)}


def quarter_us(tempo_bpm: float) -> int:
    """Return the microseconds of a quarter note: what a MIDI file can say of a tempo."""
    return round(60_000_000 / tempo_bpm)


def parse_meter(word: str) -> Meter:
    """Read a meter such as `6/8`; it is one of `schemas.genre.METERS`."""
    numerator, _, denominator = word.partition("/")
    return int(numerator), int(denominator)


def bar_ticks(meter: Meter) -> int:
    """Return the length of a bar."""
    return PPQ * 4 * meter[0] // meter[1]


@lru_cache(maxsize=64)
def beats_of(meter: Meter) -> tuple[Beat, ...]:
    """Return the beats of a bar; they fill it without a gap."""
    lengths = [group * _EIGHTH for group in _GROUPS.get(meter, ())] or [PPQ] * meter[0]
    starts = [sum(lengths[:number]) for number in range(len(lengths))]
    return tuple(Beat(*beat) for beat in zip(starts, lengths, strict=True))


def is_compound(meter: Meter) -> bool:
    """Whether its beats divide by three."""
    return meter in ((6, 8), (12, 8))
