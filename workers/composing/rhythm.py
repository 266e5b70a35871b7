"""Rhythms of a bar as strings of strikes, holds and rests."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from schemas.score import Bar
from workers.composing.draws import Stream
from workers.composing.meters import beats_of, is_compound

Span = tuple[int, int]


def fitting(rhythms: Sequence[str], bar: Bar) -> list[str]:
    """Return the rhythms that go with the meter of a bar: they divide it evenly, and every beat of it.

    Those that begin with a meter, such as `3/4 x-.x-.`, are of that one only. Beats that divide by three are struck whole
    or in threes.
    """
    meter = "/".join(map(str, bar.meter))
    named = [(rhythm.rpartition(" ")[0], rhythm.rpartition(" ")[2]) for rhythm in rhythms]
    beats = {beat.ticks for beat in beats_of(bar.meter)} | {beat.start for beat in beats_of(bar.meter)}
    return [
        rhythm
        for of, rhythm in named
        if of in ("", meter)
        and bar.ticks % len(rhythm) == 0
        and all(ticks % (bar.ticks // len(rhythm)) == 0 for ticks in beats)
        and (not is_compound(bar.meter) or _places(rhythm, bar) in (1, 3, 6, 12))
    ]


def _places(rhythm: str, bar: Bar) -> int:
    """Return into how many places a rhythm divides a beat."""
    return len(rhythm) // len(beats_of(bar.meter))


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


def cut_at(struck: Sequence[Span], places: Sequence[int]) -> list[Span]:
    """Strike anew at every place that lies inside something held."""
    found: list[Span] = []
    for start, end in struck:
        edges = [start, *(place for place in places if start < place < end), end]
        found += itertools.pairwise(edges)
    return found


def joined(struck: Sequence[Span], more: Sequence[Span]) -> list[Span]:
    """Return both in order of time; nothing lasts into what is struck next."""
    together = sorted({*struck, *more})
    ends = [*(start for start, _ in together[1:]), together[-1][1]] if together else []
    return [(start, min(end, until)) for (start, end), until in zip(together, ends, strict=True)]
