"""What a song sounds like, in a few numbers: power by bands over time, onsets, pitch classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

#: Window and step of the bands, seconds; the window of the pitches, which must tell semitones from 110 Hz on. Powers of two
#: at 44.1 kHz, and as long at any other rate.
_BAND_WINDOW_S: Final = 1024 / 44100
_BAND_HOP_S: Final = 512 / 44100
_PITCH_WINDOW_S: Final = 8192 / 44100
#: Windows are multiples of this: even, and quick to transform.
_GRAIN: Final = 2
#: Bands for noise, equally wide; and for onsets, four to the octave.
_LINEAR: Final = 32
_LOWEST_HZ: Final = 60.0
_HIGHEST_HZ: Final = 9_900.0  #: at 22.05 kHz there is no more
_PER_OCTAVE: Final = 4
_PITCHED_HZ: Final = (110.0, 2200.0)
#: Spectral peaks below this power, relative to the highest of their moment, are no tones.
_PEAK_FLOOR: Final = 1e-3
#: Under this share of the mean power of a band, changes are no onsets.
_ONSET_FLOOR: Final = 1e-5
_CHUNK: Final = 256
_TINY: Final = 1e-20


class Spectra(NamedTuple):
    """A song's sound over time."""

    hops_per_s: float
    power: Floats  #: (hops,) mean power
    density: Floats  #: (hops, 32) power per bin of equally wide bands, the lowest and highest bin left out
    mean: Floats  #: (bins,) mean spectrum
    bin_hz: float
    rise: Floats  #: (hops - 1,) cubes of what grows, summed over logarithmic bands
    fall: Floats  #: the same of what dies away
    onset: Floats  #: (hops - 1,) mean growth of the bands' logarithms
    chroma: NDArray[np.float64]  #: (moments, 12) strength of the pitch classes
    moments_per_s: float


def spectra(mono: Floats, rate_hz: int) -> Spectra:
    """Analyse one channel."""
    window = _window(_BAND_WINDOW_S * rate_hz)
    edges = np.linspace(1, window // 2, _LINEAR + 1).astype(int)
    octaves = _octave_edges(rate_hz, window)
    power, density, bands, mean = [], [], [], np.zeros(window // 2 + 1)
    for chunk in _spectra(mono, window, _BAND_HOP_S * rate_hz):
        power.append(chunk.mean(axis=1))
        density.append(np.add.reduceat(chunk, edges[:-1], axis=1) / np.diff(edges))
        bands.append(np.add.reduceat(chunk, octaves, axis=1)[:, :-1])
        mean += chunk.sum(axis=0, dtype=np.float64)
    rise, fall, onset = _changes(np.concatenate(bands))
    chroma, moments_per_s = _chroma(mono, rate_hz)
    hops = sum(len(part) for part in power)
    return Spectra(
        hops_per_s=1 / _BAND_HOP_S, power=np.concatenate(power), density=np.concatenate(density),
        mean=(mean / hops).astype(np.float32), bin_hz=rate_hz / window, rise=rise, fall=fall, onset=onset,
        chroma=chroma, moments_per_s=moments_per_s,
    )  # fmt: skip


def _window(length: float) -> int:
    """Return an even number of samples near a length; scipy transforms any."""
    return max(64, _GRAIN * round(length / _GRAIN))


def _octave_edges(rate_hz: int, window: int) -> NDArray[np.int64]:
    highest = min(_HIGHEST_HZ, 0.45 * rate_hz)
    steps = np.arange(0, np.log2(highest / _LOWEST_HZ), 1 / _PER_OCTAVE)
    edges: NDArray[np.int64] = np.unique(np.round(_LOWEST_HZ * 2**steps * window / rate_hz).astype(np.int64))
    return edges


def _spectra(mono: Floats, window: int, hop: float) -> Iterator[Floats]:
    """Yield the power of every bin, in chunks of moments.

    A hop need not be a whole number of samples: at every rate the windows lie at the same moments.
    """
    from scipy import fft  # not before a song is scored: to import it takes a third of a second

    if len(mono) < window:
        mono = np.pad(mono, (0, window - len(mono)))
    shape = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)).astype(np.float32)
    shape /= np.float32(np.sqrt(float(shape @ shape)))
    views = np.lib.stride_tricks.sliding_window_view(mono, window)
    places = np.round(np.arange(1 + int((len(views) - 1) / hop)) * hop).astype(np.int64)
    for start in range(0, len(places), _CHUNK):
        bins = fft.rfft(views[places[start : start + _CHUNK]] * shape)  # in 32 bits, which numpy's is not
        yield (bins.real**2 + bins.imag**2).astype(np.float32, copy=False)


def _changes(bands: Floats) -> tuple[Floats, Floats, Floats]:
    level = np.log(bands + np.float32(_ONSET_FLOOR) * bands.mean() + np.float32(_TINY))
    steps = np.diff(level, axis=0)
    up, down = np.maximum(steps, 0.0), np.maximum(-steps, 0.0)
    return (up**3).sum(axis=1), (down**3).sum(axis=1), up.mean(axis=1)


def _chroma(mono: Floats, rate_hz: int) -> tuple[NDArray[np.float64], float]:
    """Return how strong each pitch class is at every moment: of the peaks of its spectrum, at their true frequency."""
    window = _window(_PITCH_WINDOW_S * rate_hz)
    hertz = np.arange(window // 2 + 1) * rate_hz / window
    low, high = np.searchsorted(hertz, _PITCHED_HZ)
    hop_s = _PITCH_WINDOW_S / 2
    found = [_pitch_classes(chunk[:, low:high], hertz[low:high]) for chunk in _spectra(mono, window, hop_s * rate_hz)]
    return np.concatenate(found), 1 / hop_s


def _pitch_classes(power: Floats, hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    inner = power[:, 1:-1]
    floor = _PEAK_FLOOR * power.max(axis=1, keepdims=True)
    moment, place = np.nonzero((inner >= power[:, :-2]) & (inner > power[:, 2:]) & (inner > floor))
    before, at, after = (np.log(power[moment, place + step] + _TINY) for step in range(3))
    # The top of the parabola through the logarithms of three bins lies where the tone is.
    bend = np.minimum(before - 2 * at + after, -1e-9)
    offset = np.clip(0.5 * (before - after) / bend, -0.5, 0.5)
    key = 69 + 12 * np.log2((hertz[place + 1] + offset * (hertz[1] - hertz[0])) / 440.0)
    column = moment * 12 + np.round(key).astype(int) % 12
    weight = np.sqrt(power[moment, place + 1])
    classes: NDArray[np.float64] = np.bincount(column, weight, minlength=12 * len(power)).astype(np.float64)
    return classes.reshape(-1, 12)
