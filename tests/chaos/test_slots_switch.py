"""Slots that serve two engine classes with real processes: the engine changes for nobody's fault, and faults stay apart."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.ledger import open_ledger
from farm.ledger.models import AttemptRow, StemRow
from schemas.states import EventKind, LimitScope
from tests.support.broken import ENGINE, TWIN
from tests.support.databases import new_ledger_url
from tests.support.desk import gone
from tests.support.ledgers import assert_counters_are_true, rows
from tests.support.stages import Stage
from workers.slot import Slot

BOTH = (ENGINE, TWIN)


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


def tries(stage: Stage) -> Counter[tuple[str, str | None]]:
    """Count the tries of stems by outcome and reason."""
    listed = rows(stage.ledger, AttemptRow.outcome, AttemptRow.reason, AttemptRow.stem_id)
    return Counter((row.outcome, row.reason) for row in listed if row.stem_id is not None)


def test_a_slot_plays_stems_of_two_classes_and_changes_its_engine_once(stage: Stage) -> None:
    number = stage.submit(*[["none", "twin:none", "none", "twin:none"]] * 3)
    slot = stage.slot(engines=BOTH)
    first = slot._engine.pid  # noqa: SLF001  to see what becomes of it
    work(slot)
    assert stage.states(number) == {"done": 12}
    assert stage.causes() == ["switch"]
    assert tries(stage) == {("done", None): 12}
    assert first is not None
    assert gone(first), "one slot has one engine process at a time"
    (event,) = stage.events(EventKind.RECYCLED)
    assert "Broken" in event.detail
    assert "Twin" in event.detail
    cold = rows(stage.ledger, AttemptRow.stem_id, AttemptRow.load_s, cold=True)
    engines = {row.id: row.engine for row in rows(stage.ledger, StemRow.id, StemRow.engine)}
    assert Counter(engines[row.stem_id] for row in cold) == {ENGINE: 1, TWIN: 1}
    assert all(row.load_s > 0.05 for row in cold), "the start of the process is part of the load"
    assert_counters_are_true(stage.ledger)


def test_an_engine_that_has_played_nothing_is_replaced_without_a_word(stage: Stage) -> None:
    number = stage.submit(["twin:none"])
    work(stage.slot(engines=BOTH))
    assert stage.states(number) == {"done": 1}
    assert stage.causes() == []


@pytest.mark.parametrize(
    ("fault", "cause", "reason"),
    [
        ("segfault", "crash", "engine_crash"),
        ("stopped", "no_progress", "no_progress"),
        ("silent", "verdict", "all_zero"),
    ],
)
def test_a_fault_of_one_class_costs_the_other_nothing(stage: Stage, fault: str, cause: str, reason: str) -> None:
    number = stage.submit(["none", (f"twin:{fault}", 1), "none", "twin:none"])
    work(stage.slot(engines=BOTH))
    assert stage.states(number) == {"done": 4}
    assert tries(stage) == {("failed", reason): 1, ("done", None): 4}
    assert Counter(stage.causes())[cause] == 1
    assert set(stage.causes()) <= {cause, "switch", "retry"}
    failed = rows(stage.ledger, AttemptRow.stem_id, outcome="failed")
    engines = {row.id: row.engine for row in rows(stage.ledger, StemRow.id, StemRow.engine)}
    assert {engines[row.stem_id] for row in failed} == {TWIN}


def test_a_class_that_fails_everywhere_is_held_and_the_other_goes_on(stage: Stage) -> None:
    number = stage.submit(*[["none", "twin:segfault_in_load"]] * 5, on_failed_stem="drop_stem")
    work(stage.slot(engines=BOTH))
    assert stage.states(number)["done"] == 5
    holds = stage.ledger.holds()
    assert {hold.engine for hold in holds} == {TWIN}
    assert_counters_are_true(stage.ledger)


def test_a_slot_takes_nothing_of_a_class_that_it_does_not_serve_and_the_status_says_so(stage: Stage) -> None:
    number = stage.submit(["none", "twin:none", "twin:none"])
    slot = stage.slot(engines=(ENGINE,))
    work(slot)
    assert stage.states(number) == {"done": 1, "ready": 2}
    assert stage.ledger.status(number).unserved == {TWIN: 2}
    work(stage.slot(engines=(TWIN,), host="there"))
    assert stage.states(number) == {"done": 3}
    assert stage.ledger.status(number).unserved == {}


def test_a_limited_patch_is_never_loaded_by_more_slots_than_its_licence_allows(stage: Stage) -> None:
    stage.ledger.set_limit("none", 1, LimitScope.INSTANCE)
    number = stage.submit(*[["twin:none", "twin:none", "slow_load"]] * 4)
    slots = [stage.slot(engines=BOTH) for _ in range(3)]
    loaded: list[int] = []
    watching = threading.Event()

    def watch() -> None:
        while not watching.wait(0.01):
            loaded.append(sum(slot._engine.warm_key in limited for slot in slots))  # noqa: SLF001

    limited = {row.load_key for row in rows(stage.ledger, StemRow.load_key, StemRow.engine) if row.engine == TWIN}
    assert len(limited) == 1
    threads = [threading.Thread(target=_work_until_done, args=(stage, number, slot)) for slot in slots]
    watcher = threading.Thread(target=watch)
    for thread in (watcher, *threads):
        thread.start()
    for thread in threads:
        thread.join(240)
    watching.set()
    watcher.join(240)
    assert stage.states(number) == {"done": 12}
    assert max(loaded) == 1


def _work_until_done(stage: Stage, number: int, slot: Slot) -> None:
    while set(stage.states(number)) != {"done"}:
        if not slot.render_batch():
            slot.wait(0.05)
