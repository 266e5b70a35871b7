"""Short music made of decaying harmonics, and what may be done to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 22050
Audio = NDArray[np.float32]
#: C major: I vi IV V, each as a bass note and three tones.
CHORDS = ((36, 60, 64, 67), (33, 57, 60, 64), (41, 57, 60, 65), (43, 59, 62, 67))
MELODY = (72, 76, 79, 76, 69, 72, 76, 72, 77, 72, 69, 72, 74, 79, 74, 71)


def music(*, bars: int = 4, bpm: float = 120.0, rate_hz: int = RATE_HZ) -> Audio:
    """Return a song of one bar for each chord: bass and chord on the first beat, a melody on every beat, a drum."""
    beat_s = 60.0 / bpm
    audio = np.zeros(round((bars * 4 * beat_s + 1.0) * rate_hz))
    for beat in range(bars * 4):
        start = round(beat * beat_s * rate_hz)
        keys = [MELODY[beat % len(MELODY)]]
        keys += CHORDS[beat // 4 % len(CHORDS)] if beat % 4 == 0 else ()
        for key in keys:
            length_s = 1.6 if key < 60 else 0.7
            tone = _pluck(key, length_s, rate_hz)
            audio[start : start + len(tone)] += tone[: len(audio) - start]
        drum = _drum(beat, rate_hz)
        audio[start : start + len(drum)] += drum[: len(audio) - start]
    return np.repeat((audio / np.abs(audio).max() * 0.9)[:, None], 2, axis=1).astype(np.float32)


def onsets_s(*, bars: int = 4, bpm: float = 120.0) -> list[float]:
    """Return when the notes of `music` begin."""
    return [beat * 60.0 / bpm for beat in range(bars * 4)]


def blocks(audio: Audio, frames: int = 4096) -> list[Audio]:
    """Cut audio into blocks."""
    return [audio[start : start + frames] for start in range(0, len(audio), frames)]


def _pluck(key: int, length_s: float, rate_hz: int) -> NDArray[np.float64]:
    time_s = np.arange(round(length_s * rate_hz)) / rate_hz
    hertz = 440.0 * 2 ** ((key - 69) / 12)
    waves = [np.sin(2 * np.pi * hertz * k * time_s) / k**1.5 for k in range(1, 8) if hertz * k < rate_hz / 2]
    fade = np.minimum(1.0, time_s / 0.003) * np.exp(-4.0 * time_s)
    tone: NDArray[np.float64] = np.sum(waves, axis=0) * fade * (1.5 if key < 48 else 0.6)
    return tone


def _drum(beat: int, rate_hz: int) -> NDArray[np.float64]:
    time_s = np.arange(round(0.1 * rate_hz)) / rate_hz
    hit: NDArray[np.float64] = 0.4 * np.random.default_rng(beat).standard_normal(len(time_s)) * np.exp(-60.0 * time_s)
    return hit
