"""Time stretch and pitch shift: exact lengths, kept pitch, and loops without a seam."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.samples import RATE_HZ, drum_loop
from workers.audio.stretch import fitted, stretched, stretched_loop


def hum(hertz: float, seconds: float) -> NDArray[np.float32]:
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)
    return np.repeat(wave[:, None], 2, axis=1).astype(np.float32)


def pitch_hz(audio: NDArray[np.float32]) -> float:
    window = audio[RATE_HZ // 4 : RATE_HZ // 4 + 32768, 0] * np.hanning(32768)
    return float(np.argmax(np.abs(np.fft.rfft(window)))) * RATE_HZ / 32768


@pytest.mark.parametrize(("share", "semitones"), [(0.9, 0), (1.1, 0), (1.0, 3), (1.07, -4)])
def test_length_and_pitch_are_what_was_asked_for(share: float, semitones: int) -> None:
    audio = hum(330.0, 2.0)
    frames = round(len(audio) * share) + 7
    made = stretched(audio, RATE_HZ, frames=frames, semitones=semitones)
    assert made.shape == (frames, 2)
    assert pitch_hz(made) == pytest.approx(330.0 * 2 ** (semitones / 12), rel=0.01)


def test_what_needs_no_change_has_none() -> None:
    audio = hum(330.0, 0.5)
    assert stretched(audio, RATE_HZ, frames=len(audio)) is audio
    assert stretched_loop(audio, RATE_HZ, frames=len(audio)) is audio


def test_two_stretches_are_the_same_bytes() -> None:
    audio = hum(220.0, 0.5)
    one, two = (stretched_loop(audio, RATE_HZ, frames=20000, semitones=2) for _ in range(2))
    assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("is_drums", [False, True])
def test_the_end_of_a_stretched_loop_goes_on_into_its_beginning(is_drums: bool) -> None:
    made = stretched_loop(hum(110.0, 2.0), RATE_HZ, frames=80011, is_drums=is_drums)[:, 0]
    twice = np.concatenate([made, made])
    steps = np.abs(np.diff(twice))
    assert steps.max() < 1.6 * np.percentile(steps, 99)


def test_drums_keep_their_attack() -> None:
    loop = np.repeat(drum_loop(120.0, 8)[:, None], 2, axis=1)
    made = stretched_loop(loop, RATE_HZ, frames=round(len(loop) * 1.08), is_drums=True)
    assert np.abs(made).max() > 0.8 * np.abs(loop).max()


def test_audio_is_cut_or_filled_to_a_length() -> None:
    audio = hum(330.0, 0.1)
    assert (fitted(audio, 100) == audio[:100]).all()
    longer = fitted(audio, len(audio) + 50)
    assert (longer[: len(audio)] == audio).all()
    assert not longer[len(audio) :].any()
    assert stretched(audio[:0], RATE_HZ, frames=10).shape == (10, 2)
