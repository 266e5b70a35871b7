"""The limiter's curve: under every peak, no steeper than it may be, and nothing where nothing is over."""

from __future__ import annotations

import numpy as np
import pytest

from workers.mixing.limiter import STEP_FRAMES, GainCurve, limiting_curve

RATE_HZ = 44100
BLOCK_S = STEP_FRAMES / RATE_HZ


def peaks_of(seed: int, blocks: int = 400) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random(blocks) < 0.05, rng.uniform(1.0, 3.0, blocks), rng.uniform(0.1, 1.0, blocks))


@pytest.mark.parametrize("seed", range(5))
def test_no_block_passes_what_it_may_reach(seed: int) -> None:
    peaks = peaks_of(seed)
    factors = limiting_curve(peaks, RATE_HZ).of(0, len(peaks) * STEP_FRAMES)
    assert factors is not None
    loudest = factors.reshape(len(peaks), STEP_FRAMES).max(axis=1)
    assert (loudest * peaks).max() <= 1.0


def test_it_falls_before_a_peak_and_comes_back_slowly_behind_it() -> None:
    peaks = np.full(200, 0.5)
    peaks[50] = 2.0
    gains_db = limiting_curve(peaks, RATE_HZ).gains_db
    assert gains_db[50:52] == pytest.approx([-6.0206, -6.0206], abs=2e-4)
    assert gains_db[47:50] == pytest.approx([0.0, -0.0206, -3.0206], abs=2e-4)
    back_s = (np.flatnonzero(gains_db[52:] == 0.0)[0] + 1) * BLOCK_S
    assert back_s == pytest.approx(6.02 / 20, abs=0.02)
    assert (np.diff(gains_db[51:]) >= 0).all()


def test_where_nothing_is_over_nothing_is_done() -> None:
    curve = limiting_curve(np.full(5000, 0.99), RATE_HZ)
    assert not curve.is_active
    assert curve.of(0, 4096) is None
    assert curve.record(RATE_HZ).stretches == []
    assert curve.mean_squares(4410, 10) == pytest.approx(np.ones(10))


def test_any_stretch_of_it_is_a_part_of_the_whole() -> None:
    curve = limiting_curve(peaks_of(1), RATE_HZ)
    whole = curve.of(0, 400 * STEP_FRAMES)
    assert whole is not None
    for start, length in [(0, 512), (512 * 7, 5000), (4096, 64), (512 * 399, 300)]:
        part = curve.of(start, length)
        assert np.array_equal(whole[start : start + length], np.ones((length, 1)) if part is None else part)


def test_mean_squares_are_those_of_its_factors() -> None:
    curve = limiting_curve(peaks_of(2), RATE_HZ)
    whole = curve.of(0, 400 * STEP_FRAMES)
    assert whole is not None
    squares = np.square(whole[: 40 * 4410, 0]).reshape(40, 4410).mean(axis=1)
    assert curve.mean_squares(4410, 40) == pytest.approx(squares, abs=2e-3)


def test_what_is_written_down_is_what_was_done() -> None:
    curve = limiting_curve(peaks_of(3), RATE_HZ)
    record = curve.record(RATE_HZ)
    again = np.zeros_like(curve.gains_db)
    for stretch in record.stretches:
        first = round(stretch.start_s / record.step_s)
        again[first : first + len(stretch.gains_db)] = stretch.gains_db
    assert np.array_equal(again, curve.gains_db)
    assert record.least_gain_db == curve.gains_db.min() < 0
    assert record.limited_s == pytest.approx(
        sum(len(one.gains_db) - 1 for one in record.stretches) * record.step_s, abs=1e-6
    )


def test_gains_are_whole_steps_so_that_no_last_digit_of_a_logarithm_counts() -> None:
    gains = limiting_curve(peaks_of(4), RATE_HZ).gains_db * 1e4
    assert np.abs(gains - np.round(gains)).max() < 1e-6
    assert GainCurve(np.zeros(3)).of(0, 100) is None
