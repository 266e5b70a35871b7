"""A limiter that looks ahead, as a curve of gains that is known before a sample is multiplied.

The song is cut into blocks of `STEP_FRAMES`; at each edge between two blocks the curve has a gain, and from edge to edge the
factor moves evenly. Both edges of a block are at or below what the block's peak allows, so that no sample of it passes. The
gain falls at most `_FALL_DB` from edge to edge before a peak and recovers at most at `_RISE_DB_PER_S` after it: of all curves
that are that slow, it is the highest.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.limiter import LimitedStretch, Limiter
from workers.audio.stemfile import HOP_FRAMES
from workers.mixing.gains import GAIN_STEP_DB

#: Frames of a block, which are the hops that peaks are measured in: 12 ms at 44.1 kHz, which is how far ahead the limiter looks
#: at least.
STEP_FRAMES: Final = HOP_FRAMES
#: Steepest fall, dB per block: a gain of -6 dB is reached within 23 ms.
_FALL_DB: Final = 3.0
#: Fastest recovery: slow enough that single waves of a bass note are not traced.
_RISE_DB_PER_S: Final = 20.0
#: What rounding of factors and products may add to a sample, and far more.
_MARGIN: Final = 2e-6
#: What the sums above may be off by, so that 0 dB stays 0 dB; it is within the margin.
_ROUNDING_DB: Final = 1e-9
_DIGITS: Final = 4

Curve = NDArray[np.float64]


class GainCurve:
    """The gain of every frame of a song.

    Args:
        gains_db: at the edges of the blocks, one more than there are blocks; at most 0, multiples of 0.0001 dB.
    """

    def __init__(self, gains_db: Curve) -> None:
        self.gains_db = gains_db
        self._factors = np.where(gains_db == 0.0, 1.0, 10.0 ** (gains_db / 20.0))
        self._ramp = (np.arange(STEP_FRAMES) / STEP_FRAMES)[None, :]
        self._last: tuple[tuple[int, int], Curve | None] = ((0, 0), None)

    @property
    def is_active(self) -> bool:
        """Whether it takes anything off anywhere."""
        return bool(self.gains_db.min(initial=0.0) < 0.0)

    def of(self, start: int, length: int) -> Curve | None:
        """Return the factors of frames [start, start + length), float64 [length, 1]; None where all are 1.

        The stems of a song ask for the same frames one after another: the last answer is kept, and read-only.
        """
        place, factors = self._last
        if place != (start, length):
            factors = self._factors_of(start, length)
            self._last = (start, length), factors
        return factors

    def _factors_of(self, start: int, length: int) -> Curve | None:
        first, last = start // STEP_FRAMES, -(-(start + length) // STEP_FRAMES)
        edges = self._factors[first : last + 1]
        if edges.min() == 1.0:
            return None
        factors = (edges[:-1, None] + np.diff(edges)[:, None] * self._ramp).reshape(-1)
        factors.flags.writeable = False
        return factors[start - first * STEP_FRAMES :][:length, None]

    def at_work(self, hop: int) -> NDArray[np.bool_]:
        """Return in which hops of `hop` frames, counted from the first frame, the factor is not 1 throughout."""
        working = (self._factors[:-1] < 1.0) | (self._factors[1:] < 1.0)
        found = np.zeros(-(-len(working) * STEP_FRAMES // hop), bool)
        blocks = np.flatnonzero(working)
        found[blocks * STEP_FRAMES // hop] = True
        found[((blocks + 1) * STEP_FRAMES - 1) // hop] = True  # a block may lie in two hops
        return found

    def mean_squares(self, hop: int, hops: int) -> Curve:
        """Return the mean of the squared factor in each of the first `hops` hops of `hop` frames."""
        low, high = self._factors[:-1], self._factors[1:]
        of_block = (low * low + low * high + high * high) / 3.0
        sums = np.concatenate([[0.0], np.cumsum(of_block)])
        places = np.minimum(np.arange(hops + 1) * (hop / STEP_FRAMES), len(of_block))
        means: Curve = np.diff(np.interp(places, np.arange(len(sums)), sums)) * (STEP_FRAMES / hop)
        return means

    def record(self, rate_hz: int) -> Limiter:
        """Return what is written down of it."""
        edges = np.flatnonzero(np.diff(self.gains_db < 0.0, prepend=False, append=False)).reshape(-1, 2)
        step_s = STEP_FRAMES / rate_hz
        joined: list[tuple[int, int]] = []
        for start, stop in edges.tolist():  # from the edge of 0 dB before to that after
            first, last = max(start - 1, 0), min(stop, len(self.gains_db) - 1)
            if joined and first <= joined[-1][1]:
                first = joined.pop()[0]
            joined.append((first, last))
        return Limiter(
            step_s=step_s,
            least_gain_db=float(self.gains_db.min(initial=0.0)),
            limited_s=round(sum(last - first for first, last in joined) * step_s, 6),
            stretches=[
                LimitedStretch(
                    start_s=round(first * step_s, 6), gains_db=(self.gains_db[first : last + 1] + 0.0).tolist()
                )
                for first, last in joined
            ],
        )


def limiting_curve(peaks: NDArray[np.floating], rate_hz: int) -> GainCurve:
    """Return the highest curve that is slow enough and keeps every block under 1.

    Args:
        peaks: of every block of `STEP_FRAMES`, relative to what it may reach.
        rate_hz: sample rate.
    """
    over = np.maximum(peaks.astype(np.float64) * (1.0 + _MARGIN), 1.0)
    wanted = np.concatenate([[0.0], -20.0 * np.log10(over), [0.0]])
    edges = np.minimum(wanted[:-1], wanted[1:])
    steps = np.arange(len(edges))
    rise = _RISE_DB_PER_S * STEP_FRAMES / rate_hz
    after = np.minimum.accumulate(edges - rise * steps) + rise * steps
    before = np.minimum.accumulate((after + _FALL_DB * steps)[::-1])[::-1] - _FALL_DB * steps
    gains = np.floor((np.minimum(before, edges) + _ROUNDING_DB) / GAIN_STEP_DB) * GAIN_STEP_DB
    return GainCurve(np.round(gains, _DIGITS) + 0.0)
