"""Figures of a trial: how well scores are told apart, and how sure that is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from schemas.evaluation import Interval

Scores = NDArray[np.float64]


def auroc(good: Scores, bad: Scores) -> float:
    """Return how often a good one scores higher than a bad one, ties counted half (Mann and Whitney 1947)."""
    ordered = np.sort(bad)
    below = np.searchsorted(ordered, good, side="left")
    not_above = np.searchsorted(ordered, good, side="right")
    return float((below + not_above).sum() / (2.0 * len(good) * len(bad)))


def auroc_interval(good: Scores, bad: Scores, *, times: int, seed: int) -> Interval:
    """Return it with its 95 % interval, of samples drawn with replacement."""
    rng = np.random.default_rng([seed, 1])
    again = [
        auroc(good[rng.integers(0, len(good), len(good))], bad[rng.integers(0, len(bad), len(bad))])
        for _ in range(times)
    ]
    low, high = np.percentile(again, [2.5, 97.5])
    return Interval(value=round(auroc(good, bad), 4), low=round(float(low), 4), high=round(float(high), 4))


def effect(good: Scores, bad: Scores) -> float | None:
    """Return the difference of the means over the common deviation (Cohen 1988); None where nothing varies."""
    common = float(np.sqrt((good.var() + bad.var()) / 2.0))
    return None if common == 0.0 else round(float(good.mean() - bad.mean()) / common, 2)
