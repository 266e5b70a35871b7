"""Raw stems as the mix takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.effects import AppliedEffect
from schemas.plan import OutputPlan
from schemas.result import StemMeasurement
from workers.audio.meter import hop_frames, integrated_loudness
from workers.audio.stemfile import CHUNK_FRAMES, StemReader
from workers.mixing.gains import linear
from workers.mixing.pan import CENTRE, Factor, Place

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
    place: Place = CENTRE  #: in the mix that is being made
    effects: tuple[AppliedEffect, ...] = ()  #: that it went through

    def factor(self, gain_db: float) -> Factor:
        """Return what the samples are multiplied with: one number, or one a channel where the stem is panned."""
        return linear(gain_db) if self.place.sides is None else self.place.factors(gain_db)

    def peak(self, gain_db: float) -> float:
        """Return the peak of the stem in its place after a gain, linear."""
        if self.place.sides is None:
            return self.measured.peak * float(linear(gain_db))
        return max(
            peak * float(factor)
            for peak, factor in zip(self.place.sides.peaks, self.place.factors(gain_db), strict=True)
        )


def loudness_in_song(stem: StemInput, frames: int, gain_db: float = 0.0) -> float | None:
    """Return the loudness of a stem that is padded with silence to `frames` frames, LUFS, to 0.0001 LU; None if silent.

    It is that of the raw stem, wherever it is placed; `loudness_in_place` is that of the stem in its place.

    With a gain it is not the same loudness that many decibels higher: which blocks count depends on the gate at
    -70 LUFS, so that a stem of notes that ring out can differ by some tenths.
    """
    return _loudness(stem, stem.reader.hop_power, frames, 10.0 ** (gain_db / 10))


def loudness_in_place(stem: StemInput, frames: int, gain_db: float) -> float | None:
    """Return the loudness of a stem in its place after a gain, LUFS, as a meter reads it; None if silent."""
    if stem.place.sides is None:
        return loudness_in_song(stem, frames, gain_db)
    left, right = (float(factor) ** 2 for factor in stem.place.factors(gain_db))
    return _loudness(stem, stem.place.sides.power[0] * left + stem.place.sides.power[1] * right, frames, 1.0)


def _loudness(stem: StemInput, power: NDArray[np.float64], frames: int, factor: float) -> float | None:
    hops = frames // hop_frames(stem.reader.rate_hz)
    power = power[:hops]
    power = np.concatenate([power, np.zeros(hops - len(power))])
    loudness = integrated_loudness(power * factor)
    return None if loudness is None else round(loudness, _DIGITS)


def published_peak(stem: StemInput, gain_db: float, bits: int) -> float:
    """Return the peak of a published stem: gains and rounding keep the order of samples, so its loudest stays so.

    Dither does not keep it: the peaks of such stems are measured while they are written.
    """
    if stem.place.sides is None:
        return _rounded(stem.measured.peak, linear(gain_db), bits)
    sides = zip(stem.place.sides.peaks, stem.place.factors(gain_db), strict=True)
    return max(_rounded(peak, factor, bits) for peak, factor in sides)


def peaks_of(
    stems: Sequence[StemInput], gains_db: Sequence[float], output: OutputPlan, measured: Sequence[float]
) -> list[float]:
    """Return the peaks of published stems after their gains: as they were measured where dither made that necessary."""
    if output.dither:
        return list(measured)
    return [published_peak(stem, gain_db, output.bits) for stem, gain_db in zip(stems, gains_db, strict=True)]


def _rounded(peak: float, factor: np.float32, bits: int) -> float:
    if bits == 32:
        return float(np.float32(peak) * factor)
    scale = 2.0 ** (bits - 1)
    return float(np.rint(float(np.float32(peak)) * float(factor) * scale) / scale)


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
