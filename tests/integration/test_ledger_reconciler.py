"""The reconciler advances submissions, survives crashes between any two steps, and is patient with the living."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from farm.ledger import Ledger, open_ledger
from farm.ledger.records import Pulse
from farm.scheduling.reconciler import Reconciler
from schemas.errors import DiskFullError, FarmError
from schemas.states import SongState, SubmissionState, TaskKind
from tests.support.databases import new_ledger_url
from tests.support.ledgers import (
    Worker,
    assert_counters_are_true,
    plan,
    reconciler,
    rendering,
    run_to_end,
    silence,
    submit,
)


def test_a_submission_goes_from_files_to_published_songs(ledger: Ledger) -> None:
    finished: list[int] = []
    number = submit(ledger, [f"{index}.mid" for index in range(3)])
    run_to_end(ledger, Worker(ledger), number, reconciler(ledger, finished))
    assert ledger.submission(number).state is SubmissionState.DONE
    assert [song.state for song in ledger.songs(number)] == [SongState.DONE] * 3
    assert [track.track for track in ledger.finished_tracks(number)] == ["Track00001", "Track00002", "Track00003"]
    assert finished == [number]


def test_every_look_says_what_it_did_and_a_look_with_nothing_to_do_does_nothing(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid", "b.mid"])
    worker, chief = Worker(ledger), reconciler(ledger)
    assert chief.tick().idle
    worker.work()
    assert chief.tick().planned == [number]
    assert chief.tick().admitted == 2
    assert chief.tick().idle
    worker.work(TaskKind.SPLIT)
    assert chief.tick().drawn == 2
    assert chief.tick().idle
    worker.work()
    assert chief.tick().finished == [number]
    assert chief.tick().idle


def test_the_window_bounds_the_open_songs_of_all_submissions_together(ledger: Ledger) -> None:
    numbers = [submit(ledger, [f"{index}.mid" for index in range(6)], out_dir=out) for out in ("a", "b")]
    worker, chief = Worker(ledger, parts=1), reconciler(ledger, window_per_slot=4)
    while worker.step(TaskKind.PROBE) or worker.step(TaskKind.SCAN):
        pass
    widest = 0
    for _ in range(200):
        chief.tick()
        open_songs = [
            song for number in numbers for song in ledger.songs(number)
            if song.state not in (SongState.PLANNED, SongState.DONE)
        ]  # fmt: skip
        widest = max(widest, len(open_songs))
        if not worker.step():
            chief.tick()
        if all(ledger.submission(number).state is SubmissionState.DONE for number in numbers):
            break
    assert widest == 4
    assert [ledger.status(number).songs_done for number in numbers] == [6, 6]


def test_a_window_too_large_for_one_look_is_filled_by_several_and_then_left_to_empty(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("farm.scheduling.reconciler._ADMITTED_AT_ONCE", 2)
    submit(ledger, [f"{index}.mid" for index in range(9)])
    worker, chief = Worker(ledger, parts=1), reconciler(ledger, window_per_slot=5, window_refill=0.3)
    worker.work()
    chief.tick()
    assert [chief.tick().admitted for _ in range(5)] == [2, 2, 1, 0, 0]
    admitted = []
    for _ in range(100):
        admitted.append(chief.tick().admitted)
        if not worker.step() and sum(admitted) == 4:
            break
    assert [count for count in admitted if count] == [2, 2]


def test_a_look_may_be_held_to_one_submission(ledger: Ledger) -> None:
    one, two = (submit(ledger, ["a.mid"], out_dir=out) for out in ("a", "b"))
    worker, chief = Worker(ledger), reconciler(ledger)
    worker.work()
    assert chief.tick(two).planned == [two]
    assert ledger.submission(one).state is SubmissionState.SCANNING


def test_the_manifest_is_written_before_the_end_is_recorded(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid"])
    seen: list[tuple[SubmissionState, int]] = []

    def finish(submission_id: int) -> None:
        seen.append((ledger.submission(submission_id).state, len(ledger.finished_tracks(submission_id))))

    run_to_end(ledger, Worker(ledger), number, Reconciler(ledger, finish=finish))
    assert seen == [(SubmissionState.ACTIVE, 1)]


def test_a_manifest_that_cannot_be_written_stops_its_submission_and_no_other(ledger: Ledger) -> None:
    blocked, free = (submit(ledger, ["a.mid"], out_dir=out) for out in ("a", "b"))
    full = [True]

    def finish(submission_id: int) -> None:
        if submission_id == blocked and full[0]:
            raise DiskFullError("no space left in a", hint="Free some")

    worker, chief = Worker(ledger), Reconciler(ledger, finish=finish)
    faults = []
    for _ in range(10):
        worker.work()
        try:
            chief.tick()
        except FarmError as error:
            faults.append(error.message)
    assert set(faults) == {"no space left in a"}
    assert ledger.submission(free).state is SubmissionState.DONE
    assert ledger.submission(blocked).state is SubmissionState.ACTIVE
    full[0] = False
    assert chief.tick().finished == [blocked]


class _Crash(BaseException):
    """The end of a process; no code of the farm catches it."""


class _Mortal:
    """A ledger whose process dies right after its n-th change was committed, before anybody learns of it.

    Args:
        ledger: the real ledger.
        changes: how many changes it lives through.
    """

    #: Methods that change the ledger.
    CHANGES = frozenset(
        {
            "create_submission", "add_files", "seal", "register_slot", "claim_task", "lease_stems", "commit_stems",
            "complete_probe", "complete_scan", "complete_split", "complete_mix", "complete_annotate", "complete_publish",
            "admit_songs", "draw_songs", "finish_submission",
        }
    )  # fmt: skip

    def __init__(self, ledger: Ledger, changes: int) -> None:
        self._ledger = ledger
        self.left = changes

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._ledger, name)
        return self._counted(method) if name in self.CHANGES else method

    def plan_by_steps(self, *args: Any) -> Iterator[SubmissionState]:
        """Count every step, each of which is a change."""
        steps = self._ledger.plan_by_steps(*args)
        while (state := self._counted(lambda: next(steps, None))()) is not None:
            yield state

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            self.left -= 1
            if self.left == 0:
                raise _Crash
            return result

        return call


def _farm(ledger: Any) -> None:
    """Do what `farm run` does: find or begin the submission, then work on it until it ends."""
    ledger.expire_host_slots("here", live_pids=[])
    number = ledger.find_submission(out_dir="out", plan_hash=plan().plan_hash)
    if number is None:
        number = ledger.create_submission(plan(), source_root="midi", out_dir="out", store_root="store")
    if ledger.submission(number).state is SubmissionState.SUBMITTING:
        ledger.add_files(number, ["a.mid", "b.mid", "bad.mid", "a.mid.copy"])
        ledger.seal(number)
    run_to_end(ledger, Worker(ledger, parts=2, bad=["bad.mid"]), number, reconciler(ledger))


def _end(ledger: Ledger) -> tuple[Any, ...]:
    status = ledger.status(1)
    kept = (
        status.state,
        status.files_total,
        status.songs,
        status.stems,
        status.rejected,
        status.stem_audio_s,
        status.warnings,
    )
    return (*kept, ledger.finished_tracks(1), ledger.failures(1), ledger.songs(1))


@pytest.mark.slow
def test_a_crash_after_any_change_and_the_same_command_again_make_the_same_end(
    database_kind: str, tmp_path: Path
) -> None:
    (tmp_path / "calm").mkdir()
    calm = open_ledger(new_ledger_url(database_kind, tmp_path / "calm"))
    _farm(calm)
    expected = _end(calm)
    calm.close()
    changes = 0
    while True:
        changes += 1
        folder = tmp_path / str(changes)
        folder.mkdir()
        ledger = open_ledger(new_ledger_url(database_kind, folder))
        try:
            _farm(_Mortal(ledger, changes))
            crashed = False
        except _Crash:
            crashed = True
            _farm(ledger)
        assert _end(ledger) == expected, f"after a crash at change {changes}"
        assert_counters_are_true(ledger)
        ledger.close()
        if not crashed:
            break
    assert changes > 20


def test_a_farm_that_crashes_after_every_few_changes_comes_to_its_end(ledger: Ledger) -> None:
    lives = 0
    while True:
        lives += 1
        try:
            _farm(_Mortal(ledger, 5))
        except _Crash:
            continue
        break
    assert lives > 5
    status = ledger.status(1)
    assert (status.state, status.songs, status.stems) == (SubmissionState.DONE, {"done": 2}, {"done": 4})
    assert_counters_are_true(ledger)


class _Clock:
    """A ledger that shows the reconciler another time, so that no test has to wait.

    Slots are as silent as the database says; only the looks happen at the times of this clock.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.now = 1000.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def pulses(self, submission_id: int | None = None) -> tuple[float, list[Pulse]]:
        return self.now, self._ledger.pulses(submission_id)[1]


