"""Patches in turn: every patch of a group is drawn in proportion to its weight not only on the whole, but at every moment.

The draws of a group are numbered through the songs in the order of their tracks. The first n of them have each patch
n times its share, give or take less than two, for every n. Which patch comes when is drawn by hash of (seed, group, number),
so that the turns of two groups have nothing to do with one another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from farm.planning.select import Selection
from schemas.base import draw
from schemas.gm import DRUM_PROGRAM
from schemas.instruments import InstrumentGroup, InstrumentMap, InstrumentPlan
from schemas.plan import DatasetPlan
from schemas.song import PartFacts


def with_places(plan: DatasetPlan, selection: Selection) -> Selection:
    """Tell every chosen song how many draws from each group come before its own, where the plan balances them."""
    made = plan.instruments.loaded
    if made is None or not plan.instruments.balance:
        return selection
    drawn: Counter[str] = Counter()
    chosen = []
    for song in selection.chosen:
        own = _draws(plan.instruments, made, song.spec.facts.parts)
        places = {group: drawn[group] for group in sorted(own)}
        chosen.append(replace(song, spec=song.spec.model_copy(update={"places": places})))
        drawn.update(own)
    return Selection(chosen, selection.rejected)


def _draws(instruments: InstrumentPlan, made: InstrumentMap, parts: Iterable[PartFacts]) -> Counter[str]:
    """Count a song's draws from each group: one for each program and kit, or one for each part."""
    keys = {
        (DRUM_PROGRAM if part.is_drum else part.program, part.program if part.is_drum else 0)
        + ((0,) if instruments.same_program_same_patch else (number,))
        for number, part in enumerate(parts)
    }
    groups = (made.group_of(key[0]) for key in keys)
    return Counter(group.name for group in groups if group is not None and group.patches)


def patch_in_turn(seed: int, group: InstrumentGroup, place: int) -> str:
    """Return the name of the patch whose turn it is at the draw with this number, counted from 0."""
    weights = sorted((patch.name, patch.weight) for patch in group.patches)
    return _turns(seed, group.name, tuple(weights)).at(place)


class _Turns:
    """The order in which the patches of a group are drawn, made as far as it is asked for."""

    def __init__(self, seed: int, group: str, weights: Sequence[tuple[str, float]]) -> None:
        self._key = (seed, group)
        self._names = [name for name, _ in weights]
        total = sum(weight for _, weight in weights)
        self._shares = [weight / total for _, weight in weights]
        self._counts = [0] * len(weights)
        self._order: list[int] = []

    def at(self, place: int) -> str:
        """Return the name at a place."""
        while len(self._order) <= place:
            self._draw()
        return self._names[self._order[place]]

    def _draw(self) -> None:
        """Draw the next: what is a whole turn behind its share, or else any that is behind, the further the likelier."""
        number = len(self._order) + 1
        behind = [number * share - count for share, count in zip(self._shares, self._counts, strict=True)]
        chosen = max(range(len(behind)), key=behind.__getitem__)
        if behind[chosen] < 1.0:
            left = draw(*self._key, number, "balance") * sum(amount for amount in behind if amount > 0)
            for index, amount in enumerate(behind):
                if amount > 0 and (left := left - amount) < 0:
                    chosen = index
                    break
        self._counts[chosen] += 1
        self._order.append(chosen)


@lru_cache(maxsize=1024)
def _turns(seed: int, group: str, weights: tuple[tuple[str, float], ...]) -> _Turns:
    return _Turns(seed, group, weights)
