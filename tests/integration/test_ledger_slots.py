"""Slots live, fall silent, die and leave; what they held becomes free, on both databases."""

from __future__ import annotations

from sqlalchemy import update

from farm.ledger import Ledger
from farm.ledger.clock import db_now
from farm.ledger.models import SlotRow, StemRow, TaskRow
from farm.ledger.records import Expired
from schemas.states import SlotState, StemState, TaskKind, TaskState
from tests.support.ledgers import (
    ENGINE,
    Worker,
    assert_counters_are_true,
    change,
    commit_of,
    new_slot,
    rendering,
    rows,
    silence,
    submit,
)


def test_a_slot_lives_as_long_as_its_heartbeat(ledger: Ledger) -> None:
    slot = new_slot(ledger)
    assert ledger.heartbeat(slot, "warm")
    silence(ledger, slot, 30)
    assert ledger.expire_slots(60) == Expired()
    assert ledger.heartbeat(slot, "warm")
    assert ledger.expire_slots(20) == Expired()
    silence(ledger, slot, 30)
    assert ledger.expire_slots(20) == Expired(slots=1)
    assert ledger.expire_slots(20) == Expired()
    assert not ledger.heartbeat(slot, "warm")
    assert ledger.live_slots() == 0
    assert [row.warm_key for row in rows(ledger, SlotRow.warm_key)] == [None]


def test_asking_for_work_is_a_sign_of_life(ledger: Ledger) -> None:
    _, worker = rendering(ledger)
    silence(ledger, worker.slot, 30)
    assert worker.lease(limit=1)
    assert ledger.expire_slots(20) == Expired()
    submit(ledger, ["x.mid"], out_dir="other")
    silence(ledger, worker.slot, 30)
    assert worker.claim() is not None
    assert ledger.expire_slots(20) == Expired()


def test_all_that_a_silent_slot_held_is_free_again_and_counted_as_lost(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=2)
    submit(ledger, ["x.mid"], out_dir="other")
    leases = worker.lease(limit=3)
    task = ledger.claim_task(worker.slot, kinds=[TaskKind.SCAN])
    assert task is not None
    silence(ledger, worker.slot, 30)
    assert ledger.expire_slots(20) == Expired(slots=1, stems=3, tasks=1)
    assert ledger.status(number).stems == {"ready": 10}
    losses = {row.id: row.losses for row in rows(ledger, StemRow.id, StemRow.losses)}
    assert {stem_id for stem_id, count in losses.items() if count} == {lease.stem_id for lease in leases}
    states = rows(ledger, TaskRow.state, TaskRow.losses, TaskRow.slot_id, id=task.task_id)
    assert [tuple(row) for row in states] == [(TaskState.READY, 1, None)]
    assert_counters_are_true(ledger)


def test_the_silence_of_one_slot_is_not_held_against_another(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=2)
    other = new_slot(ledger, 2)
    mine = worker.lease(limit=2)
    ledger.lease_stems(other, engine=ENGINE, warm_key=None, limit=2)
    silence(ledger, other, 30)
    assert ledger.expire_slots(20).slots == 1
    assert ledger.commit_stems(worker.slot, [commit_of(lease) for lease in mine]) == [True] * len(mine)
    assert ledger.status(number).stems == {"done": len(mine), "ready": 10 - len(mine)}


def test_dead_processes_of_a_host_are_freed_at_once(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    neighbour = new_slot(ledger, pid=1, host="elsewhere")
    living = new_slot(ledger, pid=2)
    leases = worker.lease(limit=2)
    assert ledger.expire_host_slots("here", live_pids=[2]) == Expired(slots=1, stems=len(leases))
    assert ledger.heartbeat(neighbour, None)
    assert ledger.heartbeat(living, None)
    assert not ledger.heartbeat(worker.slot, None)
    assert max(row.losses for row in rows(ledger, StemRow.losses)) == 1, "it may have died of its work"
    assert ledger.status(number).stems == {"ready": 5}


def test_when_a_whole_host_was_stopped_nothing_is_held_against_the_work(ledger: Ledger) -> None:
    _, worker = rendering(ledger)
    submit(ledger, ["x.mid"], out_dir="other")
    for _ in range(10):
        assert worker.lease(limit=2)
        assert worker.claim() is not None
        assert ledger.expire_host_slots("here", live_pids=[]).slots == 1
        worker = Worker(ledger)
    assert {(row.tries, row.losses) for row in rows(ledger, StemRow.tries, StemRow.losses)} == {(0, 0)}
    assert {(row.tries, row.losses) for row in rows(ledger, TaskRow.tries, TaskRow.losses)} == {(0, 0)}
    assert_counters_are_true(ledger)


def test_a_slot_that_leaves_in_order_frees_what_it_held(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    assert worker.lease(limit=2)
    ledger.retire_slot(worker.slot)
    ledger.retire_slot(worker.slot)
    assert ledger.status(number).stems == {"ready": 5}
    assert {row.losses for row in rows(ledger, StemRow.losses)} == {0}
    assert ledger.live_slots() == 0
    assert not ledger.heartbeat(worker.slot, None)
    assert ledger.claim_task(worker.slot) is None


def test_a_retired_reference_cannot_give_up_another_life(ledger: Ledger) -> None:
    old = new_slot(ledger)
    ledger.expire_host_slots("here", live_pids=[])
    new = new_slot(ledger)
    ledger.retire_slot(old)
    assert ledger.heartbeat(new, None)


def test_a_slot_that_forgot_its_lease_gets_the_stems_back_as_lost_once(ledger: Ledger) -> None:
    _, worker = rendering(ledger)
    first = worker.lease(limit=1)[0]
    kept = worker.lease(limit=1, holding=[first.stem_id])[0]
    assert kept.stem_id != first.stem_id
    again = worker.lease(limit=1, holding=[kept.stem_id])[0]
    assert (again.stem_id, again.epoch, again.losses) == (first.stem_id, first.epoch + 1, 1)
    assert ledger.commit_stems(worker.slot, [commit_of(first)]) == [False]
    assert ledger.commit_stems(worker.slot, [commit_of(kept), commit_of(again)]) == [True, True]


def test_what_a_living_slot_holds_for_too_long_is_taken_back(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    submit(ledger, ["x.mid"], out_dir="other")
    leases = worker.lease(limit=2)
    task = worker.claim()
    assert task is not None
    assert ledger.expire_leases(3600) == Expired()
    for table in (StemRow, TaskRow):
        change(ledger, update(table).values(updated_at=db_now() - 4000))
    assert ledger.expire_leases(3600) == Expired(stems=len(leases), tasks=1)
    assert ledger.heartbeat(worker.slot, None), "the slot itself lives"
    assert ledger.status(number).stems == {"ready": 5}
    assert ledger.commit_stems(worker.slot, [commit_of(lease) for lease in leases]) == [False] * len(leases)
    assert_counters_are_true(ledger)


def test_a_slot_is_busy_while_it_has_work(ledger: Ledger) -> None:
    number, worker = rendering(ledger, parts=1)

    def state() -> SlotState:
        found: SlotState = rows(ledger, SlotRow.state, id=worker.slot.id)[0].state
        return found

    leases = worker.lease()
    assert ledger.heartbeat(worker.slot, "warm")
    assert state() is SlotState.BUSY
    ledger.commit_stems(worker.slot, [commit_of(lease) for lease in leases])
    while (task := worker.claim()) is not None:
        assert state() is SlotState.BUSY
        worker.do(task)
    assert ledger.heartbeat(worker.slot, "warm")
    assert state() is SlotState.IDLE
    assert ledger.status(number).stems == {StemState.DONE.value: 1}
