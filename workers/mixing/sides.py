"""The two sides of a raw stem, measured each by itself, for stems that a mix moves."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.audio.levels import HOP_FRAMES
from workers.audio.meter import LoudnessMeter
from workers.audio.stemfile import StemReader
from workers.mixing.pan import Sides
from workers.mixing.stems import SLAB_FRAMES, StretchCursor

#: Silence behind the stem, so that its last blocks of 400 ms are whole, seconds.
_PADDING_S: Final = 0.5


def measure_sides(reader: StemReader) -> Sides:
    """Read a stereo stem once and return what its sides are."""
    meters = [LoudnessMeter(reader.rate_hz, 1) for _ in range(2)]
    peaks = np.zeros((2, -(-reader.frames // HOP_FRAMES)), dtype=np.float32)
    cursor, position = StretchCursor(reader), 0
    for start in range(0, reader.frames, SLAB_FRAMES):
        for first, samples in cursor.take(start, min(start + SLAB_FRAMES, reader.frames)):
            for side, meter in enumerate(meters):
                meter.silence(first - position)
                meter.write(samples[:, side : side + 1])
            _note_peaks(peaks, first, samples)
            position = first + len(samples)
    for meter in meters:
        meter.silence(reader.frames - position + int(_PADDING_S * reader.rate_hz) + 1)
    power = np.stack([meter.hop_power() for meter in meters])
    left, right = (float(side.max(initial=0.0)) for side in peaks)
    return Sides(power, (left, right), peaks)


def _note_peaks(peaks: NDArray[np.float32], first: int, samples: NDArray[np.float32]) -> None:
    """Enter the peaks of what sounds from frame `first` on, which begins with a hop."""
    starts = np.arange(0, len(samples), HOP_FRAMES)
    found = np.maximum.reduceat(np.abs(samples), starts, axis=0)
    hop = first // HOP_FRAMES
    peaks[:, hop : hop + len(found)] = np.maximum(peaks[:, hop : hop + len(found)], found.T)
