"""True peak: the largest value between the samples, by 4x oversampling (ITU-R BS.1770-4, annex 2).

The interpolated value is a sum of twelve neighbouring samples, so it never exceeds the largest of them times the sum
of the filter's absolute coefficients. Wherever that bound stays under the peak known so far nothing is computed,
which leaves a small part of a song. Elementwise float32 arithmetic in a fixed order: the same figure everywhere.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

#: The interpolation filter of annex 2, one row per phase, oldest sample first or last (the rows mirror each other).
PHASES: Final = np.array(
    [
        [
            0.0017089843750, 0.0109863281250, -0.0196533203125, 0.0332031250000, -0.0594482421875, 0.1373291015625,
            0.9721679687500, -0.1022949218750, 0.0476074218750, -0.0266113281250, 0.0148925781250, -0.0083007812500,
        ],
        [
            -0.0291748046875, 0.0292968750000, -0.0517578125000, 0.0891113281250, -0.1665039062500, 0.4650878906250,
            0.7797851562500, -0.2003173828125, 0.1015625000000, -0.0582275390625, 0.0330810546875, -0.0189208984375,
        ],
        [
            -0.0189208984375, 0.0330810546875, -0.0582275390625, 0.1015625000000, -0.2003173828125, 0.7797851562500,
            0.4650878906250, -0.1665039062500, 0.0891113281250, -0.0517578125000, 0.0292968750000, -0.0291748046875,
        ],
        [
            -0.0083007812500, 0.0148925781250, -0.0266113281250, 0.0476074218750, -0.1022949218750, 0.9721679687500,
            0.1373291015625, -0.0594482421875, 0.0332031250000, -0.0196533203125, 0.0109863281250, 0.0017089843750,
        ],
    ],
    dtype=np.float32,
)  # fmt: skip

_TAPS: Final = PHASES.shape[1]
#: No interpolated value exceeds the largest sample by more than this factor (2.02, or 6.1 dB).
MAX_OVERSHOOT: Final = float(np.abs(PHASES).sum(axis=1).max()) * (1 + 1e-5)
#: Frames that are looked at, or passed over, as one; and how many such steps are looked at together, loudest first.
_STEP: Final = 64
_GROUP: Final = 64


class TruePeakMeter:
    """The true peak of a signal that comes in blocks.

    Args:
        channels: of the signal.
        floor: a level that the peak is known to reach, such as the sample peak; what cannot pass it is passed over.
    """

    def __init__(self, channels: int, *, floor: float = 0.0) -> None:
        self._best = np.float32(floor)
        self._tail = np.zeros((_TAPS - 1, channels), dtype=np.float32)

    @property
    def peak(self) -> float:
        """Largest absolute value so far, between the samples or on them; `floor` where nothing passed it."""
        return float(self._best)

    def push(self, block: NDArray[np.float32]) -> None:
        """Take the next frames, float32 [frames, channels]."""
        if len(block):
            signal = np.concatenate([self._tail, block])
            self._tail = signal[-(_TAPS - 1) :].copy()
            self._look(signal)

    def silence(self) -> None:
        """Take silence of any length."""
        if self._tail.any():
            self.push(np.zeros_like(self._tail))

    def _look(self, signal: NDArray[np.float32]) -> None:
        """Take the peaks of all windows of twelve frames in `signal`."""
        steps = -(-len(signal) // _STEP)
        padded = np.zeros(((steps + 1) * _STEP, signal.shape[1]), dtype=np.float32)
        padded[: len(signal)] = signal
        rows = padded.reshape(steps + 1, -1)
        of_step = np.maximum(rows.max(axis=1), -rows.min(axis=1))
        self._best = max(self._best, of_step.max())
        bound = np.maximum(of_step[:-1], of_step[1:])  # a window that begins in a step ends in it or in the next
        loudest_first = np.argsort(-bound, kind="stable")
        for start in range(0, steps, _GROUP):
            group = loudest_first[start : start + _GROUP]
            group = group[bound[group] > self._best / MAX_OVERSHOOT]
            if not len(group):
                return
            self._best = max(self._best, _interpolated_peak(padded, group * _STEP, last=len(signal) - _TAPS))


def _interpolated_peak(signal: NDArray[np.float32], starts: NDArray[np.intp], *, last: int) -> np.float32:
    """Return the largest interpolated value of `_STEP` windows from each start on, none beginning after `last`."""
    frames = signal[starts[:, None] + np.arange(_STEP + _TAPS - 1)]
    unfinished = starts[:, None] + np.arange(_STEP) > last  # these wait for the next block
    best = np.float32(0.0)
    for phase in PHASES:
        value = frames[:, :_STEP] * phase[0]
        for tap in range(1, _TAPS):
            value += frames[:, tap : tap + _STEP] * phase[tap]
        value[unfinished] = 0.0
        best = max(best, value.max(), -value.min())
    return best
