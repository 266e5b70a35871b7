"""The forecast of a submission's end, as tables and laws."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.ledger.times import KeyTimes, StemTimes, TaskTimes, slots_allowed
from farm.scheduling.eta import Estimate, Prior, drift, forecast, load_work, rate, render_work, task_work, undrawn_work
from schemas.states import LimitScope, TaskKind

ENGINE = "fluidsynth"
#: A hundred renders of a second, just as expected, each of 100 s of audio.
STEADY = tuple((1.0, 1.0) for _ in range(100))
AUDIO = tuple((1.0, 100.0) for _ in range(100))


def key(name: str = "a", **values: object) -> KeyTimes:
    """Return a load key with 100 s of steady work left."""
    known: dict[str, object] = {
        "label": name.upper(), "engine": ENGINE, "stems": 100, "est_s": 100.0, "load_s": 0.0, "pace": 1.001,
        "tries": STEADY, "measured": True, "slots": 1,
    }  # fmt: skip
    return KeyTimes(name, **{**known, **values})  # type: ignore[arg-type]


def times(*keys: KeyTimes, **values: object) -> StemTimes:
    """Return what is left on four slots."""
    known: dict[str, object] = {
        "slots": {ENGINE: 4}, "tries": AUDIO, "known_paces": (1.0, 1.0, 1.0, 1.0),
    }  # fmt: skip
    return StemTimes(keys, **{**known, **values})  # type: ignore[arg-type]


def test_steady_work_is_shared_by_the_slots() -> None:
    eta = forecast(times(key()))
    assert eta.p50_s == pytest.approx(25.0, abs=1.0)
    assert eta.p90_s is not None
    assert 25.0 < eta.p90_s < 30.0
    assert eta.work_s == pytest.approx(100, abs=0.1)
    assert (eta.stems_left, eta.slots, eta.unknown) == (100, 4, "")


def test_nothing_left_takes_no_time_even_without_slots() -> None:
    eta = forecast(StemTimes())
    assert (eta.p50_s, eta.p90_s, eta.unknown, eta.bottleneck) == (0.0, 0.0, "", None)


@pytest.mark.parametrize(
    ("left", "reason"),
    [
        (times(key(), slots={}), "no slot is alive"),
        (times(key(), slots={"other": 3}), "patch A: no slot with fluidsynth is alive"),
        (times(key(slots_max=0, limit="licence")), "patch A: limit licence allows no slot"),
        (times(undrawn_audio_s=60.0, tries=(), known_paces=()), "no stem has been rendered lately"),
        (times(key(tries=(), measured=False), tries=(), known_paces=()), "no stem has been rendered lately"),
        (times(key(), waits="it is paused"), "it is paused"),
    ],
)
def test_what_cannot_be_said_has_a_reason(left: StemTimes, reason: str) -> None:
    eta = forecast(left)
    assert (eta.p50_s, eta.p90_s, eta.unknown) == (None, None, reason)


def test_held_work_is_left_out_and_named() -> None:
    eta = forecast(times(key("a"), key("b", est_s=1e6, held=True)))
    assert eta.held_stems == 100
    assert eta.stems_left == 200
    assert eta.p50_s == forecast(times(key("a"))).p50_s


def test_songs_that_are_not_open_yet_count_by_the_real_time_factor() -> None:
    without, full = forecast(times(key())), forecast(times(key(), undrawn_audio_s=40_000.0))
    assert full.work_s - without.work_s == pytest.approx(400.0)


def test_song_tasks_and_loads_count() -> None:
    tasks = (TaskTimes(TaskKind.MIX, 10, (2.0, 4.0)), TaskTimes(TaskKind.PUBLISH, 10, ()))
    eta = forecast(times(key(slots=0, load_s=20.0), tasks=tasks))
    assert eta.work_s == pytest.approx(100.0 + 30.0 + 20.0, abs=0.1)


def test_the_bottleneck_is_the_patch_that_its_slots_need_longest_for() -> None:
    licensed = key("b", est_s=90.0, slots_max=1, limit="licence")
    eta = forecast(times(key("a", est_s=200.0), licensed))
    assert eta.bottleneck is not None
    assert (eta.bottleneck.load_key, eta.bottleneck.slots, eta.bottleneck.decides) == ("b", 1, True)
    assert eta.bottleneck.reason == "limit licence allows 1 of 4 slots"
    assert eta.p50_s == pytest.approx(90.0, abs=1.0)
    free = forecast(times(key("a", est_s=200.0), replace(licensed, slots_max=None, limit=None)))
    assert free.bottleneck is not None
    assert (free.bottleneck.load_key, free.bottleneck.decides) == ("a", False)
    assert free.bottleneck.reason == "it has the most work left"
    assert free.bottleneck.share == pytest.approx(200 / 290, abs=0.01)


def test_patches_under_one_limit_share_its_slots() -> None:
    licensed = [key(name, slots_max=2, limit="licence") for name in "abc"]
    eta = forecast(times(*licensed, slots={ENGINE: 50}))
    assert eta.p50_s == pytest.approx(150.0, abs=2.0)
    assert eta.bottleneck is not None
    assert eta.bottleneck.decides


def test_each_engine_has_only_its_own_slots() -> None:
    eta = forecast(times(key("a"), key("b", engine="plugin", est_s=300.0), slots={ENGINE: 50, "plugin": 2}))
    assert eta.p50_s == pytest.approx(150.0, abs=2.0)


def test_a_slow_patch_is_forecast_slow() -> None:
    slow = tuple((3.0, 1.0) for _ in range(100))
    assert forecast(times(key(tries=slow, pace=3.0))).work_s == pytest.approx(300.0)


def test_few_tries_are_drawn_towards_what_the_ledger_knows() -> None:
    prior = Prior(pace=1.0, between=0.5, within=0.2, tried=4)
    one = render_work(key(tries=((9.0, 1.0),), pace=2.0), prior)
    many = render_work(key(tries=((9.0, 1.0),) * 97, pace=2.0), prior)
    assert one.mean_s == pytest.approx(100 * (9 + 3 * 2) / 4)
    assert many.mean_s == pytest.approx(100 * (97 * 9 + 3 * 2) / 100)


def test_a_patch_that_was_never_rendered_is_taken_for_the_mean_and_is_uncertain() -> None:
    prior = Prior(pace=2.0, between=0.5, within=0.2, tried=4)
    assert render_work(key(tries=(), measured=False, pace=1.0), prior) == Estimate(200.0, 100.0**2)
    known = render_work(key(tries=(), measured=True, pace=2.0), prior)
    assert known.mean_s == 200.0
    assert known.variance_s2 < 100.0**2


def test_short_renders_with_a_fixed_cost_do_not_slow_the_long_ones_down() -> None:
    mean, _ = rate([(0.5, 0.001)] * 50 + [(100.0, 100.0)] * 50)
    assert mean == pytest.approx(1.005, abs=1e-3)


@pytest.mark.parametrize(
    ("tries", "mean", "spread"),
    [
        ([], 0.0, 0.0),
        ([(2.0, 1.0)], 2.0, 1.0),
        ([(1.0, 1.0), (3.0, 1.0)], 2.0, math.sqrt(2)),
        ([(0.0, 1.0)] * 3, 0.0, 0.0),
    ],
)
def test_rates(tries: list[tuple[float, float]], mean: float, spread: float) -> None:
    assert rate(tries) == pytest.approx((mean, spread))


@pytest.mark.parametrize(
    ("left", "seconds", "mean_s"), [(0, (1.0,), 0.0), (5, (), 0.0), (5, (2.0,), 10.0), (5, (1.0, 3.0), 10.0)]
)
def test_tasks_take_the_mean_of_their_kind(left: int, seconds: tuple[float, ...], mean_s: float) -> None:
    assert task_work(left, seconds).mean_s == mean_s


def test_only_keys_that_no_slot_has_are_loaded_again() -> None:
    assert load_work([key("a", slots=0, load_s=9.0), key("b", slots=2, load_s=30.0)], 5.0).mean_s == 14.0


def test_without_a_measurement_unopened_songs_cannot_be_forecast() -> None:
    prior = Prior(pace=1.0, between=0.5, within=0.2, tried=1)
    assert undrawn_work(times(undrawn_audio_s=10.0, tries=()), prior) is None
    assert undrawn_work(times(undrawn_audio_s=0.0, tries=()), prior) == Estimate()


def test_a_drifting_farm_is_less_certain_than_a_steady_one() -> None:
    chance = random.Random(1)
    steady = [(chance.lognormvariate(0, 0.2), 100.0) for _ in range(800)]
    drifting = [(taken * (2.0 if number < 400 else 1.0), size) for number, (taken, size) in enumerate(steady)]
    assert drift(steady) == pytest.approx(0.06, abs=0.02)
    assert drift(drifting) > 0.25
    assert drift(steady[:10]) == 0.25


@pytest.mark.parametrize(
    ("maximum", "scope", "slots"),
    [
        (3, LimitScope.INSTANCE, 3),
        (1, LimitScope.HOST, 8),
        (2, LimitScope.HOST, 10),
        (9, LimitScope.HOST, 11),
        (0, LimitScope.HOST, 0),
    ],
)
def test_a_limit_allows_slots_or_all_slots_of_hosts(maximum: int, scope: LimitScope, slots: int) -> None:
    assert slots_allowed(maximum, scope, {"big": 8, "middle": 2, "small": 1}) == slots


@given(
    st.lists(st.tuples(st.floats(0.1, 1e5), st.integers(1, 1000), st.integers(0, 4)), min_size=1, max_size=6),
    st.integers(1, 64),
)
def test_p50_is_below_p90_and_more_slots_never_take_longer(keys: list[tuple[float, int, int]], slots: int) -> None:
    left = times(
        *(key(str(number), est_s=est_s, stems=stems, slots=warm) for number, (est_s, stems, warm) in enumerate(keys)),
        slots={ENGINE: slots},
    )
    eta, more = forecast(left), forecast(replace(left, slots={ENGINE: 2 * slots}))
    assert eta.p50_s is not None
    assert eta.p90_s is not None
    assert more.p50_s is not None
    assert 0 <= eta.p50_s <= eta.p90_s
    assert more.p50_s <= eta.p50_s * (1 + 1e-9)
    assert eta.p50_s * slots >= eta.work_s * (1 - 1e-9)
