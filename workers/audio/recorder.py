"""Takes a stem from its engine: stores it, hashes it and measures it in one pass, slab by slab, while it is in cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.result import StemMeasurement
from workers.audio.levels import SLAB_FRAMES, LevelMeter
from workers.audio.meter import LoudnessMeter, integrated_loudness
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
        on_slab: called behind every slab with the number of frames so far.

    Raises (every method):
        DiskFullError, StoreError: the file cannot be written.
    """

    def __init__(
        self, path: Path, *, rate_hz: int, channels: int, on_slab: Callable[[int], None] | None = None
    ) -> None:
        self._writer = StemWriter(path, rate_hz=rate_hz, channels=channels)
        self._levels = LevelMeter(rate_hz, channels)
        self._loudness = LoudnessMeter(rate_hz, channels)
        self._rate_hz = rate_hz
        self._channels = channels
        self._on_slab = on_slab
        self._slab = np.zeros((SLAB_FRAMES, channels), np.float32)
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
        while start < frames:
            if self._fill == 0 and frames - start >= SLAB_FRAMES:
                self._take(block[start : start + SLAB_FRAMES])
                start += SLAB_FRAMES
                continue
            count = min(frames - start, SLAB_FRAMES - self._fill)
            self._slab[self._fill : self._fill + count] = block[start : start + count]
            start += count
            self._advance(count)

    def silence(self, frames: int) -> None:
        """Take zeros; whole chunks of them cost nothing."""
        into = min(frames, -self._fill % CHUNK_FRAMES)
        self._zeros(into)
        frames -= into
        whole = frames - frames % CHUNK_FRAMES
        if whole:
            self._flush()
            self._pass(whole)
        self._zeros(frames - whole)

    def finish(self) -> Recording:
        """End the stem and return what was measured and the file's hash."""
        self._flush()
        frames = self._writer.frames
        self._loudness.silence(int(_PADDING_S * self._rate_hz) + 1)
        power = self._loudness.side_power()
        data_hash = self._writer.finish(power, self._levels.hop_peaks())
        loudness = integrated_loudness(power.sum(axis=0))
        levels = self._levels.result()
        measured = StemMeasurement(
            frames=frames,
            rate_hz=self._rate_hz,
            channels=self._channels,
            loudness_lufs=None if loudness is None else round(loudness, _LOUDNESS_DECIMALS),
            **levels._asdict(),
        )
        return Recording(measured, data_hash)

    def _zeros(self, frames: int) -> None:
        if frames:
            self._slab[self._fill : self._fill + frames] = 0.0
            self._advance(frames)

    def _advance(self, frames: int) -> None:
        self._fill += frames
        if self._fill == SLAB_FRAMES:
            self._flush()

    def _flush(self) -> None:
        if self._fill:
            fill, self._fill = self._fill, 0
            self._take(self._slab[:fill])

    def _take(self, slab: NDArray[np.float32]) -> None:
        clean, runs = self._levels.slab(slab)
        for start, stop, sounds in runs:
            if sounds:
                self._writer.chunks(slab[start:stop])
                self._loudness.write(clean[start:stop])
            else:
                self._writer.silence(stop - start)
                self._loudness.silence(stop - start)
        if self._on_slab is not None:
            self._on_slab(self._writer.frames)

    def _pass(self, frames: int) -> None:
        self._levels.silence(frames)
        self._writer.silence(frames)
        self._loudness.silence(frames)
        if self._on_slab is not None:
            self._on_slab(self._writer.frames)
