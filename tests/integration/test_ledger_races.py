"""Slots, schedulers and submitters that act at the same instant, on both databases."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from farm.ledger import Ledger, StemLease, open_ledger
from farm.ledger.models import StemRow, TaskRow
from schemas.errors import LedgerError
from schemas.states import FailureReason, SongState, StemState, SubmissionState, TaskKind
from tests.support.ledgers import (
    Worker,
    assert_counters_are_true,
    commit_of,
    load_at_once,
    plan,
    reconciler,
    rendering,
    rows,
    run_to_end,
    submit,
)

T = TypeVar("T")

#: A slot in a process of its own: leases until nothing is left, and prints what it got.
LEASING = """
import json, sys
from farm.ledger import open_ledger
ledger = open_ledger(sys.argv[1])
slot = ledger.register_slot("here", int(sys.argv[2]), "fluidsynth")
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.readline()
got = []
while leases := ledger.lease_stems(slot, engine="fluidsynth", warm_key=None, limit=4, holding=got):
    got += [lease.stem_id for lease in leases]
sys.stdout.write(json.dumps(got) + "\\n")
ledger.close()
"""


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Run calls in threads that start together."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        barrier.wait(240)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(60) for future in [pool.submit(run, call) for call in calls]]


def test_slots_that_lease_at_once_get_disjoint_stems(ledger: Ledger, ledger_url: str) -> None:
    number, _ = rendering(ledger, songs=12)
    workers = [Worker(open_ledger(ledger_url), pid=10 + index) for index in range(4)]

    def lease_all(worker: Worker) -> list[int]:
        got: list[int] = []
        while leases := worker.lease(limit=4, holding=got):
            got += [lease.stem_id for lease in leases]
        return got

    taken = at_once([lambda worker=worker: lease_all(worker) for worker in workers])  # type: ignore[misc]
    everything = [stem_id for got in taken for stem_id in got]
    assert sorted(everything) == [row.id for row in rows(ledger, StemRow.id)]
    assert len(everything) == 60
    assert ledger.status(number).stems == {"leased": 60}
    assert_counters_are_true(ledger)
    for worker in workers:
        worker.ledger.close()


def test_processes_that_lease_at_once_get_disjoint_stems(ledger: Ledger, ledger_url: str) -> None:
    rendering(ledger, songs=8)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", LEASING, ledger_url, str(pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for pid in (10, 11)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    taken = [json.loads(process.communicate(timeout=240)[0]) for process in processes]
    assert sorted(taken[0] + taken[1]) == [row.id for row in rows(ledger, StemRow.id)]
    assert_counters_are_true(ledger)


def test_the_last_stems_of_a_song_committed_at_once_put_one_mix(ledger: Ledger, ledger_url: str) -> None:
    number, first = rendering(ledger, songs=6, parts=2)
    load_at_once(ledger)
    workers = [first, Worker(open_ledger(ledger_url), pid=2)]
    held: dict[int, list[StemLease]] = {0: [], 1: []}
    for _ in range(6):
        for index, worker in enumerate(workers):
            held[index] += worker.lease(limit=1, holding=[lease.stem_id for lease in held[index]])
    for song in range(6):
        results = at_once(
            [
                lambda worker=worker, lease=held[index][song]: worker.ledger.commit_stems(
                    worker.slot, [commit_of(lease)]
                )  # type: ignore[misc]
                for index, worker in enumerate(workers)
            ]
        )
        assert results == [[True], [True]]
    assert {row.state for row in ledger.songs(number)} == {SongState.MIXING}
    assert len(rows(ledger, TaskRow.id, kind=TaskKind.MIX)) == 6
    assert_counters_are_true(ledger)
    workers[1].ledger.close()


def test_one_task_is_claimed_by_one_slot(ledger: Ledger, ledger_url: str) -> None:
    submit(ledger, ["a.mid"])
    workers = [Worker(open_ledger(ledger_url), pid=10 + index) for index in range(4)]
    claims = at_once([lambda worker=worker: worker.claim(TaskKind.PROBE) for worker in workers])  # type: ignore[misc]
    assert sum(claim is not None for claim in claims) == 1
    for worker in workers:
        worker.ledger.close()


def test_a_commit_and_the_loss_of_its_slot_leave_the_stem_with_one_of_them(ledger: Ledger, ledger_url: str) -> None:
    number, _ = rendering(ledger, songs=4)
    other = open_ledger(ledger_url)
    for round_ in range(5):
        worker = Worker(ledger, pid=100 + round_)
        leases = worker.lease(limit=2)

        def commit(worker: Worker = worker, leases: list[StemLease] = leases) -> Any:
            return worker.ledger.commit_stems(worker.slot, [commit_of(lease) for lease in leases])

        def lose() -> Any:
            return other.expire_host_slots("here", live_pids=[1])

        landed: list[bool] = at_once([commit, lose])[0]
        states = {row.id: row.state for row in rows(ledger, StemRow.id, StemRow.state)}
        for lease, done in zip(leases, landed, strict=True):
            assert states[lease.stem_id] is (StemState.DONE if done else StemState.READY)
        assert_counters_are_true(ledger)
    run_to_end(ledger, Worker(ledger, pid=1), number)
    assert ledger.status(number).songs == {"done": 4}
    other.close()


def test_a_failure_and_commits_of_one_song_never_wait_for_one_another_in_a_circle(
    ledger: Ledger, ledger_url: str
) -> None:
    number, first = rendering(ledger, songs=6, parts=4)
    workers = [first, *(Worker(open_ledger(ledger_url), pid=2 + index) for index in range(2))]
    held: list[list[StemLease]] = [[], [], []]
    for _ in range(8):
        for index, worker in enumerate(workers):
            held[index] += worker.lease(limit=1, holding=[lease.stem_id for lease in held[index]])

    def fail(worker: Worker, leases: list[StemLease]) -> None:
        for lease in leases:
            worker.ledger.fail_stem(worker.slot, lease, FailureReason.DISK_FULL, "no room", infra=True)

    def commit(worker: Worker, leases: list[StemLease]) -> None:
        for start in range(0, len(leases), 4):
            worker.ledger.commit_stems(worker.slot, [commit_of(lease) for lease in leases[start : start + 4]])

    at_once(
        [
            lambda: commit(workers[0], held[0]),
            lambda: commit(workers[1], held[1][::-1]),
            lambda: fail(workers[2], held[2]),
        ]
    )
    assert_counters_are_true(ledger)
    run_to_end(ledger, first, number)
    assert ledger.status(number).songs == {"done": 6}
    for worker in workers[1:]:
        worker.ledger.close()


def test_only_one_reconciler_leads_at_a_time(ledger: Ledger, ledger_url: str) -> None:
    other = open_ledger(ledger_url)
    submit(ledger, ["a.mid"])
    with other.leading() as held:
        assert held
        assert not reconciler(ledger).tick().leader
        with ledger.leading() as second:
            assert not second
    assert reconciler(ledger).tick().leader
    other.close()


def test_a_leader_that_dies_leads_no_more(ledger: Ledger, ledger_url: str) -> None:
    script = """
