"""Ears that know no MIDI: onsets in a recording of any instrument, and how much of each pitch class sounds when."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]

#: Frames from one short spectrum to the next, at 44,100 Hz: 3 ms.
_HOP: Final = 128
#: Sums of neighbouring bins: so many bands, from 30 Hz to 16 kHz.
_BANDS: Final = 96
#: A rise is counted over so many hops, and two onsets lie so far apart at least.
_LAG: Final = 4
_APART_S: Final = 0.03


class Ear(NamedTuple):
    """How it listens."""

    window: int  #: frames of a short spectrum: long ones tell low tones apart, short ones hear strokes that are near
    floor: float  #: relative to a band's own peak; what lies below it counts for nothing
    least: float  #: of the highest peaks, how high the others must be


#: For drums, soft beside loud; and for tones, whose beats and decays are no onsets.
STROKES: Final = Ear(1024, 1e-5, 0.1)
TONES: Final = Ear(2048, 1e-2, 0.25)


def onsets(audio: Audio, ear: Ear, rate_hz: int = 44100) -> NDArray[np.float64]:
    """Return the seconds at which something begins to sound: peaks of how much louder the bands become.

    Bands are heard in proportion to what has sounded in them, so that what is soft is heard beside what is loud.

    Args:
        audio: float [frames, channels].
        ear: for what it holds.
        rate_hz: its sample rate.
    """
    window = ear.window
    mono = np.pad(audio.mean(axis=1), (window, window))
    bands = _bands(mono, rate_hz, window)
    level = np.log10(ear.floor + bands / (bands.max(axis=0) + 1e-4 * bands.max()))
    rise = np.maximum(level[_LAG:] - np.maximum.reduce([level[:-_LAG], level[1 : 1 - _LAG]]), 0.0)
    novelty = rise.mean(axis=1)
    novelty = np.convolve(novelty, np.hanning(7) / np.hanning(7).sum(), mode="same")
    apart = max(1, round(_APART_S * rate_hz / _HOP))
    high = np.quantile(novelty, 0.995)
    found: list[int] = []
    for place in np.flatnonzero(_is_peak(novelty, apart) & (novelty > ear.least * high)):
        around = novelty[max(0, place - 10 * apart) : place + 10 * apart]
        if novelty[place] > np.median(around) + 0.5 * ear.least * high:
            found.append(int(place))
    # A rise is at its greatest where the new sound reaches the middle of the window.
    return np.array([((place + _LAG / 2) * _HOP - window + window / 2) / rate_hz for place in found])


def _is_peak(values: NDArray[np.float64], apart: int) -> NDArray[np.bool_]:
    padded = np.pad(values, apart, constant_values=-1.0)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * apart + 1).max(axis=1)
    return np.asarray(values >= around)


def _bands(mono: NDArray[np.floating], rate_hz: int, window: int) -> NDArray[np.float64]:
    frames = np.lib.stride_tricks.sliding_window_view(mono, window)[::_HOP] * np.hanning(window).astype(np.float32)
    spectra = np.abs(np.fft.rfft(frames, axis=1)).astype(np.float64)
    edges = np.unique(np.geomspace(30.0, 16000.0, _BANDS + 1) * window // rate_hz).astype(int)
    return np.add.reduceat(spectra, edges[:-1], axis=1)


def chroma(audio: Audio, start_s: float, end_s: float, rate_hz: int = 44100) -> NDArray[np.float64]:
    """Return how much of each pitch class sounds in a stretch, C first; they sum to 1."""
    segment = audio.mean(axis=1)[round(start_s * rate_hz) : round(end_s * rate_hz)]
    size = 1 << 16
    power = np.abs(np.fft.rfft(segment * np.hanning(len(segment)), size)) ** 2
    hertz = np.arange(1, len(power)) * rate_hz / size
    key = 69 + 12 * np.log2(hertz / 440.0)
    near = np.abs(key - np.round(key)) < 0.3
    inside = near & (hertz > 100) & (hertz < 2000)
    found = np.zeros(12)
    np.add.at(found, np.round(key[inside]).astype(int) % 12, power[1:][inside])
    return found / max(float(found.sum()), 1e-12)
