"""The power of what goes through a limiter: measured where its curve is at work, and elsewhere as it was before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from workers.audio.meter import LoudnessMeter, hop_frames, integrated_loudness
from workers.mixing.limiter import GainCurve

Power = NDArray[np.float64]


class LimitedPower:
    """K-weighted power of a signal behind a limiter, of every hop of 100 ms.

    Hops in which the curve is at work, and the one behind, in which the filter still rings on, are measured. Each stretch of
    them begins one hop early, so that the filter has forgotten what it heard before: in 100 ms its slowest part, the
    high-pass at 38 Hz, comes down by 180 dB.

    Args:
        curve: of the limiter.
        rate_hz: sample rate.
        channels: 1 or 2.
    """

    def __init__(self, curve: GainCurve, rate_hz: int, channels: int) -> None:
        self._hop = hop_frames(rate_hz)
        at_work = curve.at_work(self._hop)
        self._changed = at_work | np.concatenate([[False], at_work[:-1]])
        self._wanted = self._changed | np.concatenate([self._changed[1:], [False]])
        edges = np.flatnonzero(np.diff(self._wanted, prepend=False, append=False)) * self._hop
        self._stretches: list[tuple[int, int]] = [(start, stop) for start, stop in edges.reshape(-1, 2).tolist()]
        self._meter = LoudnessMeter(rate_hz, channels)
        self._position = 0  # everything before it was heard

    def hears(self, start: int, stop: int) -> bool:
        """Whether anything of frames [start, stop) is measured."""
        return bool(self._wanted[start // self._hop : -(-stop // self._hop)].any())

    def take(self, first: int, samples: NDArray[np.float32]) -> None:
        """Take float32 [frames, channels] that begin at frame `first`; between two calls there is silence."""
        self.silence(first)
        for start, stop in self._within(first, first + len(samples)):
            self._meter.write(samples[start - first : stop - first])
        self._position = first + len(samples)

    def silence(self, until: int) -> None:
        """Take silence up to a frame."""
        for start, stop in self._within(self._position, until):
            self._meter.silence(stop - start)
        self._position = max(self._position, until)

    def power(self, known: Power) -> Power:
        """Return the power of every hop.

        Args:
            known: of the same signal with the limiter's curve at 0 dB throughout, [hops].
        """
        measured = self._meter.hop_power()
        hops = np.flatnonzero(self._wanted)[: len(measured)]
        found = known.copy()
        for hop, value in zip(hops.tolist(), measured.tolist(), strict=True):
            if self._changed[hop] and hop < len(found):
                found[hop] = value
        return found

    def _within(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield what is measured of frames [start, stop); stretches behind which all has passed are forgotten."""
        while self._stretches and self._stretches[0][1] <= start:
            del self._stretches[0]
        for first, last in self._stretches:
            if first >= stop:
                return
            yield max(first, start), min(last, stop)


class Hearing(Protocol):
    """Measures the loudness of a mix on its way."""

    def write(self, block: NDArray[np.float32]) -> None:
        """Take the next frames."""

    def silence(self, frames: int) -> None:
        """Take frames of zeros."""

    def integrated(self) -> float | None:
        """Return the loudness of all, LUFS; None where it is silent."""


class LimitedHearing:
    """Measures a mix of which all is known but what the limiter has done to it."""

    def __init__(self, known: Power, curve: GainCurve | None, rate_hz: int, channels: int) -> None:
        self._known = known
        self._limited = None if curve is None else LimitedPower(curve, rate_hz, channels)
        self._frames = 0

    def write(self, block: NDArray[np.float32]) -> None:
        """Take the next frames."""
        if self._limited is not None:
            self._limited.take(self._frames, block)
        self._frames += len(block)

    def silence(self, frames: int) -> None:
        """Take frames of zeros."""
        self._frames += frames
        if self._limited is not None:
            self._limited.silence(self._frames)

    def integrated(self) -> float | None:
        """Return the loudness of all, LUFS; None where it is silent."""
        return integrated_loudness(self._known if self._limited is None else self._limited.power(self._known))


def hearing_of(rate_hz: int, channels: int, curve: GainCurve | None, power: Power | None) -> Hearing:
    """Return what measures a mix: all of it, or what a limiter changes where its power before that is known."""
    return LoudnessMeter(rate_hz, channels) if power is None else LimitedHearing(power, curve, rate_hz, channels)
