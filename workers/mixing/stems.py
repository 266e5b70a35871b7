"""Raw stems as the mix takes them."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.result import StemMeasurement
from workers.audio.meter import LoudnessMeter
from workers.audio.stemfile import CHUNK_FRAMES, StemReader

#: Silence that was behind a stem when it was measured, seconds: one block of the measurement.
_PADDING_S: Final = 0.4
#: A stem that sounds so long keeps its loudness, whatever follows it, seconds.
_LONG_S: Final = 30.0
_DIGITS: Final = 4
#: Frames that a stem is taken through at once: few switches between encoders, and all of a slab stays in cache.
SLAB_FRAMES: Final = 8 * CHUNK_FRAMES
#: Memory of a stem is given back in stretches of this size: 4 MB in stereo.
_RELEASE_FRAMES: Final = 1 << 19


class StemInput(NamedTuple):
    """A raw stem to be mixed."""

    name: str
    reader: StemReader
    measured: StemMeasurement


def loudness_in_song(stem: StemInput, frames: int) -> float | None:
    """Return the loudness of a stem that is padded with silence to `frames` frames, LUFS, to 0.0001 LU; None if silent.

    A stem was measured with a block of silence behind it. One that ends with the song has none there: where it does
    not sound long enough for that to weigh less than 0.05 LU, it is measured again.
    """
    reader = stem.reader
    is_padded = frames - reader.frames > _PADDING_S * reader.rate_hz
    if is_padded or sum(length for _, length in reader.spans) >= _LONG_S * reader.rate_hz:
        loudness = stem.measured.loudness_lufs
    else:
        meter, position = LoudnessMeter(reader.rate_hz, reader.channels), 0
        for start, samples in reader.stretches():
            meter.silence(start - position)
            meter.write(samples)
            position = start + len(samples)
        meter.silence(frames - position)
        loudness = meter.integrated()
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
