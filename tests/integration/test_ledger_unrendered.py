"""Songs of which the plan wants no audio go from their split to their mix, on both databases."""

from __future__ import annotations

from farm.ledger import Ledger
from farm.ledger.models import SongRow
from schemas.states import SongState, SubmissionState, TaskKind
from tests.support.ledgers import Worker, assert_counters_are_true, reconciler, rows, submit


def test_without_audio_no_stem_is_drawn_and_the_song_is_published(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid", "b.mid"], output={"parts": "midi"})
    worker, chief = Worker(ledger), reconciler(ledger)
    worker.work()
    for _ in range(2):
        chief.tick()
    worker.work(TaskKind.SPLIT)
    chief.tick()
    assert {song.state for song in ledger.songs(number)} == {SongState.MIXING}
    assert worker.lease() == []
    assert_counters_are_true(ledger)
    worker.work()
    chief.tick()
    status = ledger.status(number)
    assert (status.state, status.songs_done, status.stems_done) == (SubmissionState.DONE, 2, 0)
    assert_counters_are_true(ledger)


def test_songs_that_are_not_waiting_for_patches_stay_where_they_are(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid"], output={"parts": "midi"})
    worker, chief = Worker(ledger), reconciler(ledger)
    worker.work()
    chief.tick()
    planned = [row.id for row in rows(ledger, SongRow.id)]
    assert len(planned) == 1
    assert ledger.leave_unrendered(planned) == 0
    assert {song.state for song in ledger.songs(number)} == {SongState.PLANNED}
