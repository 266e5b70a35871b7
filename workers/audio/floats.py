"""Audio as float32, interleaved, little-endian and nothing else: what one task leaves for the next on the same disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from workers.audio.files import disk_errors

_SAMPLE_BYTES = 4


class FloatFile:
    """Writes such a file; a context manager.

    Raises (every method):
        DiskFullError, OutputError: it cannot be written.
    """

    def __init__(self, path: Path, channels: int) -> None:
        self._path = path
        self._frame_bytes = channels * _SAMPLE_BYTES
        self._ends_silent = False
        with disk_errors(path):
            self._file = path.open("wb", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with disk_errors(self._path), self._file:
            if self._ends_silent:
                self._file.truncate(self._file.tell())

    def write(self, samples: NDArray[np.float32]) -> None:
        """Append float32 [frames, channels], C-contiguous."""
        self._ends_silent = False
        data = np.asarray(samples, "<f4").data.cast("B")
        with disk_errors(self._path):
            while data:
                data = data[self._file.write(data) :]

    def silence(self, frames: int) -> None:
        """Append zeros, which take no room on the disk."""
        self._ends_silent = True
        with disk_errors(self._path):
            self._file.seek(frames * self._frame_bytes, 1)


def read_floats(path: Path, channels: int, block_frames: int) -> Iterator[NDArray[np.float32]]:
    """Read such a file in blocks, float32 [frames, channels]."""
    with path.open("rb") as file:
        while data := file.read(block_frames * channels * _SAMPLE_BYTES):
            yield np.frombuffer(data, "<f4").reshape(-1, channels)
