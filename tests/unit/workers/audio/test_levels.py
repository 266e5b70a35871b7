"""Levels of a stem: each measured against the plain formula over the whole stem at once."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from workers.audio.levels import SLAB_FRAMES, LevelMeter, Levels
from workers.audio.stemfile import CHUNK_FRAMES, HOP_FRAMES

Audio = NDArray[np.float32]
RATE_HZ = 44100


def measure(audio: Audio) -> Levels:
    meter = LevelMeter(RATE_HZ, audio.shape[1])
    for start in range(0, len(audio), SLAB_FRAMES):
        meter.slab(np.ascontiguousarray(audio[start : start + SLAB_FRAMES]))
    return meter.result()


def silence(frames: int) -> Audio:
    return np.zeros((frames, 2), np.float32)


def constant(frames: int, value: float = 0.25) -> Audio:
    return np.full((frames, 2), value, np.float32)


@given(st.integers(1, 3 * CHUNK_FRAMES), st.sampled_from([1, 2]), st.integers(0, 5))
def test_peak_rms_and_mean_are_those_of_the_whole(frames: int, channels: int, seed: int) -> None:
    audio = (np.random.default_rng(seed).standard_normal((frames, channels)) * 0.1 + 0.05).astype(np.float32)
    levels = measure(audio)
    assert levels.peak == np.abs(audio).max()
    assert levels.rms == pytest.approx(np.sqrt(np.mean(np.square(audio, dtype=np.float64))), rel=1e-4)
    assert levels.dc == pytest.approx(audio.mean(axis=0, dtype=np.float64).tolist(), abs=1e-6)
    assert levels.nonfinite == 0


@pytest.mark.parametrize("frames", [0, 1, HOP_FRAMES, CHUNK_FRAMES, CHUNK_FRAMES + 1])
def test_silence_has_no_levels(frames: int) -> None:
    levels = measure(silence(frames))
    assert levels == Levels(0.0, 0.0, [0.0, 0.0], 0, 0, None, None, 0.0, None, [])


@pytest.mark.parametrize("pattern", ["0", "1", "01", "10", "0110", "1001", "0000", "1111", "1011"])
@pytest.mark.parametrize("last", [1, 700, CHUNK_FRAMES])
def test_chunks_of_zeros_are_told_from_those_that_sound(pattern: str, last: int) -> None:
    meter = LevelMeter(RATE_HZ, 2)
    chunks = [constant(CHUNK_FRAMES, 1e-30 * int(digit)) for digit in pattern]
    slab = np.concatenate([*chunks[:-1], chunks[-1][:last]])
    samples, runs = meter.slab(slab)
    assert samples is slab
    assert [run.start for run in runs] == [0, *(run.stop for run in runs[:-1])]
    assert runs[-1].stop == len(slab)
    assert all(slab[run.start : run.stop].all() == run.sounds for run in runs)
    assert all(one.sounds != next_.sounds for one, next_ in itertools.pairwise(runs))
    assert meter.sounding_frames == sum(run.stop - run.start for run in runs if run.sounds)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.booleans())
def test_slabs_of_any_number_of_chunks_give_the_same_levels(sizes: list[int], gap: bool) -> None:
    audio = (np.random.default_rng(1).standard_normal((18 * CHUNK_FRAMES, 2)) * 0.1).astype(np.float32)
    audio[3 * CHUNK_FRAMES : (3 + 4 * gap) * CHUNK_FRAMES] = 0.0
    meter, start, turn = LevelMeter(RATE_HZ, 2), 0, 0
    while start < len(audio):
        stop = start + sizes[turn % len(sizes)] * CHUNK_FRAMES
        meter.slab(audio[start:stop])
        start, turn = stop, turn + 1
    assert meter.result() == measure(audio)


@pytest.mark.parametrize("start", [0, 1, 511, 512, 5000, 12345])
def test_first_and_last_sound_are_where_they_are(start: int) -> None:
    levels = measure(np.concatenate([silence(start), constant(3000), silence(20000)]))
    assert levels.first_sound_s == pytest.approx(start / RATE_HZ, abs=1e-6)
    end_s = (start + 3000) / RATE_HZ
    assert levels.last_sound_s is not None
    assert end_s <= levels.last_sound_s + 1e-6 < end_s + HOP_FRAMES / RATE_HZ


def test_what_is_below_the_floor_is_no_sound() -> None:
    levels = measure(constant(10000, 9e-6))
    assert levels.first_sound_s is None
    assert levels.active_regions == []
    assert levels.peak > 0


def test_active_regions_are_within_60_db_of_the_peak() -> None:
    loud, soft, below = constant(4 * HOP_FRAMES, 0.5), constant(2 * HOP_FRAMES, 6e-4), constant(2 * HOP_FRAMES, 4e-4)
    levels = measure(np.concatenate([loud, below, soft, silence(HOP_FRAMES), loud]))
    hop = HOP_FRAMES / RATE_HZ
    expected = [(0, 4 * hop), (6 * hop, 8 * hop), (9 * hop, 13 * hop)]
    assert np.array(levels.active_regions) == pytest.approx(np.array(expected), abs=1e-6)


def test_active_regions_end_with_the_stem() -> None:
    levels = measure(constant(700))
    assert levels.active_regions == [(0.0, round(700 / RATE_HZ, 6))]


def test_the_tail_is_the_last_50_ms() -> None:
    loud_end = np.concatenate([constant(20000, 0.1), constant(100, 0.3)])
    assert measure(loud_end).tail_peak == pytest.approx(0.3)
    soft_end = np.concatenate([constant(20000, 0.3), constant(3500, 0.1)])
    assert measure(soft_end).tail_peak == pytest.approx(0.1)


@given(st.integers(0, 2 * CHUNK_FRAMES), st.integers(1, 3 * CHUNK_FRAMES), st.sampled_from([0, 1]))
def test_a_flat_top_is_measured_across_chunks(start: int, length: int, channel: int) -> None:
    audio = (np.random.default_rng(start).uniform(-0.4, 0.4, (start + length + 50, 2))).astype(np.float32)
    audio[start : start + length, channel] = -0.5
    assert measure(audio).flat_run_frames == length


def test_only_equal_samples_at_the_peak_are_flat() -> None:
    wave = np.tile(np.array([[0.5, 0.1], [-0.5, 0.1]], np.float32), (5000, 1))
    assert measure(wave).flat_run_frames == 1
    lower = np.concatenate([constant(100, 0.4), wave])
    assert measure(lower).flat_run_frames == 1
    apart = np.concatenate([constant(30, 0.5), silence(CHUNK_FRAMES * 2 - 30), constant(20, 0.5)])
    assert measure(apart).flat_run_frames == 30


def test_flatness_tells_noise_from_tones() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((RATE_HZ, 2)).astype(np.float32) * np.float32(0.1)
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)[:, None].repeat(2, axis=1)
    mostly_soft_noise = np.concatenate([noise * np.float32(0.001)] * 3 + [tone])
    flatness = [measure(audio).flatness for audio in (noise, tone, mostly_soft_noise)]
    assert None not in flatness
    assert [value is not None and value > 0.9 for value in flatness] == [True, False, False]
    assert [value is not None and value < 0.05 for value in flatness] == [False, True, True]


def test_flatness_of_less_than_a_chunk_is_unknown() -> None:
    assert measure(constant(CHUNK_FRAMES - 1)).flatness is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_counted_and_poisons_nothing(value: float) -> None:
    audio = constant(2 * CHUNK_FRAMES)
    audio[5000:5003, 0] = value
    levels = measure(audio)
    assert levels.nonfinite == 3
    assert levels.peak == 0.25
    assert np.isfinite([levels.rms, *levels.dc]).all()
    audio[:] = value
    assert measure(audio).nonfinite == audio.size
