from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.mixplan import MixPlan
from workers.mixing.gains import GAIN_STEP_DB, ceiling_for, common_gain_db, decibels, linear, match_gain_db

PLAN = MixPlan()


@pytest.mark.parametrize(
    ("loudness_lufs", "gain_db"), [(-13.0, 0.0), (-33.0, 20.0), (-3.0, -10.0), (-20.123456, 7.1235), (None, 0.0)]
)
def test_a_stem_is_brought_to_the_loudness_of_the_plan_and_a_silent_one_left_alone(
    loudness_lufs: float | None, gain_db: float
) -> None:
    assert match_gain_db(loudness_lufs, PLAN) == gain_db


@given(
    st.floats(0.001, 50),
    st.lists(st.floats(0.001, 20), min_size=1, max_size=8),
    st.floats(-30, 0),
    st.sampled_from([16, 24, 32]),
)
def test_the_common_gain_is_the_largest_that_keeps_mix_and_stems_under_the_ceiling(
    mix_peak: float, stem_peaks: list[float], ceiling_db: float, bits: int
) -> None:
    plan = MixPlan(ceiling_db=ceiling_db)
    ceiling = ceiling_for(plan, bits=bits, stems=len(stem_peaks), peak_sum=sum(stem_peaks))
    gain_db = common_gain_db(mix_peak=mix_peak, stem_peaks=stem_peaks, ceiling=ceiling)
    factor = 10 ** (gain_db / 20)
    assert gain_db <= 0.0
    assert mix_peak * factor <= ceiling.mix * (1 + 1e-9)
    assert max(stem_peaks) * factor <= ceiling.stem * (1 + 1e-9)
    if gain_db < 0.0:
        more = 10 ** ((gain_db + 1.01 * GAIN_STEP_DB) / 20)
        assert mix_peak * more > ceiling.mix or max(stem_peaks) * more > ceiling.stem


def test_nothing_is_ever_boosted() -> None:
    ceiling = ceiling_for(PLAN, bits=24, stems=1, peak_sum=0.01)
    assert common_gain_db(mix_peak=0.01, stem_peaks=[0.01], ceiling=ceiling) == 0.0
    assert common_gain_db(mix_peak=0.0, stem_peaks=[0.0], ceiling=ceiling) == 0.0


def test_a_stem_alone_may_bind_where_the_mix_cancels() -> None:
    ceiling = ceiling_for(PLAN, bits=24, stems=2, peak_sum=4.0)
    assert common_gain_db(mix_peak=0.1, stem_peaks=[2.0, 2.0], ceiling=ceiling) == pytest.approx(-7.0206, abs=2e-4)


@pytest.mark.parametrize("bits", [16, 24])
@pytest.mark.parametrize("stems", [1, 2, 40, 999])
def test_the_ceiling_leaves_room_for_the_rounding_of_every_stem(bits: int, stems: int) -> None:
    scale = 2.0 ** (bits - 1)
    ceiling = ceiling_for(PLAN, bits=bits, stems=stems, peak_sum=1.0)
    limit = 10 ** (-1 / 20) * scale
    assert ceiling.mix * scale + stems / 2 <= math.floor(limit)
    assert math.floor(ceiling.stem * scale + 0.5) <= limit


@pytest.mark.parametrize("stems", [1, 2, 40, 999])
@pytest.mark.parametrize("overshoot", [1.0, 2.02])
def test_with_dither_it_leaves_room_for_three_times_as_much(stems: int, overshoot: float) -> None:
    ceiling = ceiling_for(PLAN, bits=16, stems=stems, peak_sum=1.0, overshoot=overshoot, dither=True)
    limit = math.floor(10 ** (-1 / 20) * 2**15)
    assert ceiling.mix * 2**15 + 1.5 * stems * overshoot <= limit
    assert ceiling.stem * 2**15 + (1.0 if overshoot == 1.0 else 1.5 * overshoot) <= limit


def test_under_the_lowest_ceiling_there_is_room_for_the_most_dithered_stems() -> None:
    ceiling = ceiling_for(MixPlan(ceiling_db=-30.0), bits=16, stems=999, peak_sum=5000.0, overshoot=2.02, dither=True)
    limit = 10 ** (-30 / 20)
    assert ceiling.mix >= 0.2 * limit
    # a sum of so many errors has a standard deviation of sqrt(999) / 2 steps
    assert ceiling.mix * 2**15 + 15 * math.sqrt(999) / 2 <= limit * 2**15


@pytest.mark.parametrize("bits", [16, 24])
def test_at_zero_decibels_full_scale_itself_is_out_of_reach_of_integers(bits: int) -> None:
    scale = 2.0 ** (bits - 1)
    ceiling = ceiling_for(MixPlan(ceiling_db=0.0), bits=bits, stems=1, peak_sum=0.0)
    assert math.floor(ceiling.stem * scale + 0.5) <= scale - 1


@pytest.mark.parametrize(("level", "expected_db"), [(1.0, 0.0), (0.5, -6.0206), (0.0, None)])
def test_levels_in_decibels(level: float, expected_db: float | None) -> None:
    assert decibels(level) == expected_db


def test_a_gain_is_applied_as_the_float32_next_to_it() -> None:
    assert float(linear(-6.0)) == pytest.approx(10 ** (-0.3), rel=6e-8)
    assert linear(0.0) == 1.0
