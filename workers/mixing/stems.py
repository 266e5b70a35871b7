"""Raw stems as the mix takes them."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.result import StemMeasurement
from workers.audio.meter import hop_frames, integrated_loudness
from workers.audio.stemfile import CHUNK_FRAMES, StemReader

_DIGITS: Final = 4
#: Frames that a stem is taken through at once: few switches between encoders, and all of a slab stays in cache.
SLAB_FRAMES: Final = 8 * CHUNK_FRAMES
#: Memory of a stem is given back in stretches of this size: 2 MB in stereo.
_RELEASE_FRAMES: Final = 1 << 18


class StemInput(NamedTuple):
    """A raw stem to be mixed."""

    name: str
    reader: StemReader
    measured: StemMeasurement


def loudness_in_song(stem: StemInput, frames: int, gain_db: float = 0.0) -> float | None:
    """Return the loudness of a stem that is padded with silence to `frames` frames, LUFS, to 0.0001 LU; None if silent.

    With a gain it is not the same loudness that many decibels higher: which blocks count depends on the gate at
    -70 LUFS, so that a stem of notes that ring out can differ by some tenths.
    """
    hops = frames // hop_frames(stem.reader.rate_hz)
    power = stem.reader.hop_power[:hops]
    power = np.concatenate([power, np.zeros(hops - len(power))])
    loudness = integrated_loudness(power * 10.0 ** (gain_db / 10))
    return None if loudness is None else round(loudness, _DIGITS)


class StretchCursor:
    """Walks through what sounds of a stem, slab by slab, in rising order, and gives back the memory behind it."""

    def __init__(self, reader: StemReader) -> None:
        self._reader = reader
        self._stretches = reader.stretches()
        self._next = 0
        self._released = 0

    def take(self, start: int, stop: int) -> list[tuple[int, NDArray[np.float32]]]:
        """Return (first frame, float32 [frames, channels]) of what sounds in [start, stop); the rest of it is zero.

        The blocks are read-only views of the file. Each call begins where the last one stopped, or later.
        """
        if start - self._released >= _RELEASE_FRAMES:
            self._reader.release(self._released, start)
            self._released = start
        taken = []
        while self._next < len(self._stretches):
            first, samples = self._stretches[self._next]
            end = first + len(samples)
            low, high = max(first, start), min(end, stop)
            if low < high:
                taken.append((low, samples[low - first : high - first]))
            if end > stop:
                break
            self._next += 1
        return taken
