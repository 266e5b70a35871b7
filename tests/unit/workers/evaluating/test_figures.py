from __future__ import annotations

import numpy as np
import pytest

from schemas.evaluation import MOST_RENDER_DEVIATION, most_render_deviation
from workers.evaluating.figures import auroc, auroc_interval, effect


@pytest.mark.parametrize(
    ("good", "bad", "expected"),
    [
        ([3, 4], [1, 2], 1.0),
        ([1, 2], [3, 4], 0.0),
        ([1, 1], [1, 1], 0.5),
        ([1, 3], [2, 2], 0.5),
        ([2, 3], [1, 2], 0.875),
    ],
)
def test_auroc_is_the_share_of_pairs_in_which_the_good_one_wins(
    good: list[float], bad: list[float], expected: float
) -> None:
    assert auroc(np.array(good, float), np.array(bad, float)) == expected


def test_auroc_equals_the_count_over_all_pairs() -> None:
    rng = np.random.default_rng(1)
    good, bad = rng.normal(1, 1, 50).round(1), rng.normal(0, 1, 40).round(1)
    pairs = [(one > two) + 0.5 * (one == two) for one in good for two in bad]
    assert auroc(good, bad) == pytest.approx(np.mean(pairs))


def test_the_interval_holds_the_figure_and_narrows_with_more_songs() -> None:
    rng = np.random.default_rng(2)
    few = auroc_interval(rng.normal(1, 1, 20), rng.normal(0, 1, 20), times=200, seed=0)
    many = auroc_interval(rng.normal(1, 1, 2000), rng.normal(0, 1, 2000), times=200, seed=0)
    for found in (few, many):
        assert found.low <= found.value <= found.high
    assert many.high - many.low < few.high - few.low


def test_the_effect_is_in_deviations() -> None:
    rng = np.random.default_rng(3)
    assert effect(rng.normal(2, 1, 5000), rng.normal(0, 1, 5000)) == pytest.approx(2.0, abs=0.1)
    assert effect(np.ones(3), np.zeros(3)) is None


@pytest.mark.parametrize(("songs", "times"), [(2, 3.0), (8, 1.5), (18, 1.0), (1000, 1.0)])
def test_of_few_songs_a_wider_mean_is_allowed_as_it_varies_with_their_root(songs: int, times: float) -> None:
    assert most_render_deviation(songs) == pytest.approx(times * MOST_RENDER_DEVIATION)
