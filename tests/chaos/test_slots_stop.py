"""Slots stop between two stems when a person pauses or cancels a submission or drains a host, and blame nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from farm.ledger import open_ledger
from farm.ledger.models import AttemptRow, StemRow
from schemas.states import EventKind, SubmissionState
from tests.support.databases import new_ledger_url
from tests.support.farms import wait_until
from tests.support.ledgers import assert_counters_are_true, reconciler, rows
from tests.support.stages import Stage
from workers.slot import Slot

STEMS = 12


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.services)])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    url = new_ledger_url(request.param, tmp_path)
    ledger = open_ledger(url, patience_s=5.0)
    stage = Stage(ledger, url, tmp_path)
    yield stage
    stage.close()
    ledger.close()


def render_while(stage: Stage, slot: Slot, act: Callable[[], object]) -> int:
    """Render a batch, and do something when its first stem is under way; returns how many stems were leased."""
    failed: list[BaseException] = []

    def soon() -> None:
        try:
            wait_until(lambda: any(stage.root.glob("stems/*/*.stem")), what="the first stem")
            act()
        except BaseException as error:  # noqa: BLE001  it is raised in the test below
            failed.append(error)

    thread = threading.Thread(target=soon)
    thread.start()
    leased = slot.render_batch()
    thread.join()
    assert failed == []
    return leased


def assert_nobody_is_blamed(stage: Stage) -> None:
    assert {(row.tries, row.losses) for row in rows(stage.ledger, StemRow.tries, StemRow.losses)} == {(0, 0)}
    tried = {row.outcome for row in rows(stage.ledger, AttemptRow.outcome, AttemptRow.stem_id) if row.stem_id}
    assert tried <= {"done", "returned"}
    assert_counters_are_true(stage.ledger)


def test_a_pause_is_kept_within_a_stem_and_a_resume_goes_on(stage: Stage) -> None:
    number = stage.submit(*[["slow"]] * (2 * STEMS))
    slot = stage.slot()
    assert render_while(stage, slot, lambda: stage.ledger.pause(number)) == STEMS
    states = stage.states(number)
    assert states["ready"] > STEMS
    assert set(states) == {"ready", "done"}
    reconciler(stage.ledger).tick()
    assert stage.ledger.submission(number).state is SubmissionState.PAUSED
    assert slot.render_batch() == 0
    assert slot.resting == ""
    stage.hurry()
    stage.ledger.resume(number)
    while slot.render_batch():
        pass
    assert stage.states(number) == {"done": 2 * STEMS}
    assert_nobody_is_blamed(stage)


def test_a_pause_of_one_submission_leaves_the_others_stems_of_the_batch_alone(stage: Stage) -> None:
    paused = stage.submit(*[["slow"]] * STEMS)
    other = stage.submit(*[["slow"]] * STEMS)
    slot = stage.slot(batch=2 * STEMS)
    render_while(stage, slot, lambda: stage.ledger.pause(paused))
    stage.hurry()
    while slot.render_batch():
        pass
    assert stage.states(other) == {"done": STEMS}
    assert stage.states(paused)["ready"] > 0
    assert_nobody_is_blamed(stage)


def test_a_cancelled_submission_is_left_within_a_stem(stage: Stage) -> None:
    number = stage.submit(*[["slow"]] * (2 * STEMS))
    slot = stage.slot()
    render_while(stage, slot, lambda: stage.ledger.cancel(number))
    assert stage.ledger.submission(number).state is SubmissionState.CANCELLED
    states = stage.states(number)
    assert states["cancelled"] > STEMS
    assert "leased" not in states
    assert slot.render_batch() == 0
    assert_counters_are_true(stage.ledger)


def test_a_drained_host_gives_back_what_it_has_not_begun_and_rests_until_it_is_taken_back(stage: Stage) -> None:
    number = stage.submit(*[["slow"]] * (2 * STEMS))
    slot = stage.slot()
    wait_until(lambda: any(report.host == "here" for report in stage.ledger.hosts()), what="the host's first pulse")
    render_while(stage, slot, lambda: stage.ledger.drain("here", on=True))
    assert stage.states(number)["ready"] > STEMS
    assert "leased" not in stage.states(number)
    assert slot.resting == "its host is drained"
    assert (slot.render_batch(), slot.run_task()) == (0, False)
    stage.hurry()
    other = stage.slot(host="there")
    assert other.render_batch() > 0
    stage.ledger.drain("here", on=False)
    wait_until(lambda: slot.resting == "", what="the slot to hear of it")
    while slot.render_batch():
        pass
    assert stage.states(number) == {"done": 2 * STEMS}
    assert len(stage.events(EventKind.DRAINING)) == 1
    assert_nobody_is_blamed(stage)


def test_a_rest_ends_with_its_cause_or_its_time(stage: Stage) -> None:
    slot = stage.slot()
    slot.rest(60.0)  # it has no reason to
    wait_until(lambda: any(report.host == "here" for report in stage.ledger.hosts()), what="the host's first pulse")
    stage.ledger.drain("here", on=True)
    wait_until(lambda: slot.resting != "", what="the slot to hear of it")
    slot.rest(0.1)
    assert slot.resting != ""
    threading.Timer(0.3, lambda: stage.ledger.drain("here", on=False)).start()
    slot.rest(60.0)
    assert slot.resting == ""


def test_a_slot_that_is_told_to_stop_leaves_its_stems_to_others(stage: Stage) -> None:
    number = stage.submit(*[["slow"]] * STEMS)
    slot = stage.slot()
    render_while(stage, slot, slot.stop)
    slot.close()
    assert set(stage.states(number)) == {"ready", "done"}
    stage.hurry()
    work = stage.slot()
    while work.render_batch():
        pass
    assert stage.states(number) == {"done": STEMS}
    assert_nobody_is_blamed(stage)
