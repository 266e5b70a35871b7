"""Submissions are paused, resumed, cancelled and put before others, on both databases."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from farm.ledger import Ledger, StopOrder
from farm.ledger import steering as steering_module
from farm.ledger.models import StemRow
from schemas.errors import PlanError, StateError, UnknownIdError
from schemas.states import EventKind, StemState, SubmissionState, TaskKind
from tests.support.ledgers import (
    Worker,
    assert_counters_are_true,
    commit_of,
    new_slot,
    reconciler,
    rendering,
    rows,
    run_to_end,
    submit,
)


def _kinds(ledger: Ledger, number: int) -> list[str]:
    return [event.kind for event in ledger.events(number)]


def test_a_submission_without_work_under_way_is_paused_at_once_and_goes_on_where_it_was(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    before = ledger.submission(number).run_gen
    assert ledger.pause(number) is SubmissionState.PAUSED
    assert ledger.pause(number) is SubmissionState.PAUSED, "asked again nothing changes"
    assert worker.lease() == []
    assert ledger.ready_by_engine() == {}
    assert reconciler(ledger).tick().idle
    assert ledger.resume(number) is SubmissionState.ACTIVE
    assert ledger.submission(number).run_gen == before + 2
    assert _kinds(ledger, number)[-4:] == ["pausing", "paused", "resumed", "active"]
    run_to_end(ledger, worker, number)
    assert ledger.submission(number).state is SubmissionState.DONE


def test_a_pause_waits_for_what_slots_hold_and_takes_their_commits(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    leases = worker.lease(limit=2)
    assert ledger.pause(number) is SubmissionState.PAUSING
    order = ledger.may_run(worker.slot, {number})
    assert order == StopOrder(frozenset({number}), draining=False, held=frozenset())
    assert ledger.settle_requests() == []
    assert ledger.commit_stems(worker.slot, [commit_of(leases[0])]) == [True]
    assert ledger.give_back(worker.slot, [leases[1].stem_id], "its submission is paused") == 1
    assert reconciler(ledger).tick().settled == [number]
    assert ledger.submission(number).state is SubmissionState.PAUSED
    assert ledger.status(number).stems == {"done": 1, "ready": 4}
    assert [row.losses for row in rows(ledger, StemRow.losses)] == [0] * 5
    assert_counters_are_true(ledger)


def test_a_pause_while_files_are_read_holds_the_other_scans(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid"])
    worker = Worker(ledger)
    probe = worker.claim(TaskKind.PROBE)
    assert probe is not None
    assert ledger.pause(number) is SubmissionState.PAUSING
    assert ledger.claim_task(new_slot(ledger, 2)) is None
    assert ledger.tasks_to_announce(quiet_s=-1.0) == []
    worker.do(probe)
    assert ledger.settle_requests() == [number]
    assert ledger.resume(number) is SubmissionState.SCANNING
    run_to_end(ledger, worker, number)
    assert ledger.status(number).songs_done == 1


@pytest.mark.parametrize("act", ["pause", "resume", "cancel", "priority"])
def test_what_the_state_forbids_is_refused_with_what_is_allowed(ledger: Ledger, act: str) -> None:
    number, worker = rendering(ledger)
    run_to_end(ledger, worker, number)
    acts: dict[str, Callable[[], object]] = {
        "pause": lambda: ledger.pause(number),
        "resume": lambda: ledger.resume(number),
        "cancel": lambda: ledger.cancel(number),
        "priority": lambda: ledger.set_priority(number, 1),
    }
    with pytest.raises(StateError, match=f"submission {number} cannot be .*: it is done") as error:
        acts[act]()
    assert error.value.hint
    for unknown in (lambda: ledger.pause(99), lambda: ledger.cancel(99), lambda: ledger.set_priority(99, 1)):
        with pytest.raises(UnknownIdError, match="no submission 99"):
            unknown()


def test_a_cancelled_submission_keeps_what_is_published_and_refuses_what_comes_late(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=3)
    leases = worker.lease(limit=5)
    ledger.commit_stems(worker.slot, [commit_of(lease) for lease in leases])
    while ledger.status(number).songs_done < 1:
        assert worker.step()
    late = worker.lease(limit=2)
    mix = worker.claim(TaskKind.MIX)
    assert ledger.cancel(number) is SubmissionState.CANCELLED
    status = ledger.status(number)
    assert status.songs == {"done": 1, "cancelled": 2}
    assert set(status.stems) == {"done", "cancelled"}
    assert status.work_done == status.work_total
    assert ledger.commit_stems(worker.slot, [commit_of(lease) for lease in late]) == [False] * 2
    assert mix is None or not worker.do(mix)
    assert (worker.claim(), worker.lease()) == (None, [])
    assert ledger.find_submission(out_dir="out", plan_hash=ledger.submission(number).plan_hash) is None
    assert EventKind.FENCED.value in [event.kind for event in ledger.events()]
    assert_counters_are_true(ledger)


def test_a_cancellation_that_broke_off_is_ended_by_the_reconciler(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, _ = rendering(ledger, songs=3)
    monkeypatch.setattr(steering_module, "_CANCELLED_AT_ONCE", 1)
    ledger._db.write(lambda tx: steering_module.ask_to_cancel(tx, number))  # noqa: SLF001
    ledger._db.write(lambda tx: steering_module.cancel_some(tx, number))  # noqa: SLF001
    assert ledger.status(number).songs == {"cancelled": 1, "rendering": 2}
    assert ledger.submission(number).state is SubmissionState.CANCELLING
    assert ledger.ready_by_engine() == {}
    assert reconciler(ledger).tick().settled == [number]
    assert ledger.submission(number).state is SubmissionState.CANCELLED
    assert_counters_are_true(ledger)


def test_a_folder_is_free_again_when_its_submission_is_cancelled_and_not_before(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid"])
    ledger.pause(number)
    with pytest.raises(Exception, match=f"submission {number} is being made into out"):
        submit(ledger, ["b.mid"])
    ledger.cancel(number)
    other = submit(ledger, ["b.mid"])
    run_to_end(ledger, Worker(ledger), other)
    assert ledger.status(other).songs_done == 1


def test_priority_comes_before_a_warm_patch_and_before_age(ledger: Ledger) -> None:
    first, worker = rendering(ledger, songs=2, out_dir="first")
    second = submit(ledger, ["x.mid"], out_dir="second", engine={"settings": {"gain": 0.9}})
    chief = reconciler(ledger)
    for _ in range(3):
        while task := ledger.claim_task(worker.slot, submission_id=second):
            worker.do(task)
        chief.tick()
    warm = worker.lease(limit=1)[0]
    assert warm.submission_id == first, "of equal priority the first comes first"
    assert ledger.set_priority(second, 50) == 0
    assert ledger.set_priority(second, 51) == 50
    holding = [warm.stem_id]
    lease = ledger.lease_stems(
        worker.slot, engine="fluidsynth", warm_key=warm.job.patch.load_key, limit=4, holding=holding
    )
    assert {found.submission_id for found in lease} == {second}
    assert ledger.status(second).priority == 51
    with pytest.raises(PlanError, match="101 is out of range"):
        ledger.set_priority(second, 101)


def test_tasks_of_higher_priority_come_first(ledger: Ledger) -> None:
    first, second = submit(ledger, ["a.mid"], out_dir="first"), submit(ledger, ["b.mid"], out_dir="second")
    ledger.set_priority(second, 1)
    ledger.set_priority(first, -1)
    worker, order = Worker(ledger), []
    while (task := worker.claim()) is not None:
        order.append(task.submission_id)
        worker.do(task)
    assert order == [second, second, first, first]


def test_a_stem_of_a_cancelled_song_is_in_no_backlog(ledger: Ledger) -> None:
    number, _ = rendering(ledger)
    ledger.cancel(number)
    assert {row.state for row in rows(ledger, StemRow.state)} == {StemState.CANCELLED}
    (patch,) = ledger.patches(number)
    assert (patch.ready, patch.leased, patch.done, patch.failed, patch.est_s) == (0, 0, 0, 0, 0.0)
