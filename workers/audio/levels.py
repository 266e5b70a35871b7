"""Measures of a stem that need one look at every sample: peaks, mean, flat tops, where it sounds, how noisy it is."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.audio.stemfile import CHUNK_FRAMES, HOP_FRAMES

Samples = NDArray[np.float32]

#: Below this a sample counts as silence: -100 dB of full scale, under the last bit of 16-bit audio (-90 dB) and under
#: what a MIDI volume of zero leaves of a note (-96 dB).
SOUND_FLOOR: Final = 1e-5
#: An active region is where the hop's peak is within 60 dB of the stem's.
_ACTIVE_RATIO: Final = 1e-3
_TAIL_S: Final = 0.05
_HOPS: Final = CHUNK_FRAMES // HOP_FRAMES
#: Most frames of a slab: eight chunks, 256 KB in stereo, so that little time goes into calls and all stays in cache.
SLAB_FRAMES: Final = 8 * CHUNK_FRAMES
#: Columns in which the sum of a chunk is gathered first: long rows are where the product is fast.
_FOLD: Final = 128

#: Spectral flatness: of the loudest chunks, each as the mean of 15 half-overlapping Hann windows of 512 samples. The mean
#: makes white noise come out near 1 (a single window would give 0.56, the flatness of its own scatter).
_LOUD_CHUNKS: Final = 8
_WINDOW: Final = 512
#: ... within the band that sounds of every sample rate have; above it soundfonts are silent and nothing is flat.
_FLATNESS_HZ: Final = (200.0, 7000.0)

_TIME_DECIMALS: Final = 6
_DIGITS: Final = 9


class Levels(NamedTuple):
    """Fields of `schemas.result.StemMeasurement` of the same names."""

    peak: float
    rms: float
    dc: list[float]
    nonfinite: int
    flat_run_frames: int
    first_sound_s: float | None
    last_sound_s: float | None
    tail_peak: float
    flatness: float | None
    active_regions: list[tuple[float, float]]


class Run(NamedTuple):
    """A stretch of a slab: whole chunks that sound, or whole chunks that are all zero."""

    start: int
    stop: int
    sounds: bool


class LevelMeter:
    """Gathers levels from slabs of whole chunks; only the stem's last chunk may be shorter.

    Samples that are no numbers are counted and then taken as zero.
    """

    def __init__(self, rate_hz: int, channels: int) -> None:
        self._rate_hz = rate_hz
        self._channels = channels
        self._frames = 0
        self._magnitude = np.zeros((SLAB_FRAMES, channels), np.float32)
        self._by_hop = self._magnitude.reshape(SLAB_FRAMES // HOP_FRAMES, -1)
        self._hop_peaks: list[NDArray[np.float32] | int] = []  # peaks, or a number of silent hops
        self._ones = np.ones(CHUNK_FRAMES * channels // _FOLD, np.float32)
        self._energy = 0.0
        self._sums = np.zeros(_FOLD, np.float64)
        self._running = np.zeros((SLAB_FRAMES // CHUNK_FRAMES + 1, _FOLD), np.float64)
        self._first_frame: int | None = None
        self._flat = _FlatRuns(channels)
        self._loud = _LoudChunks()
        self._nonfinite = 0
        self.sounding_frames = 0  #: frames in chunks that are not all zero

    def slab(self, samples: Samples) -> tuple[Samples, list[Run]]:
        """Take at most SLAB_FRAMES frames, float32 [frames, channels]; the first is the first of a chunk.

        Returns:
            The samples with every one a number, and the runs of chunks that sound and that do not.
        """
        count = len(samples)
        hops = -(-count // HOP_FRAMES)
        np.abs(samples, out=self._magnitude[:count])
        self._magnitude[count : hops * HOP_FRAMES] = 0.0
        peaks = np.maximum.reduce(self._by_hop[:hops], axis=1)
        by_chunk = np.maximum.reduceat(peaks, range(0, hops, _HOPS)).tolist()
        if not np.maximum.reduce(peaks) < np.inf:
            return self._slab_of_numbers(samples)
        runs = _runs(by_chunk, count)
        for start, stop, sounds in runs:
            if sounds:
                hop_peaks = peaks[start // HOP_FRAMES : -(-stop // HOP_FRAMES)]
                self._sound(samples[start:stop], self._magnitude[start:stop], hop_peaks)
            else:
                self.silence(stop - start)
        return samples, runs

    def silence(self, frames: int) -> None:
        """Take zeros: whole chunks, or the rest of the stem."""
        self._hop_peaks.append(-(-frames // HOP_FRAMES))
        self._frames += frames
        self._flat.interrupt()

    def result(self) -> Levels:
        """Return the levels of everything taken so far."""
        peaks = self.hop_peaks()
        peak = float(peaks.max(initial=0.0))
        samples = max(self._frames * self._channels, 1)
        sums = self._sums.reshape(-1, self._channels).sum(axis=0)
        sounding = np.flatnonzero(peaks > SOUND_FLOOR)
        tail_hops = -(-int(_TAIL_S * self._rate_hz) // HOP_FRAMES)
        last = None if not len(sounding) else self._hop_time(int(sounding[-1]) + 1)
        first = None if self._first_frame is None else round(self._first_frame / self._rate_hz, _TIME_DECIMALS)
        return Levels(
            peak=peak,
            rms=round(float(np.sqrt(self._energy / samples)), _DIGITS),
            dc=[round(float(total) / max(self._frames, 1), _DIGITS) + 0.0 for total in sums],
            nonfinite=self._nonfinite,
            flat_run_frames=self._flat.longest,
            first_sound_s=first,
            last_sound_s=last,
            tail_peak=float(peaks[-tail_hops:].max(initial=0.0)),
            flatness=self._loud.flatness(self._rate_hz),
            active_regions=active_regions(peaks, frames=self._frames, rate_hz=self._rate_hz),
        )

    def hop_peaks(self) -> NDArray[np.float32]:
        """Return the peak of every `HOP_FRAMES` frames over all channels, float32 [hops]."""
        parts = [np.zeros(part, np.float32) if isinstance(part, int) else part for part in self._hop_peaks]
        return np.concatenate([np.zeros(0, np.float32), *parts])

    def _slab_of_numbers(self, samples: Samples) -> tuple[Samples, list[Run]]:
        """Count what is no number and take the rest."""
        self._nonfinite += int((~np.isfinite(samples)).sum())
        return self.slab(np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0))

    def _sound(self, samples: Samples, magnitude: Samples, hop_peaks: NDArray[np.float32]) -> None:
        """Take chunks of which none is all zero."""
        peak = float(hop_peaks.max())
        self._hop_peaks.append(hop_peaks)
        for energy in self._loud.offer(samples):  # one after another, so that runs of any length give the same sum
            self._energy += energy
        self._add_sums(samples)
        if self._first_frame is None and peak > SOUND_FLOOR:
            self._first_frame = self._frames + int(np.argmax(magnitude.max(axis=1) > SOUND_FLOOR))
        self._flat.chunk(samples, magnitude, peak)
        self._frames += len(samples)
        self.sounding_frames += len(samples)

    def _add_sums(self, samples: Samples) -> None:
        """Add up the samples chunk by chunk, one after another, so that runs of any length give the same sum."""
        whole = len(samples) // CHUNK_FRAMES * CHUNK_FRAMES
        chunks = samples[:whole].reshape(whole // CHUNK_FRAMES, len(self._ones), _FOLD)
        rows = self._running[: len(chunks) + 1]
        rows[0] = self._sums
        rows[1:] = np.matmul(self._ones, chunks)
        np.add.reduce(rows, axis=0, out=self._sums)
        flat = samples[whole:].reshape(-1)
        if len(flat):
            full = len(flat) // _FOLD
            self._sums += flat[: full * _FOLD].reshape(full, _FOLD).sum(axis=0)
            self._sums[: len(flat) - full * _FOLD] += flat[full * _FOLD :]

    def _hop_time(self, hop: int) -> float:
        return _time_of(hop, self._frames, self._rate_hz)


def active_regions(
    hop_peaks: NDArray[np.float32], *, frames: int, rate_hz: int, floor: float = SOUND_FLOOR
) -> list[tuple[float, float]]:
    """Return where a signal sounds: the stretches of hops within 60 dB of its peak and above `floor`, seconds.

    Args:
        hop_peaks: the peak of every `HOP_FRAMES` frames, linear.
        frames: of the signal; the last region ends with it.
        rate_hz: sample rate.
        floor: what counts as silence, linear.
    """
    active = hop_peaks >= max(float(hop_peaks.max(initial=0.0)) * _ACTIVE_RATIO, floor)
    edges = np.flatnonzero(np.diff(active, prepend=False, append=False))
    return [
        (_time_of(start, frames, rate_hz), _time_of(end, frames, rate_hz))
        for start, end in edges.reshape(-1, 2).tolist()
    ]


def _time_of(hop: int, frames: int, rate_hz: int) -> float:
    return round(min(hop * HOP_FRAMES, frames) / rate_hz, _TIME_DECIMALS)


class _FlatRuns:
    """Finds the longest run of equal samples at the stem's peak, which is what clipping looks like."""

    def __init__(self, channels: int) -> None:
        self.longest = 0
        self._peak = 0.0
        self._carry = [(0.0, 0)] * channels  # per channel: value and length of the run at the end of the last chunk

    def interrupt(self) -> None:
        """Note that zeros follow."""
        self._carry = [(0.0, 0)] * len(self._carry)

    def chunk(self, samples: Samples, magnitude: Samples, peak: float) -> None:
        """Look at a chunk whose largest magnitude is `peak`."""
        if peak < self._peak:
            self.interrupt()
            return
        if peak > self._peak:
            self._peak, self.longest = peak, 0
            self.interrupt()
        for channel in range(len(self._carry)):
            at_peak = np.flatnonzero(magnitude[:, channel] == np.float32(peak))
            self._carry[channel] = self._runs(samples[:, channel], at_peak, self._carry[channel])

    def _runs(self, samples: Samples, at_peak: NDArray[np.intp], carry: tuple[float, int]) -> tuple[float, int]:
        if not len(at_peak):
            return 0.0, 0
        values = samples[at_peak]
        breaks = np.flatnonzero((np.diff(at_peak) != 1) | (np.diff(values) != 0)) + 1
        lengths = np.diff(np.concatenate([[0], breaks, [len(at_peak)]]))
        if at_peak[0] == 0 and carry[0] == values[0]:
            lengths[0] += carry[1]
        self.longest = max(self.longest, int(lengths.max()))
        goes_on = at_peak[-1] == len(samples) - 1
        return (float(values[-1]), int(lengths[-1])) if goes_on else (0.0, 0)


