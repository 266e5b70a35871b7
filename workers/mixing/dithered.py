"""Stems that are rounded with dither, on their way from raw files into published ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.audio.dither import Dither
from workers.audio.files import AudioWriter
from workers.audio.stemfile import StemReader
from workers.mixing.pan import Factor, multiply_sides
from workers.mixing.stems import SLAB_FRAMES, StretchCursor


class DitheredLane:
    """One stem; its peak is measured, since with noise another sample may be the loudest.

    Args:
        reader: of the raw stem.
        factor: linear, one or one a channel.
        writer: of the published stem; None where it is not wanted.
        bits: of the published integers.
        noise: that is added before they are rounded.
    """

    def __init__(
        self, reader: StemReader, factor: Factor, writer: AudioWriter | None, bits: int, noise: Dither
    ) -> None:
        self._cursor = StretchCursor(reader)
        self._sides = np.full(reader.channels, factor, np.float64) * 2.0 ** (bits - 1)
        self._writer = writer
        self._step = 2.0 ** (1 - bits)
        self._noise = noise
        shape = (SLAB_FRAMES, reader.channels)
        self._wide = np.empty(shape, dtype=np.float64)
        self._published = np.empty(shape, dtype=np.int32)
        self.peak = 0.0  #: of what was published so far, 1.0 is full scale

    def publish(self, start: int, length: int) -> list[tuple[int, NDArray[Any]]]:
        """Publish frames [start, start + length); return what sounds of them, valid until the next call."""
        runs: list[tuple[int, NDArray[Any]]] = []
        position = 0
        for first, raw in self._cursor.take(start, start + length):
            offset = first - start
            published = self._published[offset : offset + len(raw)]
            self._round(raw, first, published)
            self._fill(offset - position)
            if self._writer is not None:
                self._writer.write(published)
            runs.append((offset, published))
            position = offset + len(raw)
        self._fill(length - position)
        return runs

    def _fill(self, frames: int) -> None:
        if frames and self._writer is not None:
            self._writer.silence(frames)

    def _round(self, raw: NDArray[np.float32], first: int, published: NDArray[np.int32]) -> None:
        wide = self._wide[: len(raw)]
        np.copyto(wide, raw)
        multiply_sides(wide, self._sides, out=wide)
        self._noise.add(wide, first)
        np.rint(wide, out=wide)
        np.copyto(published, wide, casting="unsafe")
        self.peak = max(self.peak, float(wide.max()) * self._step, -float(wide.min()) * self._step)
