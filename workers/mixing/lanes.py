"""The stems of a mix on their way from raw files into published ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.audio.files import AudioWriter
from workers.audio.meter import hop_frames, integrated_loudness
from workers.audio.stemfile import HOP_FRAMES, StemReader
from workers.mixing.limited import LimitedPower
from workers.mixing.limiter import Curve, GainCurve
from workers.mixing.pan import Factor, multiply_sides
from workers.mixing.stems import SLAB_FRAMES, StretchCursor

#: What sounds of a lane in a slab: first frame, counted from the slab's, and samples.
Sounding = list[tuple[int, NDArray[Any]]]
_DIGITS: Final = 4


class Heard(NamedTuple):
    """What was measured of a published stem; levels are linear, 1.0 is full scale."""

    peak: float
    loudness_lufs: float | None
    hop_peaks: NDArray[np.float32]  #: of every `HOP_FRAMES` frames


class _Ear:
    """Measures a stem while it is published behind a limiter."""

    def __init__(self, reader: StemReader, bits: int, curve: GainCurve, factor: Factor) -> None:
        self._scale = np.float32(1.0 if bits == 32 else 2.0 ** (1 - bits))
        self._hop_frames = hop_frames(reader.rate_hz)
        sides = np.broadcast_to(np.asarray(factor, np.float64), reader.channels)
        self._raw_power = (reader.side_power * np.square(sides)[:, None]).sum(axis=0)
        self._power = LimitedPower(curve, reader.rate_hz, reader.channels)
        self._hop_peaks = np.zeros(-(-reader.frames // HOP_FRAMES), np.float32)
        self._magnitude = np.empty((SLAB_FRAMES, reader.channels), np.float32)

    def hear(self, first: int, published: NDArray[Any]) -> None:
        """Take what sounds from frame `first` on, which begins a hop."""
        level = np.multiply(published, self._scale, dtype=np.float32)
        self._power.take(first, level)
        hop = first // HOP_FRAMES
        count = -(-len(level) // HOP_FRAMES)
        magnitude = self._magnitude[: count * HOP_FRAMES]
        np.abs(level, out=magnitude[: len(level)])
        magnitude[len(level) :] = 0.0
        self._hop_peaks[hop : hop + count] = magnitude.reshape(count, -1).max(axis=1)

    def heard(self, frames: int) -> Heard:
        """Return what a stem was that is padded with silence to `frames` frames."""
        self._power.silence(frames)
        known = np.zeros(frames // self._hop_frames)
        heard = min(len(known), len(self._raw_power))
        known[:heard] = self._raw_power[:heard]
        loudness = integrated_loudness(self._power.power(known))
        lufs = None if loudness is None else round(loudness, _DIGITS)
        return Heard(float(self._hop_peaks.max(initial=0.0)), lufs, self._hop_peaks)


class StemLane:
    """One stem on its way from the raw file into the published one.

    Args:
        reader: of the raw stem.
        factor: linear, one or one a channel.
        writer: of the published one; None where it is not wanted.
        bits: of the published samples.
        curve: of a limiter; with one the stem is measured as it is published.
    """

    def __init__(
        self,
        reader: StemReader,
        factor: Factor,
        writer: AudioWriter | None,
        bits: int,
        curve: GainCurve | None = None,
    ) -> None:
        self._cursor = StretchCursor(reader)
        self._factor = factor
        self._wide_factor = np.asarray(factor, np.float64) * 2.0 ** (bits - 1)
        self._multiply: Callable[..., NDArray[Any]] = multiply_sides if isinstance(factor, np.ndarray) else np.multiply
        self._writer = writer
        self._bits = bits
        self._curve = curve
        self._ear = None if curve is None else _Ear(reader, bits, curve, factor)
        shape = (SLAB_FRAMES, reader.channels)
        self._wide = np.empty(shape, dtype=np.float64)
        self._published = np.empty(shape, dtype=np.float32 if bits == 32 else np.int32)

    def publish(self, start: int, length: int) -> Sounding:
        """Publish frames [start, start + length); return what sounds of them, valid until the next call."""
        runs: Sounding = []
        position = 0
        factors = None if self._curve is None else self._curve.of(start, length)
        for first, raw in self._cursor.take(start, start + length):
            offset = first - start
            published: NDArray[Any] = self._published[offset : offset + len(raw)]
            self._apply_gain(raw, published, None if factors is None else factors[offset : offset + len(raw)])
            if self._ear is not None:
                self._ear.hear(first, published)
            self._fill(offset - position)
            if self._writer is not None:
                self._writer.write(published)
            runs.append((offset, published))
            position = offset + len(raw)
        self._fill(length - position)
        return runs

    def heard(self, frames: int) -> Heard | None:
        """Return what was measured of the whole stem; None without a limiter."""
        return None if self._ear is None else self._ear.heard(frames)

    def _fill(self, frames: int) -> None:
        if frames and self._writer is not None:
            self._writer.silence(frames)

    def _apply_gain(self, raw: NDArray[np.float32], published: NDArray[Any], factors: Curve | None) -> None:
        if self._bits == 32:
            self._multiply(raw, self._factor, out=published)
            if factors is not None:
                np.multiply(published, factors.astype(np.float32), out=published)
            return
        wide = self._wide[: len(raw)]
        np.copyto(wide, raw)
        self._multiply(wide, self._wide_factor, out=wide)
        if factors is not None:
            np.multiply(wide, factors, out=wide)
        np.rint(wide, out=wide)
        np.copyto(published, wide, casting="unsafe")
