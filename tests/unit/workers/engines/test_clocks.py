"""The watcher's judgements as tables: which clock has run out, when to look again, when to replace a process."""

from __future__ import annotations

import signal

import pytest

from schemas.states import FailureReason as F
from schemas.states import RecycleCause as C
from workers.engines.clocks import (
    Limits,
    Moment,
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


def _progress(*, loaded: float | None = None, sign: float = 100, work: float = 100, audio_s: float = 0) -> Progress:
    """A render whose job was sent at 100 s; until then, and until it was loaded, the process had used 7 s."""
    return Progress(
        started=Moment(100, 7),
        last_sign=Moment(sign, 7),
        last_work=Moment(work, 7),
        loaded=None if loaded is None else Moment(loaded, 7),
        expected_audio_s=audio_s,
    )


@pytest.mark.parametrize(
    ("progress", "now", "cause", "wait_s"),
    [
        # a load: the wall's clock, whatever it does
        (_progress(), Moment(105, 7), None, 5),
        (_progress(), Moment(110.5, 7), F.LOAD_TIMEOUT, 0),
        (_progress(), Moment(110.5, 17), F.LOAD_TIMEOUT, 0),
        # it works and says so: the processor's clock
        (_progress(loaded=102, sign=119, work=119), Moment(121, 26), None, 1),
        (_progress(loaded=102, sign=122, work=122), Moment(122.5, 27.4), F.RENDER_TIMEOUT, 0),
        (_progress(loaded=102, sign=122, work=122), Moment(122.5, 67), F.RENDER_TIMEOUT, 0),  # in several threads
        (_progress(loaded=102, sign=122, work=122, audio_s=60), Moment(122.5, 27.5), None, 3.5),
        (_progress(loaded=102, sign=132, work=132, audio_s=60), Moment(132.5, 37.4), F.RENDER_TIMEOUT, 0),
        # starved, but saying so: the wall's clock counts when it is long past
        (_progress(loaded=102, sign=160, work=160), Moment(162, 9), None, 2),
        (_progress(loaded=102, sign=220, work=220), Moment(221, 9), None, 1),
        (_progress(loaded=102, sign=222, work=222), Moment(222.5, 9), F.RENDER_TIMEOUT, 0),
        # silent and still: it waits for ever, sleeps, or was stopped
        (_progress(loaded=102, sign=102, work=102), Moment(105, 7), None, 1),
        (_progress(loaded=102, sign=102, work=102), Moment(106.5, 7), F.NO_PROGRESS, 0),
        (_progress(loaded=102, sign=102, work=104), Moment(106.5, 8), None, 1.5),
        (_progress(loaded=102, sign=102, work=104), Moment(108.5, 8), F.NO_PROGRESS, 0),
        # silent, and works on and on
        (_progress(loaded=102, sign=102, work=106), Moment(106.5, 11.4), F.NO_PROGRESS, 0),
        # silent and starved: it gets more time, but not for ever
        (_progress(loaded=102, sign=102, work=112), Moment(113, 8), None, 3),
        (_progress(loaded=102, sign=102, work=126), Moment(126.5, 8), F.NO_PROGRESS, 0),
    ],
)
def test_clocks_run_out_one_by_one(progress: Progress, now: Moment, cause: F | None, wait_s: float) -> None:
    assert overdue(LIMITS, progress, now) == cause
    assert next_check_s(LIMITS, progress, now) == pytest.approx(wait_s)


def test_a_glance_at_a_clock_is_no_work() -> None:
    progress = _progress(loaded=102)
    progress.look(Moment(103, 7.01))
    assert progress.last_work == Moment(100, 7)
    progress.look(Moment(104, 7.03))
    assert progress.last_work == Moment(104, 7.03)
    assert progress.last_sign == Moment(100, 7)
    progress.look(Moment(105, 7.03), sign=True)
    assert (progress.last_work, progress.last_sign) == (Moment(104, 7.03), Moment(105, 7.03))
    assert progress.last_life_s == 105


def test_no_more_processor_time_than_time_has_passed_however_many_threads_work() -> None:
    assert Moment(3, 20).since(Moment(1, 2)) == Moment(2, 2)
    assert Moment(3, 0).since(Moment(1, 2)) == Moment(2, 0), "the process has ended, and nobody can say"


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