class _LoudChunks:
    """Keeps the loudest whole chunks of a stem for a look at their spectrum."""

    def __init__(self) -> None:
        self._kept: list[tuple[float, Samples]] = []  # energy, and [frames, channels]
        self._least = 0.0

    def offer(self, samples: Samples) -> list[float]:
        """Keep those of the chunks that are among the loudest; returns the energy of each."""
        whole = len(samples) // CHUNK_FRAMES * CHUNK_FRAMES
        chunks = samples[:whole].reshape(whole // CHUNK_FRAMES, CHUNK_FRAMES, samples.shape[1])
        flat = samples[:whole].reshape(len(chunks), CHUNK_FRAMES * samples.shape[1])
        energies: list[float] = np.vecdot(flat, flat).tolist()
        for chunk, energy in zip(chunks, energies, strict=True):
            if energy > self._least:
                self._keep(chunk, energy)
        rest = samples[whole:].reshape(-1)
        return [*energies, float(np.vdot(rest, rest))]

    def _keep(self, chunk: Samples, energy: float) -> None:
        if len(self._kept) == _LOUD_CHUNKS:
            self._kept.remove(min(self._kept, key=lambda item: item[0]))
        self._kept.append((energy, chunk.copy()))
        if len(self._kept) == _LOUD_CHUNKS:
            self._least = min(item[0] for item in self._kept)

    def flatness(self, rate_hz: int) -> float | None:
        """Return the median spectral flatness of what was kept; None when the stem has no whole chunk of sound."""
        if not self._kept:
            return None
        window = np.hanning(_WINDOW + 1)[:-1]
        chunks = np.stack([chunk.mean(axis=1) for _, chunk in self._kept])
        frames = np.lib.stride_tricks.sliding_window_view(chunks, _WINDOW, axis=1)[:, :: _WINDOW // 2]
        low, high = (round(hertz / rate_hz * _WINDOW) for hertz in _FLATNESS_HZ)
        power = np.square(np.abs(np.fft.rfft(frames * window, axis=2))).mean(axis=1)[:, max(low, 2) : high]
        power += np.finfo(np.float64).tiny
        flatness = np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)
        return round(float(np.median(flatness)), 4)


def _runs(peaks: list[float], frames: int) -> list[Run]:
    """Return the runs of equal kind in `frames` frames, from the peak of each chunk."""
    if all(peaks):
        return [Run(0, frames, sounds=True)]
    edges = [chunk for chunk in range(1, len(peaks)) if (peaks[chunk] > 0.0) != (peaks[chunk - 1] > 0.0)]
    starts = [0, *edges]
    stops = [min(edge * CHUNK_FRAMES, frames) for edge in (*edges, len(peaks))]
    return [Run(start * CHUNK_FRAMES, stop, peaks[start] > 0.0) for start, stop in zip(starts, stops, strict=True)]
