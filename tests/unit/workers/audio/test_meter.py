"""Loudness: the signals of EBU Tech 3341, a reference meter, and independence of block size."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from workers.audio.meter import LoudnessMeter, k_weighting

Audio = NDArray[np.float32]
RATES = [8000, 16000, 22050, 32000, 44100, 48000, 88200, 96000]


def measure(audio: Audio, rate_hz: int, block: int = 4096) -> float | None:
    meter = LoudnessMeter(rate_hz, audio.shape[1])
    for start in range(0, len(audio), block):
        meter.write(audio[start : start + block])
    return meter.integrated()


def tone(level_dbfs: float, seconds: float, rate_hz: int = 48000, hertz: float = 1000.0, channels: int = 2) -> Audio:
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    wave = 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * hertz * time)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def music(rate_hz: int, seconds: float, seed: int = 1) -> Audio:
    """Return something like music: decaying notes on a bed of quiet noise, an offset, a rest."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate_hz)) / rate_hz
    audio = rng.standard_normal((len(time), 2)) * 1e-3 + 0.01
    for start in np.arange(0, seconds - 1, 0.23):
        since = np.clip(time - start, 0, None)
        note = np.sin(2 * np.pi * rng.uniform(60, min(3000, rate_hz / 3)) * since) * np.exp(-since * 6) * (since > 0)
        audio += note[:, None] * rng.uniform(0, 0.4, 2)
    audio[len(audio) // 2 : len(audio) * 2 // 3] = 0
    return audio.astype(np.float32)


@pytest.mark.parametrize(
    ("parts", "expected_lufs"),
    [
        ([(-23.0, 20.0)], -23.0),
        ([(-33.0, 20.0)], -33.0),
        ([(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)], -23.0),
        ([(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)], -23.0),
        ([(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)], -23.0),
    ],
)
@pytest.mark.parametrize("rate_hz", [44100, 48000])
def test_ebu_tech_3341_signals_1_to_5(parts: list[tuple[float, float]], expected_lufs: float, rate_hz: int) -> None:
    audio = np.concatenate([tone(level, seconds, rate_hz) for level, seconds in parts])
    assert measure(audio, rate_hz) == pytest.approx(expected_lufs, abs=0.1)


def test_ebu_tech_3341_signal_6() -> None:
    # Five channels; the surrounds' weight of 1.41 is applied here, since stems have none.
    levels = [-28.0, -28.0, -24.0, -30.0 + 10 * np.log10(1.41), -30.0 + 10 * np.log10(1.41)]
    audio = np.concatenate([tone(level, 20.0, channels=1) for level in levels], axis=1)
    assert measure(audio, 48000) == pytest.approx(-23.0, abs=0.1)


def test_the_coefficients_at_48_khz_are_those_of_the_standard() -> None:
    (shelf, shelf_poles), (highpass, highpass_poles) = k_weighting(48000)
    assert shelf == pytest.approx([1.53512485958697, -2.69169618940638, 1.19839281085285], abs=1e-9)
    assert shelf_poles == pytest.approx([1.0, -1.69065929318241, 0.73248077421585], abs=1e-9)
    assert highpass == pytest.approx([1.0, -2.0, 1.0])
    assert highpass_poles == pytest.approx([1.0, -1.99004745483398, 0.99007225036621], abs=1e-9)


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("kind", ["noise", "music", "sine"])
def test_it_agrees_with_a_reference_meter(rate_hz: int, kind: str) -> None:
    audio = {
        "noise": np.random.default_rng(2).standard_normal((rate_hz * 4, 2)).astype(np.float32) * np.float32(0.1),
        "music": music(rate_hz, 4.0),
        "sine": tone(-20.0, 4.0, rate_hz, 997.0),
    }[kind]
    reference = pyloudnorm.Meter(rate_hz, filter_class="DeMan").integrated_loudness(audio.astype(np.float64))
    assert measure(audio, rate_hz) == pytest.approx(reference, abs=1e-6)


@pytest.mark.parametrize("rate_hz", [11025, 12345, 37811])
def test_rates_whose_tenth_is_no_whole_number_of_rows_are_measured_as_well(rate_hz: int) -> None:
    audio = music(rate_hz, 6.0)
    reference = pyloudnorm.Meter(rate_hz, filter_class="DeMan").integrated_loudness(audio.astype(np.float64))
    assert measure(audio, rate_hz) == pytest.approx(reference, abs=0.02)


@given(st.lists(st.integers(1, 9000), min_size=1, max_size=30), st.sampled_from([1, 2]))
def test_block_size_does_not_matter(blocks: list[int], channels: int) -> None:
    audio = np.ascontiguousarray(music(16000, 3.0)[:, :channels])
    meter, start = LoudnessMeter(16000, channels), 0
    for size in blocks:
        meter.write(audio[start : start + size])
        start += size
    meter.write(audio[start:])
    assert meter.integrated() == pytest.approx(measure(audio, 16000), abs=1e-9)


@given(st.integers(0, 60_000), st.integers(0, 60_000))
def test_silence_is_the_same_as_zeros(before: int, after: int) -> None:
    audio = music(16000, 1.0)
    short, long = LoudnessMeter(16000, 2), LoudnessMeter(16000, 2)
    for frames in (before, after):
        short.silence(frames)
        long.write(np.zeros((frames, 2), np.float32))
        short.write(audio)
        long.write(audio)
    assert short.integrated() == pytest.approx(long.integrated(), abs=1e-9)


def test_measuring_in_between_changes_nothing() -> None:
    audio = music(44100, 3.0)
    meter = LoudnessMeter(44100, 2)
    for start in range(0, len(audio), 5000):
        meter.write(audio[start : start + 5000])
        meter.integrated()
    assert meter.integrated() == measure(audio, 44100)


@pytest.mark.parametrize("gain_db", [-30.0, -6.0, 12.0])
def test_gain_moves_loudness_by_itself(gain_db: float) -> None:
    audio = tone(-20.0, 5.0)
    louder = (audio * np.float32(10 ** (gain_db / 20))).astype(np.float32)
    assert measure(louder, 48000) == pytest.approx((measure(audio, 48000) or 0.0) + gain_db, abs=1e-4)


def test_a_second_equal_channel_adds_3_lu() -> None:
    assert measure(tone(-20.0, 5.0), 48000) == pytest.approx(
        (measure(tone(-20.0, 5.0, channels=1), 48000) or 0.0) + 10 * np.log10(2), abs=1e-6
    )


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros((48000, 2), np.float32),
        tone(-80.0, 5.0),
        tone(-20.0, 0.399),
        np.zeros((0, 2), np.float32),
        np.full((480_000, 2), 0.5, np.float32)[:0],
    ],
)
def test_what_no_block_above_the_gate_has_has_no_loudness(audio: Audio) -> None:
    assert measure(audio, 48000) is None


