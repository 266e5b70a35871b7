"""Submissions are written, resumed, planned, ended and tried again, on both databases."""

from __future__ import annotations

import os

import pytest

from farm.ledger import ChosenSong, Ledger, Outcome
from farm.ledger.models import FileRow, SongRow, TaskRow
from farm.ledger.submissions import SCAN_COMPOSED, SCAN_FILES
from farm.planning.select import select_songs
from schemas.compose import ComposePlan
from schemas.errors import LedgerError, UnknownIdError
from schemas.states import FailureReason, FileState, RejectReason, SongState, SubmissionState, TaskKind, TaskState
from tests.support.ledgers import (
    Worker,
    assert_counters_are_true,
    engine_facts,
    plan,
    reconciler,
    rendering,
    rows,
    run_to_end,
    submit,
)


def test_a_submission_is_found_by_its_folder_and_plan(ledger: Ledger) -> None:
    assert ledger.find_submission(out_dir="out") is None
    number = ledger.create_submission(plan(seed=1), source_root="midi", out_dir="out", store_root="store")
    assert ledger.find_submission(out_dir="out", plan_hash=plan(seed=1).plan_hash) == number
    assert ledger.find_submission(out_dir="out") == number
    assert ledger.find_submission(out_dir="out", plan_hash=plan(seed=2).plan_hash) is None
    assert ledger.find_submission(out_dir="elsewhere") is None
    found = ledger.submission(number)
    assert (found.plan, found.source_root, found.out_dir, found.store_root) == (plan(seed=1), "midi", "out", "store")
    assert (found.state, found.engine_facts) == (SubmissionState.SUBMITTING, None)
    assert [row.id for row in ledger.submissions()] == [number]


