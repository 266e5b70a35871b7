"""The power behind a limiter, measured in part, is the power of the whole."""

from __future__ import annotations

import numpy as np
import pytest

from workers.audio.meter import LoudnessMeter, hop_frames
from workers.mixing.limited import LimitedPower
from workers.mixing.limiter import STEP_FRAMES, GainCurve, limiting_curve

#: What float32 samples that are rounded once more may differ by.
ROUNDING = 1e-5


def signal(rate_hz: int, seconds: float) -> np.ndarray:
    time_s = np.arange(round(rate_hz * seconds) // 64 * 64) / rate_hz
    low, high = np.sin(2 * np.pi * 55 * time_s), np.sin(2 * np.pi * 1500 * time_s) * (time_s % 1 < 0.3)
    return np.stack([0.5 * low + 0.3 * high, 0.2 * low - 0.6 * high], axis=1).astype(np.float32)


def whole(audio: np.ndarray, rate_hz: int) -> np.ndarray:
    meter = LoudnessMeter(rate_hz, audio.shape[1])
    meter.write(audio)
    return meter.hop_power()


@pytest.mark.parametrize("rate_hz", [16000, 44100, 48000])
@pytest.mark.parametrize("block", [STEP_FRAMES, 32768, 10_048])
@pytest.mark.parametrize("at_s", [(0.0,), (3.21,), (1.0, 1.15, 4.99), ()])
def test_it_is_that_of_the_limited_signal(rate_hz: int, block: int, at_s: tuple[float, ...]) -> None:
    audio = signal(rate_hz, 5.0)
    peaks = np.zeros(-(-len(audio) // STEP_FRAMES))
    peaks[[int(second * rate_hz) // STEP_FRAMES for second in at_s]] = 1.4
    curve = limiting_curve(peaks, rate_hz)
    assert curve.is_active == bool(at_s)
    power = LimitedPower(curve, rate_hz, 2)
    limited = audio.copy()
    heard = 0
    for start in range(0, len(audio), block):
        part = limited[start : start + block]
        factors = curve.of(start, len(part))
        if factors is not None:
            part *= factors.astype(np.float32)
        if power.hears(start, start + len(part)):
            power.take(start, part)
            heard += len(part)
    power.silence(len(audio))
    found = power.power(whole(audio, rate_hz))
    assert found == pytest.approx(whole(limited, rate_hz), rel=ROUNDING)
    assert (heard < len(audio)) == (block < len(audio) or not at_s), "what no limiter touches is not measured"


def test_a_hop_belongs_to_the_curve_where_any_of_its_blocks_does() -> None:
    gains_db = np.zeros(41)
    gains_db[20] = -1.0
    hop = hop_frames(44100)
    at_work = GainCurve(gains_db).at_work(hop)
    touched = {frame // hop for frame in range(19 * STEP_FRAMES, 21 * STEP_FRAMES)}
    assert set(np.flatnonzero(at_work).tolist()) == touched


def test_silence_between_two_sounds_is_heard_as_silence() -> None:
    rate_hz = 16000
    audio = signal(rate_hz, 5.0)
    audio[rate_hz : 2 * rate_hz] = 0.0
    gains_db = np.zeros(-(-len(audio) // STEP_FRAMES) + 1)
    gains_db[rate_hz // STEP_FRAMES - 2 : 2 * rate_hz // STEP_FRAMES + 4] = -3.0
    curve = GainCurve(gains_db)
    factors = curve.of(0, len(audio))
    assert factors is not None
    limited = audio * factors.astype(np.float32)
    power = LimitedPower(curve, rate_hz, 2)
    power.take(0, limited[:rate_hz])
    power.take(2 * rate_hz, limited[2 * rate_hz :])
    assert power.power(whole(audio, rate_hz)) == pytest.approx(whole(limited, rate_hz), rel=ROUNDING, abs=1e-12)
