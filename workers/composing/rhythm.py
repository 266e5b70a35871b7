"""Rhythms of a bar as strings of strikes, holds and rests."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.score import Bar
from workers.composing.draws import Stream
from workers.composing.meters import beats_of

Span = tuple[int, int]


def fitting(rhythms: Sequence[str], bar: Bar) -> list[str]:
    """Return the rhythms that go with the meter of a bar: they divide it evenly, and every beat of it."""
    beats = {beat.ticks for beat in beats_of(bar.meter)} | {beat.start for beat in beats_of(bar.meter)}
    return [
        rhythm
        for rhythm in rhythms
        if bar.ticks % len(rhythm) == 0 and all(ticks % (bar.ticks // len(rhythm)) == 0 for ticks in beats)
    ]


def spans(rhythm: str, bar: Bar) -> list[Span]:
    """Return start and end of what a rhythm strikes in a bar, ticks from the song's start."""
    slot = bar.ticks // len(rhythm)
    found: list[Span] = []
    for number, sign in enumerate(rhythm):
        start = bar.start + number * slot
        if sign == "x":
            found.append((start, start + slot))
        elif sign == "-" and found and found[-1][1] == start:
            found[-1] = (found[-1][0], start + slot)
    return found


def drawn(rhythms: Sequence[str], bar: Bar, stream: Stream, otherwise: Sequence[Span]) -> list[Span]:
    """Draw a rhythm that goes with a bar, and return what it strikes; where there is none, what is said instead."""
    possible = fitting(rhythms, bar)
    return spans(stream.pick(possible), bar) if possible else list(otherwise)