def _looks(chief: Reconciler, clock: _Clock, seconds: float, step_s: float = 1.0) -> list[int]:
    """Look every second for some time; returns the slots given up at each look."""
    found = []
    for _ in range(int(seconds / step_s)):
        clock.now += step_s
        found.append(chief.tick().expired.slots)
    return found


def test_a_slot_that_falls_silent_is_given_up_and_its_work_done_by_others(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=2)
    clock: Any = _Clock(ledger)
    chief = reconciler(clock, slot_timeout_s=20)
    assert _looks(chief, clock, 25)[-1] == 0
    assert worker.lease(limit=4)
    silence(ledger, worker.slot, 30)
    assert _looks(chief, clock, 1) == [1]
    run_to_end(ledger, Worker(ledger, pid=2), number, chief)
    assert ledger.status(number).songs == {"done": 2}


def test_after_a_start_the_living_get_time_to_write_before_the_silent_are_given_up(ledger: Ledger) -> None:
    _, worker = rendering(ledger)
    silence(ledger, worker.slot, 1000)
    clock: Any = _Clock(ledger)
    looks = _looks(reconciler(clock, slot_timeout_s=20), clock, 30)
    assert looks == [0] * 20 + [1] + [0] * 9


def test_after_a_pause_of_the_whole_machine_they_get_it_again(ledger: Ledger) -> None:
    _, worker = rendering(ledger)
    clock: Any = _Clock(ledger)
    chief = reconciler(clock, slot_timeout_s=20)
    _looks(chief, clock, 30)
    clock.now += 3600
    silence(ledger, worker.slot, 3600)
    assert sum(_looks(chief, clock, 15)) == 0
    assert ledger.heartbeat(worker.slot, None)
    assert sum(_looks(chief, clock, 15)) == 0
    silence(ledger, worker.slot, 3600)
    assert _looks(chief, clock, 1) == [1]


def test_a_scheduler_that_is_always_slow_still_gives_the_dead_up(ledger: Ledger) -> None:
    _, worker = rendering(ledger)
    silence(ledger, worker.slot, 1000)
    clock: Any = _Clock(ledger)
    assert sum(_looks(reconciler(clock, slot_timeout_s=20), clock, 150, step_s=15)) == 1


def test_work_that_a_living_slot_forgot_is_taken_back_in_the_end(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    clock: Any = _Clock(ledger)
    chief = reconciler(clock, slot_timeout_s=20, lease_timeout_s=-1)
    _looks(chief, clock, 25)
    leases = worker.lease(limit=2)
    clock.now += 1
    assert chief.tick().expired.stems == len(leases)
    assert ledger.status(number).stems == {"ready": 5}


@pytest.mark.parametrize("songs", [1, 30])
def test_songs_are_drawn_in_the_order_of_admission(ledger: Ledger, songs: int) -> None:
    number, worker = rendering(ledger, songs=songs, parts=1)
    leases = worker.lease(limit=64)
    ranks = [song.name for song in sorted(ledger.songs(number), key=lambda song: song.track)]
    assert [lease.song_name for lease in leases] == ranks[: len(leases)]
