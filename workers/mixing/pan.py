"""Where a stem stands between left and right: a balance of constant power that never makes a stem louder.

Pan p in [-1, 1] turns by the angle (p + 1) * 45 degrees: left is multiplied with sqrt(2) cos, right with sqrt(2) sin,
so that a stem that is alike on both sides keeps its power wherever it stands, and p = 0 leaves it as it is. A stem that is
stronger on the side it is moved to would gain by up to 3 dB; both factors are then lowered until its K-weighted power
(ITU-R BS.1770-4) is what it was. Nothing moves from one side to the other: at the very edge one side is gone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.roles import pan_law

#: What samples are multiplied with: one float32, or one a channel.
Factor = np.float32 | NDArray[np.float32]

#: Factors are multiples of this, rounded down.
_STEP: Final = 1e-6
#: Raw stems are multiples of so many frames.
_ROW_FRAMES: Final = 64


class Sides(NamedTuple):
    """What was measured of the two sides of a raw stem, each by itself."""

    power: NDArray[np.float64]  #: [2, hops]: K-weighted mean square of every 100 ms
    peaks: tuple[float, float]
    hop_peaks: NDArray[np.float32]  #: [2, hops]: peak of every `workers.audio.levels.HOP_FRAMES`


class Place(NamedTuple):
    """What a mix does to a stem beside matching its loudness."""

    gain_db: float = 0.0  #: of its role
    pan: float = 0.0
    balance: tuple[float, float] = (1.0, 1.0)  #: what left and right are multiplied with
    sides: Sides | None = None  #: None where the stem stays where it was played

    def factors(self, gain_db: float) -> NDArray[np.float32]:
        """Return what left and right are multiplied with after a gain."""
        gain = 10.0 ** (gain_db / 20.0)
        return np.array([gain * side for side in self.balance], dtype=np.float32)


CENTRE: Final = Place()


def placed(gain_db: float, pan: float, sides: Sides | None) -> Place:
    """Return the place of a stem; `sides` are needed where `pan` is not 0."""
    if pan == 0.0 or sides is None:
        return Place(gain_db)
    return Place(gain_db, pan, balance_of(pan, sides), sides)


def multiplier(place: Place) -> Callable[..., NDArray[Any]]:
    """Return what multiplies samples with the factor of a stem in its place."""
    return np.multiply if place.sides is None else multiply_sides


def multiply_sides(samples: NDArray[Any], factors: NDArray[Any], *, out: NDArray[Any]) -> NDArray[Any]:
    """Multiply each channel with its own factor: samples and `out` are [frames, channels]."""
    if len(samples) % _ROW_FRAMES == 0 and samples.flags.c_contiguous and out.flags.c_contiguous:
        row = np.tile(factors, _ROW_FRAMES)  # long rows of neighbours are where the product is fast
        np.multiply(samples.reshape(-1, len(row)), row, out=out.reshape(-1, len(row)))
        return out
    for side, factor in enumerate(factors):
        np.multiply(samples[:, side], factor, out=out[:, side])
    return out


def balance_of(pan: float, sides: Sides) -> tuple[float, float]:
    """Return what left and right are multiplied with, such that the power of the whole does not rise."""
    left, right = pan_law(pan)
    before = sides.power.sum(axis=1)
    after = float(before[0] * left**2 + before[1] * right**2)
    trim = 1.0 if after <= 0.0 else min(1.0, math.sqrt(float(before.sum()) / after))
    return _down(left * trim), _down(right * trim)


def _down(value: float) -> float:
    return round(math.floor(value / _STEP) * _STEP, 6)
