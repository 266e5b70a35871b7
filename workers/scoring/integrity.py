"""What is wrong with samples whatever they play: clipping, an offset, silence, sound that stops dead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

#: Samples so close to the peak, in runs so flat and so long, are clipped; sines down to 20 Hz are not that flat.
_NEAR: Final = 1.0 - 1e-4
_FLAT: Final = 4e-6
_RUN: Final = 4
#: Short enough that a cut is told from a dry note that is let go: that takes 10 ms at least.
_FRAME_S: Final = 0.005
#: Levels relative to the song's RMS, dB: silence; sound; and what a stop dead falls to.
_SILENCE_DB: Final = -60.0
_SOUND_DB: Final = -25.0
_DEAD_DB: Final = -80.0
#: Frames that a stop dead may take: the one in which it happens, and the next.
_STOP_FRAMES: Final = 2
_TINY: Final = 1e-20


class Integrity(NamedTuple):
    """Figures of a song's samples, as `schemas.quality.AudioScore` has them."""

    peak: float
    clipping_share: float
    dc_offset: float
    silence_share: float
    gaps_per_s: float
    crest_db: float


class Sums:
    """Takes audio in blocks and keeps one channel of it, the mean of all, beside the sums that integrity needs."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._mono: list[Samples] = []
        self._mean: NDArray[np.float64] | float = 0.0
        self._power: NDArray[np.float64] | float = 0.0
        self._flat: list[tuple[float, int]] = []
        self._samples = 0

    def add(self, block: Samples) -> None:
        """Take the next frames: (frames, channels)."""
        rows = np.ascontiguousarray(block.T)  # sums along what lies side by side are much faster
        self._mono.append(rows[0].copy() if len(rows) == 1 else rows.mean(axis=0, dtype=np.float32))
        self._mean = self._mean + rows.sum(axis=1, dtype=np.float64)
        self._power = self._power + np.einsum("cf,cf->c", rows, rows, dtype=np.float64)
        magnitude = np.abs(block)
        peak = float(magnitude.max(initial=0.0))
        self._flat.append((peak, _flat_samples(block, magnitude, peak)))
        self._samples += block.size

    @property
    def mono(self) -> Samples:
        """All that was taken, as one channel."""
        if len(self._mono) != 1:
            self._mono = [np.concatenate(self._mono) if self._mono else np.zeros(0, np.float32)]
        return self._mono[0]

    def integrity(self) -> Integrity | None:
        """Return the figures; None where there is nothing but silence."""
        mono, channels = self.mono, int(np.size(self._mean))
        peak = max((peak for peak, _ in self._flat), default=0.0)
        if peak == 0.0 or not np.isfinite(peak):
            return None
        frames = len(mono)
        mean = np.abs(np.asarray(self._mean)) / frames
        power = np.asarray(self._power) / frames
        own = np.sqrt(max(float((power - mean**2).mean()), _TINY))
        silence, gaps = _quiet(mono, self.rate_hz)
        return Integrity(
            peak=peak,
            clipping_share=sum(flat for high, flat in self._flat if high >= peak * _NEAR) / (frames * channels),
            dc_offset=float((mean / np.sqrt(np.maximum(power, _TINY))).max()),
            silence_share=silence,
            gaps_per_s=gaps,
            crest_db=float(20.0 * np.log10(peak / own)),
        )


def sums_of(blocks: Iterable[Samples], rate_hz: int) -> Sums:
    """Take all blocks of a song."""
    sums = Sums(rate_hz)
    for block in blocks:
        sums.add(block)
    return sums


def _flat_samples(block: Samples, magnitude: Samples, peak: float) -> int:
    """Count the samples in flat runs at the peak of a block."""
    near = magnitude >= peak * _NEAR
    if peak == 0.0 or int(near.sum()) < _RUN:
        return 0
    flat = near[1:] & near[:-1] & (np.abs(np.diff(block, axis=0)) <= _FLAT * peak)
    runs = flat[2:] & flat[1:-1] & flat[:-2]
    return int(runs.sum())


def _quiet(mono: Samples, rate_hz: int) -> tuple[float, float]:
    """Return the share of silent time, and how often a second sound stops dead between the first sound and the last."""
    hop = max(1, round(_FRAME_S * rate_hz))
    frames = mono[: len(mono) // hop * hop].reshape(-1, hop)
    if not len(frames):
        return 0.0, 0.0
    power = frames.var(axis=1, dtype=np.float32).astype(np.float64)
    level = 10.0 * np.log10(power / max(float(power.mean()), _TINY) + _TINY)
    sounding = np.flatnonzero(level > _SILENCE_DB)
    if not len(sounding):
        return 1.0, 0.0
    inner = level[sounding[0] : sounding[-1] + 1]
    stops = (inner[:-_STOP_FRAMES] > _SOUND_DB) & (inner[_STOP_FRAMES:] < _DEAD_DB)
    ends = int((stops[1:] & ~stops[:-1]).sum()) if len(stops) else 0
    return float(np.mean(level < _SILENCE_DB)), ends / (len(level) * _FRAME_S)
