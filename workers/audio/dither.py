"""Triangular dither: noise that is added before samples are rounded to few bits.

Rounding alone leaves an error that follows the signal: distortion, and silence where a sound is below half a step. With
noise of a triangular distribution of one step to either side (the sum of two uniform ones), mean and power of the whole
error depend on the signal no more: it is white noise of a quarter of a squared step, at any level, and sounds below the
last bit live on in it (S. P. Lipshitz, R. A. Wannamaker and J. Vanderkooy, Quantization and Dither: A Theoretical Survey,
Journal of the Audio Engineering Society 40(5), 1992, pages 355-375).

The noise of a sample depends on the key and on the sample's place alone, so that blocks of any size give the same bytes.
It is made of the raw words of a PCG64 generator, whose stream NumPy guarantees for all its versions.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Silence stays silence in cells of so many frames, counted from the first: the grid on which engines start sounds.
CELL_FRAMES: Final = 64
#: A channel of a cell is silent where nothing in it reaches this, in steps: -150 dB at 16 bits, a quarter of a step of
#: 24 bits, and far above what resampling leaves of zeros.
SILENCE_STEPS: Final = 2.0**-10
_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(2**32 - 1)


class Dither:
    """The noise of one signal.

    Args:
        key: what the noise depends on, such as (seed, song, stem).
    """

    def __init__(self, *key: object) -> None:
        digest = hashlib.sha256("\x1f".join(("dither", *(str(part) for part in key))).encode()).digest()
        self._words = np.random.PCG64(int.from_bytes(digest, "big"))
        self._next = 0  #: which word comes next

    def add(self, steps: NDArray[np.float64], first: int) -> None:
        """Add noise to samples where they are no silence.

        Args:
            steps: float64 [frames, channels], 1.0 is a step of the integers that they are to be rounded to; changed.
            first: place of the first frame in the signal, a multiple of `CELL_FRAMES`.
        """
        if not len(steps):
            return
        cells = np.arange(0, len(steps), CELL_FRAMES)
        sounds = np.maximum.reduceat(np.abs(steps), cells, axis=0) >= SILENCE_STEPS
        if not sounds.any():
            return
        noise = self._noise(first, *steps.shape)
        if not sounds.all():
            noise *= np.repeat(sounds, CELL_FRAMES, axis=0)[: len(steps)]
        steps += noise

    def _noise(self, first: int, frames: int, channels: int) -> NDArray[np.float64]:
        """Return the noise of frames: one word a sample, the difference of its halves, between -1 and 1 without these."""
        place, count = first * channels, frames * channels
        if place != self._next:
            self._words.advance((place - self._next) % 2**128)
        self._next = place + count
        words = self._words.random_raw(count)
        noise: NDArray[np.float64] = (words >> _HALF).astype(np.float64)
        noise -= (words & _LOW).astype(np.float64)
        noise *= 2.0**-32
        return noise.reshape(frames, channels)
