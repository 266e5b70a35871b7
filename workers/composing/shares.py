"""Which genre a song is of where the plan gives them shares: kept in every stretch of songs, and known from the number alone."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Final

from schemas.base import draw

#: 2^64 divided by the golden ratio: steps of it fill a circle most evenly, whichever of them are looked at (Knuth, The Art of
#: Computer Programming 3, section 6.4).
_STEP: Final = 0x9E3779B97F4A7C15
_CIRCLE: Final = 2**64


def genre_in_turn(seed: int, number: int, shares: Mapping[str, float]) -> str:
    """Return the name of the genre of song `number`.

    Of any n songs in a row, each genre has n times its share, give or take a few, whatever n and the first of them.

    Args:
        seed: of the plan; it says where the turns begin.
        number: of the song.
        shares: weight of each genre, above 0.
    """
    names = sorted(shares)
    place = (int(draw(seed, "genre turns") * _CIRCLE) + number * _STEP) % _CIRCLE / _CIRCLE * sum(shares.values())
    borders = accumulate(shares[name] for name in names)
    return next((name for name, border in zip(names, borders, strict=True) if place < border), names[-1])
