"""Takes a stem from its engine: stores it, hashes it and measures it in one pass, chunk by chunk, while it is in cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.result import StemMeasurement
from workers.audio.levels import LevelMeter
from workers.audio.meter import LoudnessMeter
from workers.audio.stemfile import CHUNK_FRAMES, StemWriter

#: Silence behind a stem that counts for its loudness: a sound shorter than a block of 400 ms has one all the same, and
#: no loudness depends on how much silence follows in the song.
_PADDING_S: Final = 0.4
#: Decimals of a recorded loudness: a hundred times finer than anybody needs, and far above what the order of additions
#: on one processor or another can change.
_LOUDNESS_DECIMALS: Final = 3


class Recording(NamedTuple):
    """A finished stem: what was measured, and the hash of its file."""

    measured: StemMeasurement
    data_hash: str


class Recorder:
    """The sink of a render: writes a stem file and measures what it writes.

    As a context manager it closes the file; without `finish` the file is incomplete.

    Args:
        path: where the stem is written.
        rate_hz, channels: of the stem.
        on_chunk: called behind every chunk with the number of frames so far.

    Raises (every method):
        DiskFullError, StoreError: the file cannot be written.
    """

    def __init__(
        self, path: Path, *, rate_hz: int, channels: int, on_chunk: Callable[[int], None] | None = None
    ) -> None:
        self._writer = StemWriter(path, rate_hz=rate_hz, channels=channels)
        self._levels = LevelMeter(rate_hz, channels)
        self._loudness = LoudnessMeter(rate_hz, channels)
        self._rate_hz = rate_hz
        self._channels = channels
        self._on_chunk = on_chunk
        self._chunk = np.zeros((CHUNK_FRAMES, channels), np.float32)
        self._fill = 0
        self.expected_frames = 0

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.__exit__()

    @property
    def frames(self) -> int:
        """Frames taken so far."""
        return self._writer.frames + self._fill

    @property
    def sounding_frames(self) -> int:
        """Frames taken so far in chunks that are not all zero."""
        return self._levels.sounding_frames

    def expect(self, frames: int) -> None:
        """Note about how many frames will come."""
        self.expected_frames = frames

    def write(self, block: NDArray[np.float32]) -> None:
        """Take the next frames: float32 [frames, channels], C-contiguous, any length."""
        start, frames = 0, len(block)
        if self._fill == 0 and frames == CHUNK_FRAMES:
            self._take(block)
            return
        while start < frames:
            count = min(frames - start, CHUNK_FRAMES - self._fill)
            self._chunk[self._fill : self._fill + count] = block[start : start + count]
            start += count
            self._advance(count)

    def silence(self, frames: int) -> None:
        """Take zeros."""
        if self._fill:
            count = min(frames, CHUNK_FRAMES - self._fill)
            self._chunk[self._fill : self._fill + count] = 0.0
            frames -= count
            self._advance(count)
        whole = frames - frames % CHUNK_FRAMES
        if whole:
            self._pass(whole)
        if frames > whole:
            self._chunk[: frames - whole] = 0.0
            self._advance(frames - whole)

    def finish(self) -> Recording:
        """End the stem and return what was measured and the file's hash."""
        if self._fill:
            self._take(self._chunk[: self._fill])
            self._fill = 0
        frames = self._writer.frames
        data_hash = self._writer.finish()
        self._loudness.silence(int(_PADDING_S * self._rate_hz) + 1)
        loudness = self._loudness.integrated()
        levels = self._levels.result()
        measured = StemMeasurement(
            frames=frames,
            rate_hz=self._rate_hz,
            channels=self._channels,
            loudness_lufs=None if loudness is None else round(loudness, _LOUDNESS_DECIMALS),
            **levels._asdict(),
        )
        return Recording(measured, data_hash)

    def _advance(self, frames: int) -> None:
        self._fill += frames
        if self._fill == CHUNK_FRAMES:
            self._fill = 0
            self._take(self._chunk)

    def _take(self, chunk: NDArray[np.float32]) -> None:
        clean = self._levels.chunk(chunk)
        if clean is None:
            self._writer.silence(len(chunk))
            self._loudness.silence(len(chunk))
        else:
            self._writer.chunk(chunk)
            self._loudness.write(clean)
        if self._on_chunk is not None:
            self._on_chunk(self._writer.frames)

    def _pass(self, frames: int) -> None:
        self._levels.silence(frames)
        self._writer.silence(frames)
        self._loudness.silence(frames)
        if self._on_chunk is not None:
            self._on_chunk(self._writer.frames)
