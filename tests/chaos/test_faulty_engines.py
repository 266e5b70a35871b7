"""Every fault that an engine can have, with real processes on a real ledger: what is recycled, why, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from farm.ledger import open_ledger
from farm.ledger.models import AttemptRow, StemRow
from schemas.logs import log_files, parse_line
from schemas.states import EventKind, FailureReason
from tests.support.broken import MUTE, SLOW_LOAD_S, patch
from tests.support.databases import new_ledger_url
from tests.support.ledgers import assert_counters_are_true, rows
from tests.support.stages import Stage
from workers.slot import Slot


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    url = new_ledger_url("sqlite", tmp_path)
    ledger = open_ledger(url, patience_s=5.0)
    stage = Stage(ledger, url, tmp_path)
    yield stage
    stage.close()
    ledger.close()


def work(*slots: Slot) -> None:
    """Render until none of the slots finds work."""
    while sum(slot.render_batch() for slot in slots):
        pass


def tries(stage: Stage) -> list[tuple[str, str | None]]:
    """Return outcome and reason of every try of a stem, in order."""
    listed = rows(stage.ledger, AttemptRow.outcome, AttemptRow.reason, AttemptRow.stem_id)
    return [(row.outcome, row.reason) for row in listed if row.stem_id is not None]


@pytest.mark.parametrize(
    ("fault", "cause", "reason", "settings"),
    [
        ("segfault", "crash", "engine_crash", {}),
        ("segfault_in_load", "crash", "engine_crash", {}),
        ("abort", "crash", "engine_crash", {}),
        ("killed", "killed", "engine_killed", {}),
        ("hang_in_load", "load_timeout", "load_timeout", {}),
        ("hang_in_render", "render_timeout", "render_timeout", {}),
        ("no_progress", "no_progress", "no_progress", {}),
        ("stopped", "no_progress", "no_progress", {}),
        ("silent", "verdict", "all_zero", {}),
        ("nan", "verdict", "not_finite", {}),
        ("too_fast", "too_fast", "too_fast", {"engine_max_speed": 8.0}),
        ("raises", "engine_failed", "engine_failed", {}),
    ],
)
def test_a_fault_that_happens_once_costs_one_try_and_one_engine(
    stage: Stage, fault: str, cause: str, reason: str, settings: dict[str, Any]
) -> None:
    number = stage.submit([(fault, 1)])
    work(stage.slot(**settings))
    assert stage.states(number) == {"done": 1}
    assert tries(stage) == [("failed", reason), ("done", None)]
    (event,) = stage.events(EventKind.RECYCLED)
    assert event.detail.startswith(f"{cause}: ")
    assert event.submission_id == number
    assert (event.host, event.stem_id is not None, event.load_key is not None) == ("here", True, True)
    assert list(stage.root.glob("tmp/*.part")) == []
    assert_counters_are_true(stage.ledger)


@pytest.mark.parametrize(
    ("fault", "causes", "reason"),
    [
        ("segfault", ["crash", "crash"], "engine_crash"),
        ("silent", ["verdict", "verdict"], "all_zero"),
        ("nan", ["verdict", "verdict"], "not_finite"),
        ("no_progress", ["no_progress", "no_progress"], "no_progress"),
        ("raises", ["engine_failed", "engine_failed"], "engine_failed"),
    ],
)
def test_a_fault_that_stays_stops_at_the_second_try_where_there_is_one_host(
    stage: Stage, fault: str, causes: list[str], reason: str
) -> None:
    number = stage.submit([fault, "none"])
    work(stage.slot())
    assert stage.causes() == causes
    assert stage.states(number).get("failed") == 1
    assert {failure.reason for failure in stage.ledger.failures(number)} >= {reason}
    assert_counters_are_true(stage.ledger)


def test_a_kill_from_outside_is_never_held_against_the_stem(stage: Stage) -> None:
    number = stage.submit([("killed", 4)])
    work(stage.slot())
    assert stage.states(number) == {"done": 1}
    assert stage.causes() == ["killed"] * 4
    assert [(row.tries, row.losses) for row in rows(stage.ledger, StemRow.tries, StemRow.losses)] == [(0, 4)]


def test_an_engine_that_leaks_is_replaced_and_its_stems_are_good(stage: Stage) -> None:
    number = stage.submit(["leak", "leak", "leak"])
    work(stage.slot())
    assert stage.states(number) == {"done": 3}
    assert stage.causes() == ["growth"] * 3
    assert "grown from" in stage.events(EventKind.RECYCLED)[0].detail
    assert tries(stage) == [("done", None)] * 3


def test_an_engine_that_takes_too_much_memory_is_ended_and_the_stem_waits_for_better_times(stage: Stage) -> None:
    number = stage.submit([("grab", 1)])
    work(stage.slot())
    assert stage.causes() == ["out_of_memory"]
    assert stage.states(number) == {"ready": 1}
    ((not_before, tried),) = rows(stage.ledger, StemRow.not_before, StemRow.tries)
    assert (not_before is not None, tried) == (True, 0)


def test_an_engine_is_replaced_after_its_number_of_stems(stage: Stage) -> None:
    number = stage.submit(["none"] * 5)
    work(stage.slot(engine_renders=2))
    assert stage.states(number) == {"done": 5}
    assert stage.causes() == ["renders", "renders"]


def test_a_slow_load_is_no_fault_and_is_measured(stage: Stage) -> None:
    number = stage.submit(["slow_load", "slow_load"])
    work(stage.slot())
    assert stage.states(number) == {"done": 2}
    assert stage.causes() == []
    loads = [row.load_s for row in rows(stage.ledger, AttemptRow.load_s, AttemptRow.cold, stem_id=None) if row.load_s]
    loads += [row.load_s for row in rows(stage.ledger, AttemptRow.load_s, cold=True)]
    assert len(loads) == 1
    assert loads[0] >= SLOW_LOAD_S


def test_a_missing_licence_is_nobodys_fault(stage: Stage) -> None:
    number = stage.submit(["licence"], ["none"])
    work(stage.slot())
    assert stage.causes() == []
    assert stage.states(number) == {"ready": 1, "done": 1}
    assert len(stage.events(EventKind.LICENCE)) == 1


def test_a_stem_that_failed_meets_a_fresh_engine_on_whichever_slot(stage: Stage) -> None:
    first = stage.submit(["none"])
    other = stage.slot(host="there")
    work(other)
    assert stage.states(first) == {"done": 1}
    second = stage.submit([("silent", 1)])
    stage.slot(host="here").render_batch()
    assert stage.states(second) == {"ready": 1}
    work(other)
    assert stage.states(second) == {"done": 1}
    assert [(event.host, event.detail.partition(":")[0]) for event in stage.events(EventKind.RECYCLED)] == [
        ("here", "verdict"),
        ("there", "retry"),
    ]


def test_first_a_fresh_engine_then_another_host_then_it_has_failed(stage: Stage) -> None:
    number = stage.submit([("silent", 2)], [("silent", 3)])
    here, there = stage.slot(host="here"), stage.slot(host="there")
    while here.render_batch():
        pass
    assert stage.states(number) == {"ready": 2}
    assert {event.host for event in stage.events(EventKind.RECYCLED)} == {"here"}
    assert stage.causes() == ["verdict"] * 4
    work(here, there)
    assert stage.states(number) == {"done": 1, "failed": 1}
    elsewhere = [event for event in stage.events(EventKind.RECYCLED) if event.host == "there"]
    assert sorted(event.detail.partition(":")[0] for event in elsewhere) in (["verdict"], ["retry", "verdict"])
    assert stage.causes().count("verdict") == 5
    assert_counters_are_true(stage.ledger)


def test_a_patch_that_is_bad_again_and_again_is_held_and_everything_else_goes_on(stage: Stage) -> None:
    number = stage.submit(*[["silent"]] * 5, *[["none"]] * 4)
    work(stage.slot())
    (event,) = stage.events(EventKind.QUARANTINED)
    # Two stems fail both their tries, the third its first: there the batch stops, and the rest is kept for better days.
    assert stage.causes() == ["verdict"] * 5
    assert stage.states(number) == {"done": 4, "failed": 2, "ready": 3}
    (hold,) = stage.ledger.holds()
    assert (hold.load_key, event.submission_id) == (event.load_key, number)
    assert (hold.patch, hold.ready) == (patch("silent", stage.counts).name, 3)
    stage.ledger.release(hold.patch)
    assert stage.ledger.holds() == []
    assert_counters_are_true(stage.ledger)


def test_a_bad_preset_is_held_and_the_others_of_its_soundfont_go_on_with_the_engine_warm(stage: Stage) -> None:
    number = stage.submit(
        *[[("mute_preset", MUTE), ("mute_preset", 1), ("mute_preset", 2)]] * 6, on_failed_stem="drop_stem"
    )
    work(stage.slot())
    (hold,) = stage.ledger.holds()
    assert hold.patch == f"mute_preset:000:{MUTE:03d}"
    assert stage.causes() == ["verdict"] * 3
    assert stage.states(number) == {"done": 12, "ready": 6}
    assert {row.load_key for row in rows(stage.ledger, StemRow.load_key)} == {hold.load_key}
    assert_counters_are_true(stage.ledger)


def test_a_soundfont_at_whose_load_every_engine_dies_is_held_as_a_whole(stage: Stage) -> None:
    number = stage.submit(*[[("fatal_font", program) for program in range(1, 6)]] * 4, on_failed_stem="drop_stem")
    work(stage.slot())
    assert {hold.patch for hold in stage.ledger.holds()} >= {""}
    assert len(stage.causes()) <= 18, "nine stems, each tried twice at most"
    assert stage.states(number)["ready"] == stage.ledger.status(number).stems_held >= 20 - 9
    assert_counters_are_true(stage.ledger)


def test_the_log_of_the_host_tells_the_same_story(stage: Stage) -> None:
    stage.submit([("segfault", 1), "none"])
    slot = stage.slot()
    work(slot)
    slot.close()
    (path,) = log_files(stage.folder / "home" / "logs", "here")
    lines = [parse_line(text) for text in path.read_text(encoding="utf-8").splitlines()]
    messages = [line.message for line in lines if line is not None]
    assert messages.count("stem rendered") == 2
    assert messages.count("stem failed") == 1
    (ended,) = [line for line in lines if line is not None and line.message == "engine process ended"]
    assert ended.fields["cause"] == "crash"
    assert FailureReason.ENGINE_CRASH.value in {
        line.fields.get("reason") for line in lines if line is not None and line.message == "stem failed"
    }
