"""Hosts, slots, limits and events as operators see and change them, on both databases."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import update

from farm.ledger import Ledger, SlotRef, StemLease, open_ledger
from farm.ledger.clock import db_now
from farm.ledger.models import SlotRow
from schemas.errors import PlanError, UnknownIdError
from schemas.states import EventKind, LimitScope, SlotState, TaskKind
from tests.support.ledgers import ENGINE, Worker, change, commit_of, new_slot, rendering, run_to_end, silence, submit


def _lease(ledger: Ledger, slot: SlotRef, limit: int = 1, warm_key: str | None = None) -> list[StemLease]:
    return ledger.lease_stems(slot, engine=ENGINE, warm_key=warm_key, limit=limit)


def test_a_drained_host_gets_no_work_and_its_slots_are_told(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    there = new_slot(ledger, 2, "there")
    lease = worker.lease(limit=1)[0]
    report = ledger.drain("here", on=True)
    assert (report.host, report.draining, report.slots, report.busy) == ("here", True, 1, 1)
    order = ledger.may_run(worker.slot, [number])
    assert (order.draining, order.submissions) == (True, frozenset())
    assert ledger.commit_stems(worker.slot, [commit_of(lease)]) == [True], "what it finishes is taken"
    assert (worker.lease(), worker.claim()) == ([], None)
    assert not ledger.may_run(there, [number]).draining
    elsewhere = _lease(ledger, there)
    assert ledger.commit_stems(there, [commit_of(found) for found in elsewhere]) == [True]
    assert not ledger.drain("here", on=False).draining
    assert len(worker.lease(limit=1)) == 1
    assert [event.kind for event in ledger.events(host="here")] == ["draining", "returned"]


def test_a_new_slot_of_a_drained_host_gets_no_work_either(ledger: Ledger) -> None:
    submit(ledger, ["a.mid"])
    new_slot(ledger)
    ledger.drain("here", on=True)
    assert Worker(ledger, pid=2).claim(TaskKind.PROBE) is None


def test_an_unknown_host_cannot_be_drained(ledger: Ledger) -> None:
    new_slot(ledger, host="here")
    with pytest.raises(UnknownIdError, match="no host nowhere") as error:
        ledger.drain("nowhere", on=True)
    assert "here" in error.value.hint


def test_hosts_and_slots_are_listed_with_what_they_hold(ledger: Ledger) -> None:
    _, worker = rendering(ledger)
    gone, quiet = new_slot(ledger, 2, "gone"), new_slot(ledger, 3, "here")
    ledger.retire_slot(gone)
    leases = worker.lease(limit=2)
    silence(ledger, quiet, 7.0)
    ledger.host_pulse("here", 5 * 10**9)
    hosts = {report.host: report for report in ledger.hosts()}
    assert list(hosts) == ["gone", "here"]
    assert (hosts["here"].slots, hosts["here"].busy, hosts["here"].free_disk_bytes) == (2, 1, 5 * 10**9)
    assert (hosts["gone"].slots, hosts["gone"].busy, hosts["gone"].free_disk_bytes) == (0, 0, None)
    assert 0 <= hosts["here"].last_seen_s < 5
    slots = ledger.workers()
    assert [(slot.pid, slot.holding, slot.state, slot.warm_patch) for slot in slots] == [
        (1, len(leases), SlotState.BUSY, "Toy"),
        (3, 0, SlotState.IDLE, None),
    ]
    assert slots[1].heartbeat_age_s >= 7.0
    assert slots[1].since_s >= 0


def test_a_pulse_of_an_unknown_host_makes_it_known(ledger: Ledger) -> None:
    ledger.host_pulse("fresh", None)
    assert [(report.host, report.slots) for report in ledger.hosts()] == [("fresh", 0)]


def test_a_limit_bounds_how_many_slots_have_a_patch_loaded(ledger: Ledger) -> None:
    _, worker = rendering(ledger, songs=8)
    ledger.retire_slot(worker.slot)
    one, two, three = (new_slot(ledger, pid, host) for pid, host in ((2, "a"), (3, "a"), (4, "b")))
    ledger.set_limit("Toy", 1, "instance")
    key = _lease(ledger, one)[0].job.patch.load_key
    assert _lease(ledger, two) == []
    assert len(_lease(ledger, one, warm_key=key)) == 1, "who has it keeps it"
    ledger.set_limit("Toy", 1, LimitScope.HOST)
    assert len(_lease(ledger, two)) == 1, "on the same host it counts once"
    assert _lease(ledger, three) == []
    assert [(limit.name, limit.max, limit.scope, limit.taken) for limit in ledger.limits()] == [
        ("Toy", 1, LimitScope.HOST, 1)
    ]
    ledger.retire_slot(one)
    ledger.retire_slot(two)
    assert len(_lease(ledger, three)) == 1, "a slot that leaves gives it back"
    ledger.drop_limit("Toy")
    assert ledger.limits() == []
    assert [event.kind for event in ledger.events(kind=EventKind.LIMIT)] == ["limit"] * 3


def test_a_slot_that_unloads_a_patch_gives_its_place_free(ledger: Ledger) -> None:
    _, worker = rendering(ledger, songs=4)
    other = new_slot(ledger, 2)
    ledger.set_limit(ENGINE, 1, "instance")
    lease = worker.lease(limit=1)[0]
    ledger.heartbeat(worker.slot, None)
    assert _lease(ledger, other) == [], "it is about to load it"
    ledger.commit_stems(worker.slot, [commit_of(lease)])
    ledger.heartbeat(worker.slot, lease.job.patch.load_key)
    assert _lease(ledger, other) == [], "it still has it loaded"
    ledger.heartbeat(worker.slot, None)
    assert len(_lease(ledger, other)) == 1


def test_a_limit_of_nought_holds_all_work_of_it(ledger: Ledger) -> None:
    _, worker = rendering(ledger)
    (patch,) = ledger.patches()
    ledger.set_limit(patch.load_key, 0, "instance")
    assert worker.lease() == []


def test_limits_that_make_no_sense_are_refused(ledger: Ledger) -> None:
    with pytest.raises(PlanError, match="-1 is below 0"):
        ledger.set_limit("Toy", -1, "instance")
    with pytest.raises(PlanError, match="no scope 'galaxy'"):
        ledger.set_limit("Toy", 1, "galaxy")
    with pytest.raises(PlanError, match="needs a name"):
        ledger.set_limit("", 1, "instance")
    with pytest.raises(UnknownIdError, match="no limit Toy"):
        ledger.drop_limit("Toy")


def test_slots_that_lease_at_once_never_pass_a_limit(ledger: Ledger, ledger_url: str) -> None:
    _, worker = rendering(ledger, songs=10)
    ledger.retire_slot(worker.slot)
    ledger.set_limit("Toy", 2, "instance")
    slots = [new_slot(ledger, pid) for pid in range(10, 16)]
    got: list[int] = []

    def lease(slot: SlotRef) -> None:
        mine = open_ledger(ledger_url)
        got.append(len(_lease(mine, slot)))
        mine.close()

    threads = [threading.Thread(target=lease, args=(slot,)) for slot in slots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(count > 0 for count in got) == 2
    assert ledger.limits()[0].taken == 2


def test_events_are_found_by_submission_kind_and_host_the_newest_of_them(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    lease = worker.lease(limit=1)[0]
    for cause in ("crash", "growth", "verdict"):
        ledger.note_event(
            EventKind.RECYCLED, f"{cause}: engine of slot {worker.slot.id}", slot=worker.slot, submission_id=number,
            song_id=lease.song_id, stem_id=lease.stem_id, load_key=lease.job.patch.load_key,
        )  # fmt: skip
    ledger.note_event(EventKind.DISK_FULL, "no room", host="there")
    found = ledger.events(kind=EventKind.RECYCLED)
    assert [event.detail.split(":")[0] for event in found] == ["crash", "growth", "verdict"]
    assert {(event.host, event.slot_id, event.stem_id) for event in found} == {("here", worker.slot.id, lease.stem_id)}
    assert [event.detail for event in ledger.events(kind=EventKind.RECYCLED, limit=1)] == [found[-1].detail]
    assert ledger.events(number, kind=EventKind.RECYCLED, after=found[0].id) == found[1:]
    assert [event.kind for event in ledger.events(host="there")] == ["disk full"]
    assert ledger.events(number, host="there") == []


def test_work_that_is_lost_and_results_that_come_late_are_events(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    lease = worker.lease(limit=1)[0]
    silence(ledger, worker.slot, 99.0)
    ledger.expire_slots(30.0)
    assert ledger.commit_stems(worker.slot, [commit_of(lease)]) == [False]
    kinds = [event.kind for event in ledger.events() if event.kind not in ("created", "scanning", "active")]
    assert kinds == ["lost", "slot gone", "fenced"]
    assert {event.host for event in ledger.events(kind=EventKind.LOST)} == {"here"}
    assert [event.kind for event in ledger.events(number)][-1] == "lost"


def test_patches_tell_the_work_and_its_speed(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=2)
    (patch,) = ledger.patches(number)
    assert (patch.ready, patch.leased, patch.done, patch.failed, patch.rtf) == (10, 0, 0, 0, None)
    assert patch.est_s > 0
    leases = worker.lease(limit=3)
    ledger.commit_stems(worker.slot, [commit_of(leases[0])])
    (patch,) = ledger.patches(number)
    assert (patch.ready, patch.leased, patch.done) == (10 - len(leases), len(leases) - 1, 1)
    assert patch.rtf == pytest.approx(0.001)  # 0.01 s for 10 s of audio
    run_to_end(ledger, worker, number)
    assert ledger.patches(number)[0].done == 10
    assert ledger.patches() == ledger.patches(number)
    with pytest.raises(UnknownIdError, match="no submission 99"):
        ledger.patches(99)


def test_an_idle_warm_slot_does_not_hold_a_key_back_from_others(ledger: Ledger) -> None:
    _, worker = rendering(ledger)
    change(ledger, update(SlotRow).values(warm_key=ledger.patches()[0].load_key, state="busy", heartbeat_at=db_now()))
    other = new_slot(ledger, 2)
    assert worker.slot.id != other.id
    assert len(_lease(ledger, other)) == 1
