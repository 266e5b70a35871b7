"""What the ledger knows for a forecast, and in which order it opens songs, on both databases."""

from __future__ import annotations

import pytest

from farm.ledger import Ledger, SlotRef, StemCommit, StemLease
from farm.ledger.models import LoadKeyRow, SongRow, StemRow
from farm.ledger.times import StemTimes
from farm.scheduling.eta import forecast
from schemas.errors import UnknownIdError
from schemas.result import RenderCost
from schemas.states import LimitScope, SongState, TaskKind
from tests.support.ledgers import ENGINE, Worker, reconciler, rendering, rows, run_to_end, stem_result, submit


def _commit(ledger: Ledger, slot: SlotRef, lease: StemLease, cost: RenderCost) -> None:
    assert ledger.commit_stems(slot, [StemCommit(lease.stem_id, lease.epoch, stem_result(lease.job), cost)]) == [True]


def test_what_is_left_and_what_was_measured(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=3)
    estimates = {row.id: row.est_s for row in rows(ledger, StemRow.id, StemRow.est_s)}
    before = ledger.stem_times(number)
    assert [(key.stems, key.tries, key.measured) for key in before.keys] == [(15, (), False)]
    assert before.keys[0].est_s == pytest.approx(sum(estimates.values()))
    assert (before.slots, before.undrawn_audio_s, before.known_paces) == ({ENGINE: 1}, 0.0, ())
    assert forecast(before).unknown == "no stem has been rendered lately"

    leases = worker.lease(limit=3)
    first, second, third = leases
    _commit(ledger, worker.slot, first, RenderCost(render_s=0.5, load_s=2.0, cold=True))
    _commit(ledger, worker.slot, second, RenderCost(render_s=0.25, load_s=0.1))
    _commit(ledger, worker.slot, third, RenderCost(render_s=0.0, cached=True))
    left = worker.lease(limit=1)
    times = ledger.stem_times(number)
    (key,) = times.keys
    assert key.stems == 12, "the leased one is left, too"
    ended = sum(estimates[lease.stem_id] for lease in leases)
    assert key.est_s == pytest.approx(sum(estimates.values()) - ended)
    assert [taken for taken, _ in key.tries] == [0.25, 0.5], "the newest first"
    assert [size for _, size in key.tries] == pytest.approx([estimates[lease.stem_id] for lease in (second, first)])
    assert times.tries == ((0.25, 10.0), (0.5, 10.0)), "stems that were found in the store say nothing of speed"
    assert times.load_share == pytest.approx(2.0 / 0.75)
    assert (key.measured, key.label, key.engine, key.slots, key.held) == (True, "Toy", ENGINE, 1, False)
    assert times.known_paces == (rows_pace(ledger),)
    assert left
    eta = forecast(times)
    assert eta.p50_s is not None
    assert eta.bottleneck is not None
    assert (eta.stems_left, eta.bottleneck.label, eta.tries) == (12, "Toy", 2)


def rows_pace(ledger: Ledger) -> float:
    """Return the smoothed pace of the only load key."""
    (pace,) = ledger._db.read(lambda conn: [row.pace for row in conn.execute(LoadKeyRow.__table__.select())])  # noqa: SLF001
    return float(pace)


def test_songs_that_are_not_open_count_by_their_audio_and_tasks_by_their_state(ledger: Ledger) -> None:
    number = submit(ledger, [f"{index}.mid" for index in range(10)])
    assert ledger.stem_times(number).waits == "its files are still being read"
    worker, chief = Worker(ledger), reconciler(ledger, window_per_slot=4)
    worker.work()
    chief.tick()
    chief.tick()
    worker.work(TaskKind.SPLIT)
    chief.tick()
    times = ledger.stem_times(number)
    assert times.undrawn_audio_s == pytest.approx(6 * 5 * 60.0)
    left = {task.kind: task.left for task in times.tasks}
    assert left == {TaskKind.SPLIT: 6, TaskKind.MIX: 10, TaskKind.ANNOTATE: 10, TaskKind.PUBLISH: 10}
    assert len(next(task.seconds for task in times.tasks if task.kind is TaskKind.SPLIT)) == 4


def test_limits_and_quarantine_bound_what_can_be_done(ledger: Ledger) -> None:
    number, _ = rendering(ledger)
    ledger.set_limit("Toy", 3, LimitScope.INSTANCE)
    ledger.set_limit(ENGINE, 1, LimitScope.HOST)
    ledger.set_limit("another engine", 0, LimitScope.INSTANCE)
    (key,) = ledger.stem_times(number).keys
    assert (key.slots_max, key.limit) == (1, ENGINE), "the one host has one slot"
    ledger.quarantine(key.load_key, "it hums")
    (key,) = ledger.stem_times(number).keys
    assert key.held
    assert forecast(ledger.stem_times(number)).held_stems == 5


def test_a_submission_that_has_ended_has_nothing_left(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    run_to_end(ledger, worker, number)
    assert ledger.stem_times(number) == StemTimes()
    with pytest.raises(UnknownIdError):
        ledger.stem_times(99)


def test_songs_are_opened_by_track_and_worked_on_by_length(ledger: Ledger) -> None:
    lengths = {f"{index}.mid": 30.0 + 10 * (index * 7 % 10) for index in range(10)}
    number = submit(ledger, list(lengths))
    worker, chief = Worker(ledger, seconds=lengths), reconciler(ledger, window_per_slot=5)
    worker.work()
    chief.tick()
    chief.tick()
    opened = [row for row in rows(ledger, SongRow.track, SongRow.rank, SongRow.work_s, SongRow.state) if row.rank]
    assert sorted(row.track for row in opened) == [1, 2, 3, 4, 5]
    by_rank = [row.work_s for row in sorted(opened, key=lambda row: row.rank)]
    assert by_rank == sorted(by_rank, reverse=True)
    assert {row.state for row in opened} == {SongState.SPLITTING}
    assert ledger.status(number).songs == {"planned": 5, "splitting": 5}


def test_of_songs_of_one_length_those_with_most_notes_are_worked_on_first(ledger: Ledger) -> None:
    notes = {"0.mid": 50, "1.mid": 4000, "2.mid": 900, "3.mid": 2500}
    submit(ledger, list(notes))
    worker, chief = Worker(ledger, notes=notes), reconciler(ledger)
    worker.work()
    chief.tick()
    chief.tick()
    ranks = {row.track: row.rank for row in rows(ledger, SongRow.track, SongRow.rank)}
    assert [ranks[track] for track in (1, 2, 3, 4)] == [4, 1, 3, 2]


def test_an_urgent_submission_is_opened_though_others_fill_the_window(ledger: Ledger) -> None:
    first = submit(ledger, [f"{index}.mid" for index in range(10)], out_dir="first")
    second = submit(ledger, [f"{index}.mid" for index in range(10)], out_dir="second")
    worker, chief = Worker(ledger), reconciler(ledger, window_per_slot=4)
    worker.work()
    chief.tick()
    chief.tick()
    assert ledger.status(first).songs == {"planned": 6, "splitting": 4}
    assert ledger.status(second).songs == {"planned": 10}
    ledger.set_priority(second, 5)
    chief.tick()
    assert ledger.status(first).songs == {"planned": 6, "splitting": 4}
    assert ledger.status(second).songs == {"planned": 6, "splitting": 4}
