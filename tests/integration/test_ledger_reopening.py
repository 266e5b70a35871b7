"""What failed is tried again, and songs are accepted without a stem, on both databases."""

from __future__ import annotations

import pytest

from farm.ledger import Ledger, Outcome, StemLease
from farm.ledger.models import StemRow
from schemas.errors import StateError, UnknownIdError
from schemas.states import EventKind, FailureReason, SongState, SubmissionState, TaskKind
from tests.support.ledgers import (
    Worker,
    assert_counters_are_true,
    commit_of,
    reconciler,
    rendering,
    rows,
    run_to_end,
    submit,
)


def _fail_one(ledger: Ledger, worker: Worker) -> StemLease:
    """Let one stem fail for good; returns its last lease."""
    while True:
        lease = worker.lease(limit=1)[0]
        decision = ledger.fail_stem(worker.slot, lease, FailureReason.NOISE, "hiss", infra=False)
        if decision.outcome in (Outcome.FAILED, Outcome.DROPPED):
            return lease


def test_all_that_failed_is_tried_again_with_a_clean_slate(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=2)
    _fail_one(ledger, worker)
    run_to_end(ledger, worker, number)
    assert ledger.submission(number).state is SubmissionState.FAILED
    assert ledger.requeue(number) == 1
    assert ledger.submission(number).state is SubmissionState.ACTIVE
    assert ledger.status(number).songs == {"done": 1, "planned": 1}
    chief = reconciler(ledger)
    chief.tick()
    worker.work(TaskKind.SPLIT)
    chief.tick()
    fresh = rows(ledger, StemRow.tries, StemRow.failed_host, StemRow.kills, state="ready")
    assert {tuple(row) for row in fresh} == {(0, None, 0)}
    run_to_end(ledger, worker, number)
    assert ledger.status(number).songs == {"done": 2}
    assert EventKind.REQUEUED.value in [event.kind for event in ledger.events(number)]
    assert ledger.requeue(number) == 0
    assert_counters_are_true(ledger)


def test_a_named_song_is_tried_again_while_the_rest_goes_on(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=3)
    names = [_fail_one(ledger, worker).song_name for _ in range(2)]
    assert ledger.requeue(number, songs=[names[0]]) == 1
    assert ledger.status(number).songs == {"failed": 1, "planned": 1, "rendering": 1}
    assert ledger.requeue(number, stems=[(names[1], "S00")]) == 1
    run_to_end(ledger, worker, number)
    assert ledger.status(number).songs == {"done": 3}
    assert_counters_are_true(ledger)


def test_what_cannot_be_tried_again_is_refused_and_nothing_is_changed(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=2)
    failed = _fail_one(ledger, worker).song_name
    other = next(song.name for song in ledger.songs(number) if song.name != failed)
    with pytest.raises(UnknownIdError, match="no song Track00009"):
        ledger.requeue(number, songs=[failed, "Track00009"])
    with pytest.raises(StateError, match=f"{other} is rendering"):
        ledger.requeue(number, songs=[failed, other])
    with pytest.raises(StateError, match=f"{other}/S01 is ready"):
        ledger.requeue(number, stems=[(failed, "S01"), (other, "S01")])
    with pytest.raises(UnknownIdError, match=f"{other} has no stem S77"):
        ledger.requeue(number, stems=[(other, "S77")])
    assert ledger.status(number).songs == {"failed": 1, "rendering": 1}
    with pytest.raises(UnknownIdError, match="no submission 99"):
        ledger.requeue(99)


def test_a_cancelled_submission_can_be_opened_again_unless_another_has_its_folder(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=2)
    ledger.cancel(number)
    rival = submit(ledger, ["z.mid"])
    with pytest.raises(StateError, match=f"submission {rival} is being made into out"):
        ledger.requeue(number)
    ledger.cancel(rival)
    assert ledger.requeue(number) == 2
    run_to_end(ledger, worker, number)
    assert ledger.status(number).songs == {"done": 2}
    assert_counters_are_true(ledger)


