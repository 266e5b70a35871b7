"""The two sides of a raw stem, measured each by itself, for stems that a mix moves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.audio.stemfile import HOP_FRAMES, StemReader
from workers.mixing.pan import Sides
from workers.mixing.stems import SLAB_FRAMES, StretchCursor


def measure_sides(reader: StemReader) -> Sides:
    """Read a stereo stem once and return what its sides are; their power was measured when it was rendered."""
    peaks = np.zeros((2, -(-reader.frames // HOP_FRAMES)), dtype=np.float32)
    cursor = StretchCursor(reader)
    for start in range(0, reader.frames, SLAB_FRAMES):
        for first, samples in cursor.take(start, min(start + SLAB_FRAMES, reader.frames)):
            _note_peaks(peaks, first, samples)
    left, right = (float(side.max(initial=0.0)) for side in peaks)
    return Sides(reader.side_power, (left, right), peaks)


def _note_peaks(peaks: NDArray[np.float32], first: int, samples: NDArray[np.float32]) -> None:
    """Enter the peaks of what sounds from frame `first` on, which begins with a hop."""
    starts = np.arange(0, len(samples), HOP_FRAMES)
    found = np.maximum.reduceat(np.abs(samples), starts, axis=0)
    hop = first // HOP_FRAMES
    peaks[:, hop : hop + len(found)] = np.maximum(peaks[:, hop : hop + len(found)], found.T)
