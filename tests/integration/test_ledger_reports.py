"""What people read of a submission, on both databases."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from farm.ledger import Ledger, StemLease
from farm.ledger.models import SongRow, StemRow
from schemas.result import RenderCost
from schemas.states import FailureReason, SongState, SubmissionState, TaskKind
from tests.support.ledgers import (
    Worker,
    commit_of,
    plan,
    reconciler,
    rendering,
    rows,
    run_to_end,
    silence,
    split_result,
    submit,
)


def test_the_status_follows_a_submission_through_its_life(ledger: Ledger) -> None:
    number = ledger.create_submission(plan(name="tunes"), source_root="midi", out_dir="out", store_root="store")
    status = ledger.status(number)
    assert (status.name, status.state, status.error, status.files_total) == ("tunes", SubmissionState.SUBMITTING, "", 0)
    ledger.add_files(number, ["a.mid", "b.mid", "bad.mid"])
    ledger.seal(number)
    assert (ledger.status(number).files_total, ledger.status(number).files_scanned) == (3, 0)
    worker, chief = Worker(ledger, bad=["bad.mid"]), reconciler(ledger)
    worker.work()
    status = ledger.status(number)
    assert (status.files_scanned, status.rejected, status.songs_total, status.elapsed_s) == (
        3,
        {"unreadable": 1},
        0,
        0.0,
    )
    for _ in range(2):
        chief.tick()
    worker.work(TaskKind.SPLIT)
    chief.tick()
    status = ledger.status(number)
    assert (status.songs, status.stems, status.stems_total) == ({"rendering": 2}, {"ready": 10}, 10)
    assert (status.work_total, status.work_done) == (600.0, 0.0)
    run_to_end(ledger, worker, number, chief)
    status = ledger.status(number)
    assert (status.songs_done, status.songs_total, status.stems_done, status.stem_audio_s) == (2, 2, 10, 100.0)
    assert status.work_done == status.work_total
    assert status.elapsed_s > 0
    assert status.render_s == pytest.approx(0.1)
    assert ledger.status(number).elapsed_s == status.elapsed_s, "time stands still at the end"


def test_the_work_behind_never_shrinks_and_ends_at_the_total(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=3)
    chief = reconciler(ledger)
    behind = [0.0]
    for _ in range(200):
        if not worker.step():
            chief.tick()
        status = ledger.status(number)
        behind.append(status.work_done)
        if status.state is SubmissionState.DONE:
            break
    assert behind == sorted(behind)
    assert len(set(behind)) > 6
    assert behind[-1] == 900.0


def test_reports_can_be_printed_as_json(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid", "bad.mid"])
    run_to_end(ledger, Worker(ledger, bad=["bad.mid"]), number)
    records: list[Any] = [
        ledger.status(number),
        *ledger.songs(number),
        *ledger.failures(number),
        *ledger.events(number),
    ]
    texts = [json.loads(json.dumps(dataclasses.asdict(record))) for record in records]
    assert texts[0]["state"] == "done"
    assert texts[1]["state"] == "done"
    assert texts[2] == {"kind": "file", "name": "bad.mid", "reason": "unreadable", "detail": "no header"}


def test_songs_are_listed_by_track_with_their_stems(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=3, parts=2)
    lease = worker.lease(limit=1)[0]
    ledger.commit_stems(worker.slot, [commit_of(lease)])
    songs = ledger.songs(number)
    assert [song.track for song in songs] == [1, 2, 3]
    assert {song.name: (song.stems_done, song.stems_total) for song in songs} == {
        name: (int(name == lease.song_name), 2) for name in ("Track00001", "Track00002", "Track00003")
    }
    assert {song.state for song in songs} == {SongState.RENDERING}


def test_failures_are_listed_by_kind_and_in_order(ledger: Ledger) -> None:
    number = submit(ledger, ["c.mid", "B.mid", "a.mid", "ä.mid", "good.mid", "weak.mid"])
    worker, chief = Worker(ledger, bad=["c.mid", "B.mid", "a.mid", "ä.mid"], parts=2), reconciler(ledger)
    worker.work()
    for _ in range(2):
        chief.tick()
    worker.work(TaskKind.SPLIT)
    chief.tick()
    first = worker.lease(limit=1)[0]
    ledger.fail_stem(worker.slot, first, FailureReason.CLIPPED, "once", infra=False)
    again = worker.lease(limit=1)[0]
    ledger.fail_stem(worker.slot, again, FailureReason.CLIPPED, "twice", infra=False)
    run_to_end(ledger, worker, number)
    found = [(failure.kind, failure.name, failure.reason) for failure in ledger.failures(number)]
    assert found == [
        *[("file", name, "unreadable") for name in ("B.mid", "a.mid", "c.mid", "ä.mid")],
        ("song", first.song_name, "stem_failed"),
        ("stem", f"{first.song_name}/{first.stem_name}", "clipped"),
    ]
    assert ledger.status(number).failures == {"stem_failed": 1}


def test_what_was_published_is_listed_by_track_and_nothing_else(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=3, parts=1)
    assert ledger.finished_tracks(number) == []
    run_to_end(ledger, worker, number)
    tracks = ledger.finished_tracks(number)
    assert [track.track for track in tracks] == ["Track00001", "Track00002", "Track00003"]
    assert [track.source for track in tracks] == [song.source for song in ledger.songs(number)]


def test_the_counts_of_one_submission_are_not_those_of_another(ledger: Ledger) -> None:
    one, worker = rendering(ledger, songs=2, parts=2)
    two = submit(ledger, ["x.mid"], out_dir="other")
    run_to_end(ledger, worker, one)
    assert reconciler(ledger).tick().admitted in (0, 1)
    assert (ledger.status(one).songs_done, ledger.status(two).songs_total, ledger.status(two).stems) == (2, 1, {})
    assert [(song.source, song.state) for song in ledger.songs(two)] == [("x.mid", SongState.SPLITTING)]


def test_the_store_learns_which_renders_unfinished_songs_still_need(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid", "b.mid"])
    worker, chief = Worker(ledger), reconciler(ledger)
    worker.work()
    for _ in range(2):
        chief.tick()
    while (task := worker.claim(TaskKind.SPLIT)) is not None:
        ledger.complete_split(task, split_result("the same", parts=2))
    chief.tick()
    one, two = (row.id for row in rows(ledger, SongRow.id))
    shared = {row.spec_hash for row in rows(ledger, StemRow.spec_hash)}
    assert len(shared) == 2
    assert ledger.specs_in_use(one) == ledger.specs_in_use(two) == shared
    run_to_end(ledger, worker, number, chief)
    assert ledger.specs_in_use(one) == set()


def test_it_is_known_whether_anything_waits_for_a_slot(ledger: Ledger) -> None:
    assert not ledger.any_waiting()
    number, worker = rendering(ledger, songs=1)
    assert ledger.any_waiting(), "stems wait"
    leases: list[StemLease] = []
    while more := ledger.lease_stems(
        worker.slot, engine="fluidsynth", warm_key=None, limit=100, holding=[lease.stem_id for lease in leases]
    ):
        leases += more
    assert leases
    assert not ledger.any_waiting(), "the last ones are leased"
    ledger.commit_stems(worker.slot, [commit_of(lease) for lease in leases])
    assert ledger.any_waiting(), "the mix waits"
    run_to_end(ledger, worker, number, reconciler(ledger))
    assert not ledger.any_waiting()


def test_every_stage_says_what_it_has_done_and_what_that_cost(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=2, parts=3)
    begun = {cost.stage: (cost.unit, cost.done) for cost in ledger.status(number).stages}
    assert begun == {"scan": ("file", 2), "split": ("song", 2)}
    cost = RenderCost(render_s=0.5, load_s=0.25, cpu_s=0.4)
    commits = [dataclasses.replace(commit_of(lease), cost=cost) for lease in worker.lease(limit=2)]
    assert all(ledger.commit_stems(worker.slot, commits))
    assert all(ledger.commit_stems(worker.slot, commits)), "sent again, it is not counted again"
    render = next(cost for cost in ledger.status(number).stages if cost.stage == "render")
    assert (render.unit, render.done, render.wall_s, render.cpu_s) == ("stem", 2, 1.5, 0.8)
    run_to_end(ledger, worker, number)
    stages = {cost.stage: cost for cost in ledger.status(number).stages}
    assert {name: (cost.done, cost.failed) for name, cost in stages.items()} == {
        "scan": (2, 0), "split": (2, 0), "render": (6, 0), "mix": (2, 0), "annotate": (2, 0), "publish": (2, 0),
    }  # fmt: skip
    assert stages["mix"].wall_s > 0.0
    assert sum(cost.cpu_s for cost in stages.values()) >= 0.8, "that of the tasks may be too little to be seen"


def test_a_task_that_fails_costs_its_stage_and_does_nothing(ledger: Ledger) -> None:
    number, worker = rendering(ledger, parts=1)
    worker.render()
    task = worker.claim(TaskKind.MIX)
    assert task is not None
    ledger.fail_task(task, FailureReason.TASK_FAILED, "it broke", infra=False)
    mix = next(cost for cost in ledger.status(number).stages if cost.stage == "mix")
    assert (mix.done, mix.failed) == (0, 1)
    assert mix.wall_s > 0.0


def test_of_a_task_that_was_lost_with_its_slot_only_the_loss_is_known(ledger: Ledger) -> None:
    number, worker = rendering(ledger, parts=1)
    worker.render()
    assert worker.claim(TaskKind.MIX) is not None
    silence(ledger, worker.slot, 1000.0)
    assert ledger.expire_slots(60.0).tasks == 1
    mix = next(cost for cost in ledger.status(number).stages if cost.stage == "mix")
    assert (mix.done, mix.failed, mix.wall_s, mix.cpu_s) == (0, 1, 0.0, 0.0)