def test_two_unfinished_submissions_never_go_to_one_folder(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid"])
    with pytest.raises(LedgerError, match=f"submission {number} is being made into out"):
        submit(ledger, ["a.mid"], seed=2)
    run_to_end(ledger, Worker(ledger), number)
    again = submit(ledger, ["a.mid"], seed=2)
    assert ledger.find_submission(out_dir="out") == again


def test_a_number_that_is_not_there_is_refused_by_everything(ledger: Ledger) -> None:
    calls = (
        ledger.submission, ledger.status, ledger.songs, ledger.failures, ledger.finished_tracks, ledger.source_paths,
        ledger.seal, ledger.retry_failed, ledger.finish_submission, lambda number: ledger.add_files(number, ["a.mid"]),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(UnknownIdError, match="there is no submission 99"):
            call(99)


def test_a_half_written_submission_is_completed_by_writing_it_again(ledger: Ledger) -> None:
    paths = [f"{index:04d}.mid" for index in range(1200)]
    number = ledger.create_submission(plan(), source_root="midi", out_dir="out", store_root="store")
    assert ledger.add_files(number, paths[:700]) == 700
    assert ledger.status(number).files_total == 700
    # The process that wrote it died here.
    assert ledger.add_files(number, paths) == 500
    assert ledger.add_files(number, paths) == 0
    ledger.seal(number)
    assert ledger.source_paths(number) == paths
    assert ledger.status(number).files_total == 1200
    assert_counters_are_true(ledger)


def test_sealing_puts_one_probe_and_scans_of_all_files_once(ledger: Ledger) -> None:
    count = 2 * SCAN_FILES + 1
    number = submit(ledger, [f"{index:04d}.mid" for index in range(count)])
    ledger.seal(number)
    worker = Worker(ledger)
    probe = worker.claim(TaskKind.PROBE)
    assert probe is not None
    assert worker.claim(TaskKind.PROBE) is not None, "what a slot does not name as held is free for another try"
    batches: list[list[str]] = []
    held: list[int] = []
    while (task := ledger.claim_task(worker.slot, kinds=[TaskKind.SCAN], holding=held)) is not None:
        batches.append([path for _, path in ledger.task_files(task)])
        held.append(task.task_id)
    assert [len(batch) for batch in batches] == [SCAN_FILES, SCAN_FILES, 1]
    assert sorted(path for batch in batches for path in batch) == ledger.source_paths(number)


def test_files_of_two_submissions_written_in_turn_stay_apart(ledger: Ledger) -> None:
    numbers = [
        ledger.create_submission(plan(), source_root="midi", out_dir=out, store_root="store") for out in ("a", "b")
    ]
    for index in range(6):
        ledger.add_files(numbers[index % 2], [f"{index}.mid"])
    for number in numbers:
        ledger.seal(number)
        run_to_end(ledger, Worker(ledger), number)
    assert [ledger.source_paths(number) for number in numbers] == [
        ["0.mid", "2.mid", "4.mid"],
        ["1.mid", "3.mid", "5.mid"],
    ]
    assert [len(ledger.finished_tracks(number)) for number in numbers] == [3, 3]


def test_a_sealed_submission_takes_no_more_files(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid"])
    with pytest.raises(LedgerError, match="is sealed"):
        ledger.add_files(number, ["b.mid"])
    assert ledger.source_paths(number) == ["a.mid"]


def test_a_name_that_is_no_text_is_rejected_by_name_and_the_rest_goes_on(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid", os.fsdecode(b"caf\xe9.mid"), "b.mid"])
    run_to_end(ledger, Worker(ledger), number)
    status = ledger.status(number)
    assert (status.files_total, status.files_scanned, status.songs_done) == (3, 3, 2)
    assert [(f.kind, f.name, f.reason) for f in ledger.failures(number)] == [("file", "caf\\udce9.mid", "unreadable")]
    assert_counters_are_true(ledger)


def test_planning_waits_for_the_probe_and_for_every_scan(ledger: Ledger) -> None:
    number = submit(ledger, [f"{index:04d}.mid" for index in range(SCAN_FILES + 1)])
    worker, chief = Worker(ledger), reconciler(ledger)
    for kind in (TaskKind.SCAN, TaskKind.PROBE, TaskKind.SCAN):
        assert chief.tick().planned == []
        assert ledger.submission(number).state is SubmissionState.SCANNING
        assert worker.step(kind)
    assert chief.tick().planned == [number]
    assert ledger.submission(number).state is SubmissionState.ACTIVE
    assert ledger.submission(number).engine_facts == engine_facts()


def test_every_file_ends_with_a_state_and_every_rejection_with_a_reason(ledger: Ledger) -> None:
    number = submit(
        ledger, ["a.mid", "a.mid.copy", "bad.mid", "short.mid", "b.mid"], filters={"min_duration_s": 10, "min_parts": 1}
    )
    run_to_end(ledger, Worker(ledger, bad=["bad.mid"], seconds={"short.mid": 5.0}), number)
    fates = {row.path: (row.state, row.reason) for row in rows(ledger, FileRow.path, FileRow.state, FileRow.reason)}
    assert fates == {
        "a.mid": (FileState.ACCEPTED, None),
        "b.mid": (FileState.ACCEPTED, None),
        "a.mid.copy": (FileState.REJECTED, RejectReason.DUPLICATE),
        "bad.mid": (FileState.REJECTED, RejectReason.UNREADABLE),
        "short.mid": (FileState.REJECTED, RejectReason.TOO_SHORT),
    }
    assert ledger.status(number).rejected == {"duplicate": 1, "too_short": 1, "unreadable": 1}
    assert [failure.name for failure in ledger.failures(number)] == ["a.mid.copy", "bad.mid", "short.mid"]
    assert_counters_are_true(ledger)


def test_a_submission_without_a_song_fails_with_the_reasons(ledger: Ledger) -> None:
    finished: list[int] = []
    number = submit(ledger, ["bad.mid", "worse.mid"])
    run_to_end(ledger, Worker(ledger, bad=["bad.mid", "worse.mid"]), number, reconciler(ledger, finished))
    found = ledger.submission(number)
    assert (found.state, found.reason) == (SubmissionState.FAILED, FailureReason.NO_SONGS)
    assert ledger.status(number).error == "no file of the source became a song (2 unreadable)"
    assert finished == []
    assert ledger.retry_failed(number) == 0
    assert ledger.submission(number).state is SubmissionState.FAILED


def test_a_submission_without_a_file_fails_too(ledger: Ledger) -> None:
    number = submit(ledger, [])
    run_to_end(ledger, Worker(ledger), number)
    assert ledger.status(number).error == "no file of the source became a song (it holds none)"


def test_a_failed_probe_fails_the_submission_and_a_new_try_can_mend_it(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid"])
    worker = Worker(ledger)
    for outcome in (Outcome.RETRY, Outcome.FAILED):
        task = worker.claim(TaskKind.PROBE)
        assert task is not None
        assert ledger.fail_task(task, FailureReason.MISSING_ASSET, "no soundfont at x.sf2", infra=False) is outcome
    found = ledger.submission(number)
    assert (found.state, found.reason, found.detail) == (
        SubmissionState.FAILED,
        "missing_asset",
        "no soundfont at x.sf2",
    )
    assert ledger.status(number).error == "no soundfont at x.sf2"
    assert worker.claim() is None, "nobody scans for a submission that has failed"
    assert_counters_are_true(ledger)
    assert ledger.retry_failed(number) == 2
    run_to_end(ledger, worker, number)
    assert ledger.submission(number).state is SubmissionState.DONE
    assert ledger.status(number).error == ""
    assert_counters_are_true(ledger)


def test_a_selection_that_was_half_written_is_completed(ledger: Ledger) -> None:
    number = submit(ledger, [f"{index}.mid" for index in range(4)] + ["0.mid.copy"], limit=3)
    worker, chief = Worker(ledger), reconciler(ledger)
    worker.work()
    selection = select_songs(plan(limit=3), ledger.scanned_files(number))
    database = ledger._db  # noqa: SLF001
    from farm.ledger import planned

    database.write(lambda tx: planned.reject(tx, number, selection.rejected[:1]))
    database.write(lambda tx: planned.choose(tx, number, selection.chosen[:2]))
    assert ledger.submission(number).state is SubmissionState.SCANNING
    chief.tick()
    songs = rows(ledger, SongRow.track, SongRow.song_hash)
    assert [(row.track, row.song_hash) for row in songs] == [(c.spec.track, c.spec.song_hash) for c in selection.chosen]
    assert ledger.status(number).rejected == {"duplicate": 1, "over_limit": 1}
    assert ledger.status(number).work_total == 3 * 300.0
    assert_counters_are_true(ledger)
    ledger.plan_submission(number, selection.chosen, selection.rejected)
    assert_counters_are_true(ledger)


def test_a_plan_cannot_be_written_into_an_active_submission(ledger: Ledger) -> None:
    number, _ = rendering(ledger, songs=1)
    other = select_songs(plan(), ledger.scanned_files(number)).chosen[0]
    forged = ChosenSong(other.file_id, other.spec.model_copy(update={"track": 2, "name": "Track00002"}))
    assert ledger.plan_submission(number, [forged], []) is SubmissionState.ACTIVE
    assert [row.name for row in ledger.songs(number)] == ["Track00001"]


def test_failed_songs_are_tried_again_from_the_start_when_a_person_asks(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=2, parts=2)
    lease = worker.lease(limit=1)[0]
    for outcome in (Outcome.RETRY, Outcome.FAILED):
        assert ledger.fail_stem(worker.slot, lease, FailureReason.ALL_ZERO, "silent", infra=False).outcome is outcome
        leases = worker.lease(limit=1)
        lease = leases[0]
    finished: list[int] = []
    run_to_end(ledger, worker, number, reconciler(ledger, finished))
    assert ledger.submission(number).state is SubmissionState.FAILED
    assert ledger.status(number).error == "1 of 2 songs failed"
    assert finished == [number]
    assert ledger.retry_failed(number) == 1
    assert ledger.submission(number).state is SubmissionState.ACTIVE
    assert_counters_are_true(ledger)
    run_to_end(ledger, worker, number, reconciler(ledger, finished))
    status = ledger.status(number)
    assert (status.state, status.songs_done, status.stems_done, status.failures) == (SubmissionState.DONE, 2, 4, {})
    assert status.stem_audio_s == 40.0
    assert status.work_done == status.work_total
    assert finished == [number, number]
    assert_counters_are_true(ledger)
    assert ledger.retry_failed(number) == 0
    assert ledger.submission(number).state is SubmissionState.DONE


def test_no_submission_ends_while_a_song_is_open(ledger: Ledger) -> None:
    number, _ = rendering(ledger)
    with pytest.raises(LedgerError, match="still has open songs"):
        ledger.finish_submission(number)
    assert ledger.submission(number).state is SubmissionState.ACTIVE


def test_the_events_tell_the_life_of_a_submission(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid"])
    run_to_end(ledger, Worker(ledger), number)
    events = ledger.events(number)
    assert [event.kind for event in events] == ["created", "scanning", "active", "done"]
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert ledger.events(number, after=events[1].id, limit=1) == events[2:3]


def test_a_file_that_ends_its_scanner_is_found_and_rejected_and_no_other(ledger: Ledger) -> None:
    number = submit(ledger, [f"{index}.mid" for index in range(7)])
    worker = Worker(ledger)
    while (task := worker.claim()) is not None:
        if task.kind is TaskKind.SCAN and any(path == "4.mid" for _, path in ledger.task_files(task)):
            ledger.fail_task(task, FailureReason.TASK_FAILED, "it dies of it", infra=False)
        else:
            worker.do(task)
    assert [(failure.name, failure.reason) for failure in ledger.failures(number)] == [("4.mid", "unreadable")]
    assert ledger.status(number).files_scanned == 7
    assert {row.state for row in rows(ledger, TaskRow.state, kind=TaskKind.SCAN)} == {TaskState.DONE, TaskState.FAILED}
    run_to_end(ledger, worker, number)
    assert ledger.status(number).songs_done == 6
    assert {row.state for row in ledger.songs(number)} == {SongState.DONE}
    assert_counters_are_true(ledger)


def test_songs_that_are_composed_first_are_scanned_in_small_batches(ledger: Ledger) -> None:
    asked = ComposePlan(genres=["jazz"], count=2 * SCAN_COMPOSED + 1)
    number = submit(ledger, [f"{index:04d}" for index in range(asked.count)], source="", compose=asked)
    worker = Worker(ledger)
    sizes: list[int] = []
    held: list[int] = []
    while (task := ledger.claim_task(worker.slot, kinds=[TaskKind.SCAN], holding=held)) is not None:
        sizes.append(len(ledger.task_files(task)))
        held.append(task.task_id)
    assert sizes == [SCAN_COMPOSED, SCAN_COMPOSED, 1]
    assert ledger.status(number).files_total == asked.count
