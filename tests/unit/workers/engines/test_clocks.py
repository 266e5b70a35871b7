"""The watcher's judgements as tables: which clock has run out, when to look again, when to replace a process."""

from __future__ import annotations

import signal

import pytest

from schemas.states import FailureReason as F
from schemas.states import RecycleCause as C
from workers.engines.clocks import (
    Limits,
    Progress,
    cause_of_end,
    next_check_s,
    overdue,
    recycle_cause,
    render_limit_s,
    too_fast,
    wants_recycling,
)

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
    ("renders", "rss_mb", "due"),
    [
        (1, 150, None),
        (2, 250, None),
        (3, 150, (C.RENDERS, "3 renders")),
        (1, 251, (C.GROWTH, "grown from 150 to 251 MB")),
        (9, 999, (C.RENDERS, "9 renders")),
    ],
)
def test_a_process_is_replaced_when_it_is_old_or_has_grown(
    renders: int, rss_mb: float, due: tuple[C, str] | None
) -> None:
    assert wants_recycling(LIMITS, renders=renders, rss_mb=rss_mb, loaded_rss_mb=150) == due


@pytest.mark.parametrize(
    ("exit_code", "memory_kills", "cause"),
    [
        (0, 0, F.ENGINE_CRASH),
        (3, 0, F.ENGINE_CRASH),
        (-signal.SIGSEGV, 0, F.ENGINE_CRASH),
        (-signal.SIGABRT, 0, F.ENGINE_CRASH),
        (-signal.SIGBUS, 1, F.ENGINE_CRASH),
        (-signal.SIGILL, 0, F.ENGINE_CRASH),
        (-signal.SIGFPE, 0, F.ENGINE_CRASH),
        (-signal.SIGKILL, 0, F.ENGINE_KILLED),
        (-signal.SIGKILL, 1, F.OUT_OF_MEMORY),
        (-signal.SIGTERM, 0, F.ENGINE_KILLED),
        (-signal.SIGTERM, 1, F.ENGINE_KILLED),
        (-signal.SIGHUP, 0, F.ENGINE_KILLED),
    ],
)
def test_what_a_process_does_to_itself_counts_and_what_others_do_to_it_does_not(
    exit_code: int, memory_kills: int, cause: F
) -> None:
    assert cause_of_end(exit_code, memory_kills=memory_kills) == cause


def test_every_clock_has_its_cause_and_every_other_failure_is_the_engines() -> None:
    clocks = (F.LOAD_TIMEOUT, F.RENDER_TIMEOUT, F.NO_PROGRESS, F.TOO_FAST, F.OUT_OF_MEMORY)
    assert [recycle_cause(reason).value for reason in clocks] == [reason.value for reason in clocks]
    assert recycle_cause(F.ENGINE_CRASH) is C.CRASH
    assert recycle_cause(F.ENGINE_KILLED) is C.KILLED
    assert recycle_cause(F.ENGINE_FAILED) is C.ENGINE_FAILED
    assert recycle_cause(F.ALL_ZERO) is C.ENGINE_FAILED