def test_a_dropped_stem_of_an_unmixed_song_is_rendered_after_all(ledger: Ledger) -> None:
    number, worker = rendering(ledger, parts=2, on_failed_stem="drop_stem")
    dropped = _fail_one(ledger, worker)
    worker.render()
    assert ledger.songs(number)[0].state is SongState.MIXING
    mix = worker.claim(TaskKind.MIX)
    assert mix is not None
    assert ledger.requeue(number, stems=[(dropped.song_name, dropped.stem_name)]) == 1
    assert not worker.do(mix), "the mix without it is refused"
    assert ledger.songs(number)[0].state is SongState.RENDERING
    again = worker.lease()
    assert [(lease.stem_name, lease.tries) for lease in again] == [(dropped.stem_name, 0)]
    ledger.commit_stems(worker.slot, [commit_of(lease) for lease in again])
    run_to_end(ledger, worker, number)
    assert ledger.status(number).stems == {"done": 2}
    assert ledger.failures(number) == []
    assert_counters_are_true(ledger)


def test_a_song_that_failed_of_a_stem_goes_on_without_it(ledger: Ledger) -> None:
    number, worker = rendering(ledger)
    done = worker.lease(limit=1)[0]
    ledger.commit_stems(worker.slot, [commit_of(done)])
    bad = _fail_one(ledger, worker)
    run_to_end(ledger, worker, number)
    assert ledger.submission(number).state is SubmissionState.FAILED
    ledger.eat(number, bad.song_name, bad.stem_name)
    assert ledger.submission(number).state is SubmissionState.ACTIVE
    assert ledger.status(number).stems == {"done": 1, "dropped": 1, "ready": 3}
    run_to_end(ledger, worker, number)
    status = ledger.status(number)
    assert (status.songs, status.stems, status.failures) == ({"done": 1}, {"done": 4, "dropped": 1}, {})
    assert status.stem_failures == {"eaten": 1}
    assert [(f.kind, f.name, f.reason) for f in ledger.failures(number)] == [
        ("stem", f"{bad.song_name}/{bad.stem_name}", "eaten")
    ]
    assert_counters_are_true(ledger)


def test_a_song_whose_other_stems_are_all_rendered_is_mixed_at_once(ledger: Ledger) -> None:
    number, worker = rendering(ledger, parts=2)
    leases = worker.lease(limit=1)
    ledger.commit_stems(worker.slot, [commit_of(leases[0])])
    bad = _fail_one(ledger, worker)
    ledger.eat(number, bad.song_name, bad.stem_name)
    assert ledger.songs(number)[0].state is SongState.MIXING
    run_to_end(ledger, worker, number)
    assert ledger.status(number).songs == {"done": 1}


def test_a_stem_that_is_not_rendered_yet_is_eaten_and_its_late_commit_refused(ledger: Ledger) -> None:
    number, worker = rendering(ledger, parts=2)
    slow = worker.lease(limit=1)[0]
    ledger.eat(number, slow.song_name, slow.stem_name)
    assert ledger.commit_stems(worker.slot, [commit_of(slow)]) == [False]
    worker.render()
    assert ledger.songs(number)[0].state is SongState.MIXING
    assert_counters_are_true(ledger)


def test_what_cannot_be_eaten_is_refused(ledger: Ledger) -> None:
    number, worker = rendering(ledger, parts=2)
    lease = worker.lease(limit=1)[0]
    ledger.commit_stems(worker.slot, [commit_of(lease)])
    song, rendered = lease.song_name, lease.stem_name
    other = "S01" if rendered == "S00" else "S00"
    with pytest.raises(StateError, match=f"{song}/{rendered} is rendered"):
        ledger.eat(number, song, rendered)
    with pytest.raises(UnknownIdError, match="has no stem S09"):
        ledger.eat(number, song, "S09")
    with pytest.raises(UnknownIdError, match="no song Track00007"):
        ledger.eat(number, "Track00007", "S00")
    ledger.eat(number, song, other)
    with pytest.raises(StateError, match="left out already"):
        ledger.eat(number, song, other)


def test_the_last_stem_of_a_song_cannot_be_eaten(ledger: Ledger) -> None:
    number, _ = rendering(ledger, parts=2)
    ledger.eat(number, "Track00001", "S00")
    with pytest.raises(StateError, match="no other stem than Track00001/S01"):
        ledger.eat(number, "Track00001", "S01")