import os, sys, time
from farm.ledger import open_ledger
with open_ledger(sys.argv[1]).leading() as held:
    sys.stdout.write(f"{held}\\n")
    sys.stdout.flush()
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", script, ledger_url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    with ledger.leading() as held:
        assert not held
    process.kill()
    process.communicate(timeout=240)
    for _ in range(200):
        with ledger.leading() as held:
            if held:
                return
        threading.Event().wait(0.05)
    raise AssertionError("the lock of a dead leader is still held")


def test_reconcilers_side_by_side_make_the_same_end(ledger: Ledger, ledger_url: str) -> None:
    finished: list[int] = []
    number = submit(ledger, [f"{index}.mid" for index in range(10)])
    others = [open_ledger(ledger_url) for _ in range(2)]
    stop = threading.Event()

    def reconcile(own: Ledger) -> None:
        chief = reconciler(own, finished, window_per_slot=2)
        while not stop.is_set():
            chief.tick()
            stop.wait(0.002)

    def work() -> None:
        worker = Worker(ledger)
        for _ in range(2000):
            worker.work()
            if ledger.submission(number).state is SubmissionState.DONE:
                break
            stop.wait(0.005)
        stop.set()

    at_once([lambda: reconcile(others[0]), lambda: reconcile(others[1]), work])
    assert ledger.status(number).songs == {"done": 10}
    assert finished == [number]
    assert Counter(row.song_id for row in rows(ledger, StemRow.song_id)) == dict.fromkeys(range(1, 11), 5)
    assert_counters_are_true(ledger)
    for other in others:
        other.close()


def test_submitters_that_race_for_a_folder_make_one_submission(ledger: Ledger, ledger_url: str) -> None:
    others = [open_ledger(ledger_url) for _ in range(4)]

    def create(own: Ledger) -> int | str:
        try:
            return own.create_submission(plan(), source_root="midi", out_dir="out", store_root="store")
        except LedgerError as error:
            return error.message

    made = at_once([lambda own=own: create(own) for own in others])  # type: ignore[misc]
    winner = ledger.submissions()[0].id
    assert sorted(map(str, made)) == [str(winner), *[f"submission {winner} is being made into out"] * 3]
    for own in others:
        own.close()


def test_a_submission_written_by_two_at_once_is_whole(ledger: Ledger, ledger_url: str) -> None:
    other = open_ledger(ledger_url)
    number = ledger.create_submission(plan(), source_root="midi", out_dir="out", store_root="store")
    paths = [f"{index:04d}.mid" for index in range(1100)]
    added = at_once([lambda: ledger.add_files(number, paths), lambda: other.add_files(number, paths[::-1])])
    assert sum(added) == len(paths)
    at_once([lambda: ledger.seal(number), lambda: other.seal(number)])
    assert ledger.source_paths(number) == paths
    assert ledger.status(number).files_total == len(paths)
    assert len(rows(ledger, TaskRow.id, kind=TaskKind.SCAN)) == 6
    assert_counters_are_true(ledger)
    other.close()
