"""A simulated farm without audio: slots die at random, and every song comes out exactly once."""

from __future__ import annotations

import random
import threading
from collections import Counter

import pytest

from farm.ledger import Ledger, SlotRef
from farm.ledger.models import AttemptRow, SongRow, StemRow, TaskRow
from schemas.states import SongState, StemState, SubmissionState, TaskState
from tests.support.ledgers import Worker, assert_counters_are_true, commit_of, reconciler, rows, submit

SONGS, STEMS, SLOTS = 80, 5, 3
#: Share of steps in which a slot dies: before its work, or after the work and before its report.
DEATHS = 0.06


class _Farm:
    """Slots in threads that share one ledger; each dies now and then and comes back as another."""

    def __init__(self, ledger: Ledger, number: int) -> None:
        self._ledger = ledger
        self._number = number
        self._pids = iter(range(100, 1_000_000))
        self._living: dict[int, SlotRef] = {}
        self._lock = threading.Lock()
        self.deaths = 0
        self.fenced = 0
        self.faults: list[BaseException] = []
        self.over = threading.Event()

    def slot(self, seed: int) -> None:
        chance = random.Random(seed)
        try:
            while not self.over.is_set():
                worker = self._begin()
                while not self.over.is_set() and self._step(worker, chance):
                    pass
                with self._lock:
                    del self._living[worker.pid]
        except BaseException as error:  # noqa: BLE001 - told by the test
            self.faults.append(error)
            self.over.set()

    def _begin(self) -> Worker:
        with self._lock:
            pid = next(self._pids)
            worker = Worker(self._ledger, pid=pid, parts=STEMS)
            self._living[pid] = worker.slot
        return worker

    def _step(self, worker: Worker, chance: random.Random) -> bool:
        """Do one thing; False when the slot died of it."""
        fate = chance.random()
        task = worker.claim()
        if task is not None:
            if fate < DEATHS / 2:
                return self._die()
            self.fenced += not worker.do(task)
            return fate > DEATHS or self._die()
        leases = worker.lease(limit=8)
        if not leases:
            self.over.wait(0.005)
            return True
        if fate < DEATHS / 2:
            return self._die()
        half = len(leases) // 2
        for group in (leases[:half], leases[half:]):
            self.fenced += self._ledger.commit_stems(worker.slot, [commit_of(lease) for lease in group]).count(False)
            if DEATHS / 2 < fate < DEATHS:
                return self._die()
        return True

    def _die(self) -> bool:
        self.deaths += 1
        return False

    def bury(self) -> None:
        """Free what the dead held, as the driver of local mode does."""
        with self._lock:
            living = list(self._living)
        self._ledger.expire_host_slots("here", live_pids=living or [1])


@pytest.mark.slow
def test_every_song_is_done_exactly_once_whatever_dies(ledger: Ledger) -> None:
    number = submit(ledger, [f"{index:03d}.mid" for index in range(SONGS)])
    finished: list[int] = []
    farm = _Farm(ledger, number)
    chief = reconciler(ledger, finished)
    slots = [threading.Thread(target=farm.slot, args=(seed,)) for seed in range(SLOTS)]
    for slot in slots:
        slot.start()
    while not farm.over.wait(0.02):
        farm.bury()
        chief.tick()
        if ledger.submission(number).state in (SubmissionState.DONE, SubmissionState.FAILED):
            farm.over.set()
    for slot in slots:
        slot.join(240)
    assert farm.faults == []
    assert farm.deaths > 10
    status = ledger.status(number)
    assert (status.state, status.songs, status.stems) == (
        SubmissionState.DONE,
        {"done": SONGS},
        {"done": SONGS * STEMS},
    )
    assert finished == [number]
    assert status.work_done == status.work_total
    done = Counter(row.stem_id for row in rows(ledger, AttemptRow.stem_id, outcome="done") if row.stem_id is not None)
    assert done == dict.fromkeys((row.id for row in rows(ledger, StemRow.id)), 1)
    tasks = Counter(row.task_id for row in rows(ledger, AttemptRow.task_id, outcome="done") if row.task_id is not None)
    assert tasks == dict.fromkeys((row.id for row in rows(ledger, TaskRow.id)), 1)
    assert {row.state for row in rows(ledger, TaskRow.state)} == {TaskState.DONE}
    assert {row.state for row in rows(ledger, StemRow.state)} == {StemState.DONE}
    assert {(row.state, row.stems_left) for row in rows(ledger, SongRow.state, SongRow.stems_left)} == {
        (SongState.DONE, 0)
    }
    assert [track.track for track in ledger.finished_tracks(number)] == [f"Track{n:05d}" for n in range(1, SONGS + 1)]
    assert_counters_are_true(ledger)
