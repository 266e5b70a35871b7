"""The watcher's judgements as tables: which clock has run out, when to look again, when to replace a process."""

from __future__ import annotations

import pytest

from schemas.states import FailureReason as F
from workers.engines.clocks import Limits, Progress, next_check_s, overdue, render_limit_s, too_fast, wants_recycling

LIMITS = Limits(
    load_s=10,
    render_floor_s=20,
    render_factor=5,
    expected_speed=10,
    no_progress_s=4,
    max_speed=1000,
    growth_mb=100,
    renders=3,
)


@pytest.mark.parametrize(
    ("progress", "now_s", "cause", "wait_s"),
    [
        (Progress(100, 100), 105, None, 5),
        (Progress(100, 100), 110.5, F.LOAD_TIMEOUT, 0),
        (Progress(100, 102, loaded_s=102), 105, None, 1),
        (Progress(100, 102, loaded_s=102), 106.5, F.NO_PROGRESS, 0),
        (Progress(100, 119, loaded_s=102), 121, None, 1),
        (Progress(100, 122, loaded_s=102), 122.5, F.RENDER_TIMEOUT, 0),
        (Progress(100, 122, loaded_s=102, expected_audio_s=60), 122.5, None, 3.5),
        (Progress(100, 132, loaded_s=102, expected_audio_s=60), 132.5, F.RENDER_TIMEOUT, 0),
    ],
)
def test_clocks_run_out_one_by_one(progress: Progress, now_s: float, cause: F | None, wait_s: float) -> None:
    assert overdue(LIMITS, progress, now_s) == cause
    assert next_check_s(LIMITS, progress, now_s) == pytest.approx(wait_s)


def test_a_render_may_take_a_multiple_of_what_is_expected_but_never_less_than_the_floor() -> None:
    assert render_limit_s(LIMITS, 0) == 20
    assert render_limit_s(LIMITS, 40) == 20
    assert render_limit_s(LIMITS, 400) == 200


@pytest.mark.parametrize(
    ("sounding_s", "render_s", "suspicious"), [(10, 0.009, True), (10, 0.011, False), (0.9, 0.0, False), (0, 0, False)]
)
def test_sound_that_comes_too_fast_was_never_played(sounding_s: float, render_s: float, suspicious: bool) -> None:
    assert too_fast(LIMITS, sounding_s, render_s) is suspicious


@pytest.mark.parametrize(
    ("renders", "rss_mb", "reason"), [(1, 150, None), (3, 150, "3 renders"), (1, 251, "grown from 150 to 251 MB")]
)
def test_a_process_is_replaced_when_it_is_old_or_has_grown(renders: int, rss_mb: float, reason: str | None) -> None:
    assert wants_recycling(LIMITS, renders=renders, rss_mb=rss_mb, loaded_rss_mb=150) == reason
