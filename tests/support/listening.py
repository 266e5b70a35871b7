"""An ear that knows no MIDI: the tones of a recording, each with its onset and its key, octave included."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Frames of one step of the envelope: the grid on which the engine starts notes.
_STEP = 64
#: A tone begins where the level rises above this part of the recording's peak, after so many seconds below it.
_FLOOR = 0.003
_SILENCE_S = 0.03
#: A tone's pitch is taken from this long after its onset, and from so much sound at most, seconds.
_ATTACK_S = 0.01
_WINDOW_S = 0.3


class Tone(NamedTuple):
    """One tone: when it begins, and the nearest key of its fundamental (69 is 440 Hz)."""

    onset_s: float
    key: int


def tones(audio: NDArray[np.float32], rate_hz: int) -> list[Tone]:
    """Return the tones of a recording of single tones with silence between them.

    Args:
        audio: float [frames, channels].
        rate_hz: its sample rate.
    """
    mono = audio.mean(axis=1)
    steps = np.abs(mono[: len(mono) // _STEP * _STEP]).reshape(-1, _STEP).max(axis=1)
    loud = steps > _FLOOR * steps.max()
    edges = np.flatnonzero(np.diff(loud, prepend=False, append=False)).reshape(-1, 2)
    quiet_before = np.diff(edges.reshape(-1), prepend=-len(steps))[::2] * _STEP / rate_hz
    begins = edges[quiet_before >= _SILENCE_S, 0]
    ends = np.append(begins[1:], len(steps))
    found = []
    for begin, until in zip(begins.tolist(), ends.tolist(), strict=True):
        last = max(stop for start, stop in edges.tolist() if begin <= start < until)
        start = begin * _STEP + round(_ATTACK_S * rate_hz)
        segment = mono[start : min(last * _STEP, start + round(_WINDOW_S * rate_hz))]
        found.append(Tone(begin * _STEP / rate_hz, _key(segment, rate_hz)))
    return found


def _key(segment: NDArray[np.float32], rate_hz: int) -> int:
    """Return the key of the strongest partial: what is heard here are sines."""
    size = 1 << 17
    spectrum = np.abs(np.fft.rfft(segment * np.hanning(len(segment)), size))
    hertz = max(int(np.argmax(spectrum)), 1) * rate_hz / size
    return round(69 + 12 * float(np.log2(hertz / 440.0)))
