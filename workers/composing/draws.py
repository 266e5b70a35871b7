"""Named streams of draws: each purpose has its own, so that a change of one thing in a song changes nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

_WORD: Final = 8
#: Uniform numbers whose sum is close to normal (Irwin and Hall): sums round alike everywhere, logarithms need not. The
#: variance of their sum is a third, and they never lie more than 3.5 deviations from their mean.
_NORMAL_TERMS: Final = 4
_NORMAL_SCALE: Final = 3**0.5


class Stream:
    """A generator of numbers that depend on its key alone, on every machine: SHA-256 of the key and a counter."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._words: list[int] = []
        self._count = 0

    def unit(self) -> float:
        """Return a number in [0, 1), of 53 bits."""
        if not self._words:
            digest = hashlib.sha256(self._key + self._count.to_bytes(_WORD, "big")).digest()
            self._words = [int.from_bytes(digest[at : at + _WORD], "big") for at in range(0, len(digest), _WORD)]
            self._count += 1
        return (self._words.pop() >> 11) / 2**53

    def uniform(self, low: float, high: float) -> float:
        """Return a number between `low` and `high`."""
        return low + (high - low) * self.unit()

    def integer(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return low + int(self.unit() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """Return true as often as `probability` says."""
        return self.unit() < probability

    def normal(self, mean: float, deviation: float) -> float:
        """Return a number that is nearly normal; never more than 3.5 deviations away."""
        total = sum(self.unit() for _ in range(_NORMAL_TERMS))
        return mean + deviation * _NORMAL_SCALE * (total - _NORMAL_TERMS / 2)

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items, all alike."""
        return items[self.integer(0, len(items) - 1)]

    def choice(self, weights: Mapping[T, float]) -> T:
        """Return one of the keys, by weight; the order in which they stand does not matter."""
        ordered = sorted(weights, key=str)
        left = self.unit() * sum(weights[key] for key in ordered)  # sums round by their order
        for key in ordered:
            left -= weights[key]
            if left < 0:
                return key
        return max(ordered, key=lambda key: weights[key])


class Draws:
    """The draws of one try at one song.

    Args:
        seed: of the plan.
        index: of the song.
        attempt: 0 for the first try.
    """

    def __init__(self, seed: int, index: int, attempt: int = 0) -> None:
        self._key = f"{seed}\x1f{index}\x1f{attempt}"

    def stream(self, *purpose: object) -> Stream:
        """Return the stream of a purpose, from its beginning; the same purpose gives the same numbers again."""
        return Stream("\x1f".join([self._key, *map(str, purpose)]))