def test_a_constant_offset_has_no_loudness_once_it_stands() -> None:
    meter = LoudnessMeter(48000, 2)
    meter.write(np.full((48000 * 5, 2), 0.5, np.float32))
    onset_only = meter.integrated()
    meter.write(np.full((48000 * 60, 2), 0.5, np.float32))
    assert meter.integrated() == pytest.approx(onset_only, abs=1e-6)


@pytest.mark.parametrize("rate_hz", [16000, 44100])
def test_sides_that_are_alike_for_a_while_are_measured_as_two(rate_hz: int) -> None:
    rng = np.random.default_rng(5)
    alike = np.repeat(rng.normal(0, 0.1, (5 * rate_hz, 1)), 2, axis=1)
    unlike = rng.normal(0, 0.1, (3 * rate_hz, 2))
    once_more = np.repeat(rng.normal(0, 0.1, (5 * rate_hz, 1)), 2, axis=1)
    audio = np.concatenate([alike, unlike, once_more]).astype(np.float32)
    both = LoudnessMeter(rate_hz, 2)
    both.write(audio)
    for side, power in enumerate(both.side_power()):
        one = LoudnessMeter(rate_hz, 1)
        one.write(np.ascontiguousarray(audio[:, side : side + 1]))
        np.testing.assert_allclose(power, one.hop_power(), rtol=1e-9)
