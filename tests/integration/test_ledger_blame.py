"""What failed tries do to stems, patches and hosts, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from farm.ledger import Ledger, Outcome, SlotRef, StemCommit, StemLease
from farm.ledger.clock import db_now
from farm.ledger.models import BlockRow, HostRow, LoadKeyRow, StemRow
from schemas.errors import StateError, UnknownIdError
from schemas.result import RenderCost
from schemas.states import EventKind, SongState, SubmissionState, TaskKind
from schemas.states import FailureReason as R
from tests.support.ledgers import (
    ENGINE,
    Worker,
    assert_counters_are_true,
    change,
    commit_of,
    new_slot,
    reconciler,
    rendering,
    run_to_end,
    submit,
)


def _lease(ledger: Ledger, slot: SlotRef, limit: int = 1, holding: list[int] | None = None) -> list[StemLease]:
    return ledger.lease_stems(slot, engine=ENGINE, warm_key=None, limit=limit, holding=holding or [])


def _fail(ledger: Ledger, slot: SlotRef, lease: StemLease, reason: R = R.ALL_ZERO) -> Outcome:
    return ledger.fail_stem(slot, lease, reason, "silence", infra=False).outcome


def _kinds(ledger: Ledger, **where: object) -> list[str]:
    return [event.kind for event in ledger.events(**where)]  # type: ignore[arg-type]


def _fonts(ledger: Ledger, count: int) -> list[int]:
    """Make submissions of five stems of one patch, each of another soundfont."""
    worker, chief = Worker(ledger, parts=1), reconciler(ledger, attended=True)
    numbers = [
        submit(
            ledger,
            [f"{index}-{song}.mid" for song in range(5)],
            out_dir=str(index),
            engine={"settings": {"gain": 0.1 + index / 10}},
        )
        for index in range(count)
    ]
    worker.work(TaskKind.PROBE)
    worker.work(TaskKind.SCAN)
    for _ in range(2):
        chief.tick()
    worker.work(TaskKind.SPLIT)
    chief.tick()
    ledger.retire_slot(worker.slot)
    return numbers


def _bad_patch(ledger: Ledger, slot: SlotRef) -> None:
    """Let three stems of a patch fail on a slot, each once."""
    leases: list[StemLease] = []
    while len(leases) < 3:
        leases += _lease(ledger, slot, holding=[lease.stem_id for lease in leases])
    for lease in leases:
        assert _fail(ledger, slot, lease) is Outcome.RETRY


def _fail_twice(ledger: Ledger, worker: Worker) -> StemLease:
    """Let a stem fail on the engine as it was and on a fresh one."""
    first = worker.lease(limit=1)[0]
    assert _fail(ledger, worker.slot, first) is Outcome.RETRY
    again = worker.lease(limit=1)[0]
    assert again.stem_id == first.stem_id
    assert _fail(ledger, worker.slot, again) is Outcome.RETRY
    return again


def test_a_stem_that_failed_twice_goes_to_another_host_and_then_fails(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    other = new_slot(ledger, 2, "there")
    lease = _fail_twice(ledger, worker)
    while others := worker.lease(limit=16):
        assert lease.stem_id not in [found.stem_id for found in others], "not there a third time"
        ledger.commit_stems(worker.slot, [commit_of(found) for found in others])
    moved = _lease(ledger, other)
    assert [(found.stem_id, found.tries) for found in moved] == [(lease.stem_id, 2)]
    assert _fail(ledger, other, moved[0]) is Outcome.FAILED
    assert ledger.songs(number)[0].state is SongState.FAILED
    assert_counters_are_true(ledger)


def test_a_stem_that_waits_for_another_host_is_tried_here_when_the_other_is_gone(ledger: Ledger) -> None:
    _, worker = rendering(ledger)
    other = new_slot(ledger, 2, "there")
    lease = _fail_twice(ledger, worker)
    ledger.retire_slot(other)
    again = worker.lease(limit=1)[0]
    assert (again.stem_id, again.tries) == (lease.stem_id, 2)
    assert _fail(ledger, worker.slot, again) is Outcome.FAILED


def test_a_stem_that_kills_two_engines_is_not_taken_to_another_host(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    new_slot(ledger, 2, "there")
    for outcome in (Outcome.RETRY, Outcome.FAILED):
        assert _fail(ledger, worker.slot, worker.lease(limit=1)[0], R.ENGINE_CRASH) is outcome
    assert ledger.failures(number)[1].reason == "engine_crash"


def test_a_stem_that_ran_out_of_memory_waits_before_it_is_tried_again(ledger: Ledger) -> None:
    _, worker = rendering(ledger, parts=1, filters={"min_duration_s": 0, "min_parts": 1})
    lease = worker.lease(limit=1)[0]
    assert _fail(ledger, worker.slot, lease, R.OUT_OF_MEMORY) is Outcome.RETRY
    assert worker.lease() == []
    change(ledger, update(StemRow).values(not_before=db_now() - 0.1))
    again = worker.lease()[0]
    assert (again.stem_id, again.tries, again.losses) == (lease.stem_id, 0, 0)
    ledger.commit_stems(worker.slot, [commit_of(again)])
    assert_counters_are_true(ledger)


def test_a_patch_of_which_three_of_five_stems_are_bad_is_held_and_the_rest_goes_on(ledger: Ledger) -> None:
    first, second = _fonts(ledger, 2)
    ledger.set_priority(first, 1)
    slot = new_slot(ledger, 7)
    _bad_patch(ledger, slot)
    (held,) = ledger.holds()
    assert (held.patch, held.ready, held.quarantined) == ("Toy:000:000", 5, True)
    assert held.reason == "3 of its last 5 stems are bad; the last: all_zero: silence"
    assert [(report.quarantined, report.held) for report in ledger.patches()] == [(False, 5), (False, 0)]
    assert ledger.ready_by_engine() == {ENGINE: 5}
    assert (ledger.status(first).stems_held, ledger.status(second).stems_held) == (5, 0)
    while leases := _lease(ledger, slot, limit=4):
        assert {lease.submission_id for lease in leases} == {second}
        ledger.commit_stems(slot, [commit_of(lease) for lease in leases])
    assert ledger.status(second).stems == {"done": 5}
    (event,) = ledger.events(first, kind=EventKind.QUARANTINED)
    assert (event.load_key, event.stem_id is not None, event.song_id is not None) == (held.load_key, True, True)
    assert event.detail == f"Toy:000:000 ({held.load_key}): {held.reason}"
    assert ledger.release(f"{held.load_key}:000:000").ready == 5
    again = _lease(ledger, slot)
    assert _fail(ledger, slot, again[0]) is Outcome.FAILED
    assert ledger.holds() == [], "what was before the release is forgiven"
    assert_counters_are_true(ledger)


def test_a_slot_is_told_that_what_it_holds_is_quarantined(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    leases = worker.lease(limit=2)
    assert ledger.may_run(worker.slot, {number}).held == frozenset()
    ledger.quarantine(leases[0].job.patch.name, "it hums")
    assert ledger.may_run(worker.slot, {number}).held == {leases[0].stem_id}
    ledger.quarantine("Toy", "all of it does")
    assert ledger.may_run(worker.slot, {number}).held == {lease.stem_id for lease in leases}
    assert ledger.give_back(worker.slot, [lease.stem_id for lease in leases], "its patch is held") == 2
    assert ledger.status(number).stems == {"ready": 5}


def test_a_person_quarantines_and_releases(ledger: Ledger) -> None:
    _, worker = rendering(ledger)
    (patch,) = ledger.patches()
    report = ledger.quarantine(patch.load_key[:6], "it hums")
    assert (report.load_key, report.quarantined, report.reason, report.label) == (
        patch.load_key,
        True,
        "it hums",
        "Toy",
    )
    assert worker.lease() == []
    with pytest.raises(StateError, match="is quarantined already"):
        ledger.quarantine("Toy", "")
    assert not ledger.release(patch.load_key).quarantined
    with pytest.raises(StateError, match="is not quarantined"):
        ledger.release(patch.load_key)
    for unknown in ("zzz", "", "%"):
        with pytest.raises(UnknownIdError, match="no patch begins with"):
            ledger.release(unknown)
    assert len(worker.lease(limit=2)) == 2


def test_a_prefix_of_several_patches_is_refused(ledger: Ledger) -> None:
    _fonts(ledger, 2)
    with pytest.raises(UnknownIdError, match="2 patches begin with Toy"):
        ledger.quarantine("Toy", "which of them")


def test_three_failures_in_a_row_block_a_patch_on_a_host_and_others_go_on_with_it(ledger: Ledger) -> None:
    (number,) = _fonts(ledger, 1)
    here, there = new_slot(ledger, 7, "here"), new_slot(ledger, 8, "there")
    _bad_patch(ledger, here)
    assert _kinds(ledger, host="here", kind=EventKind.BLOCKED) == ["blocked"]
    assert ledger.holds() == []
    assert _lease(ledger, here) == []
    assert ledger.status(number).stems == {"ready": 5}
    while leases := _lease(ledger, there, limit=4):
        ledger.commit_stems(there, [commit_of(lease) for lease in leases])
    assert ledger.status(number).stems == {"done": 5}


def test_a_good_stem_in_between_forgives_the_pair(ledger: Ledger) -> None:
    (_,) = _fonts(ledger, 1)
    here, _ = new_slot(ledger, 7, "here"), new_slot(ledger, 8, "there")
    for bad in (True, True, False, True):
        lease = _lease(ledger, here)[0]
        if bad:
            _fail(ledger, here, lease)
        else:
            ledger.commit_stems(
                here, [StemCommit(lease.stem_id, lease.epoch, commit_of(lease).result, RenderCost(render_s=1))]
            )
    assert _kinds(ledger, kind=EventKind.BLOCKED) == []


def test_a_block_ends_with_time_or_when_a_person_takes_the_host_back(ledger: Ledger) -> None:
    (_,) = _fonts(ledger, 1)
    here, _ = new_slot(ledger, 7, "here"), new_slot(ledger, 8, "there")
    for _ in range(3):
        _fail(ledger, here, _lease(ledger, here)[0])
    assert _lease(ledger, here) == []
    change(ledger, update(BlockRow).values(until=db_now() - 1))
    assert len(_lease(ledger, here)) == 1
    change(ledger, update(BlockRow).values(until=db_now() + 100))
    assert _lease(ledger, here) == []
    ledger.drain("here", on=False)
    assert len(_lease(ledger, here)) == 1


def test_a_host_that_fails_on_three_patches_is_sick_until_a_person_takes_it_back(ledger: Ledger) -> None:
    _fonts(ledger, 3)
    here, there = new_slot(ledger, 7, "here"), new_slot(ledger, 8, "there")
    for _ in range(9):
        lease = _lease(ledger, here)[0]
        _fail(ledger, here, lease)
    assert [report.sick for report in ledger.hosts() if report.host == "here"] == [True]
    assert _kinds(ledger, kind=EventKind.SICK) == ["sick"]
    assert ledger.may_run(here, []).draining
    assert (_lease(ledger, here), ledger.claim_task(here)) == ([], None)
    assert len(_lease(ledger, there)) == 1
    assert not ledger.drain("here", on=False).sick
    assert len(_lease(ledger, here)) == 1
    assert _kinds(ledger, kind=EventKind.RETURNED) == ["returned"]


def test_the_only_host_is_neither_blocked_nor_sick(ledger: Ledger) -> None:
    _fonts(ledger, 3)
    only = new_slot(ledger, 7, "here")
    while leases := _lease(ledger, only):
        _fail(ledger, only, leases[0])
    assert _kinds(ledger, kind=EventKind.BLOCKED) == []
    assert {report.sick for report in ledger.hosts()} == {False}
    sick = [row.sick_until for row in ledger._db.read(lambda conn: conn.execute(HostRow.__table__.select()).all())]  # noqa: SLF001
    assert sick == [None]


def test_a_patch_without_a_licence_waits_and_its_stems_lose_nothing(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    lease = worker.lease(limit=1)[0]
    key = lease.job.patch.load_key
    for miss in (1, 2, 3):
        assert _fail(ledger, worker.slot, lease, R.NO_LICENCE) is Outcome.RETRY
        assert worker.lease() == []
        (patch,) = ledger.patches(number)
        assert patch.quarantined is (miss == 3), "the third time in a row a person is asked"
        assert "no free licence: silence" in patch.reason
        if miss < 3:
            change(ledger, update(LoadKeyRow).values(not_before=db_now() - 1))
            lease = worker.lease(limit=1)[0]
            assert (lease.tries, lease.losses) == (0, 0)
    assert _kinds(ledger, kind=EventKind.LICENCE) == ["licence"] * 3
    ledger.release(key)
    lease = worker.lease(limit=1)[0]
    ledger.commit_stems(worker.slot, [commit_of(lease)])
    assert_counters_are_true(ledger)


def test_with_nobody_there_the_stems_of_a_held_patch_fail_by_name_when_nothing_else_is_left(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=2)
    (patch,) = ledger.patches()
    ledger.quarantine(patch.load_key, "it hums")
    attended = reconciler(ledger, attended=True)
    for _ in range(3):
        attended.tick()
    assert ledger.status(number).stems == {"ready": 10}
    run_to_end(ledger, worker, number)
    assert ledger.submission(number).state is SubmissionState.FAILED
    failures = [failure for failure in ledger.failures(number) if failure.kind == "stem"]
    assert {(failure.reason, failure.detail) for failure in failures} == {("quarantined", "its patch is held: it hums")}
    assert len(failures) == 2, "one stem fails a song, the others are cancelled"
    assert_counters_are_true(ledger)


def test_a_held_patch_leaves_room_for_songs_of_others_to_be_opened(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=3)
    ledger.quarantine("Toy", "it hums")
    other = submit(ledger, [f"{index}.mid" for index in range(4)], out_dir="other", engine={"settings": {"gain": 0.9}})
    chief = reconciler(ledger, attended=True, window_per_slot=3)
    run_to_end(ledger, worker, other, chief)
    assert ledger.status(other).songs == {"done": 4}
    assert ledger.status(number).songs == {"rendering": 3}


def test_failures_are_grouped_by_what_they_say(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=3)
    for index in range(3):
        lease = worker.lease(limit=1)[0]
        ledger.fail_stem(worker.slot, lease, R.NOISE, f"noise in {index} of 12 windows", infra=False)
    lease = worker.lease(limit=1)[0]
    ledger.fail_stem(worker.slot, lease, R.DISK_FULL, "no room", infra=True)
    groups = ledger.failure_groups(number)
    assert [(group.reason, group.count, group.patches, group.hosts) for group in groups] == [
        ("noise", 3, ("Toy",), ("here",)),
        ("disk_full", 1, ("Toy",), ("here",)),
    ]
    assert groups[0].sample == "noise in 0 of 12 windows"
