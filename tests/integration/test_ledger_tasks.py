"""Tasks are claimed, completed, fenced, failed and sent back, on both databases."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from farm.ledger import Ledger, Outcome, SlotRef, TaskRef
from farm.ledger.completing import MAX_RETURNS
from farm.ledger.models import AttemptRow, SongRow, StemRow, TaskRow
from farm.ledger.retry import MAX_LOSSES
from schemas.errors import LedgerError, UnknownIdError
from schemas.song import ScanResult
from schemas.states import FailureReason, SongState, StemState, SubmissionState, TaskKind, TaskState
from tests.support.ledgers import (
    Worker,
    assert_counters_are_true,
    commit_of,
    engine_facts,
    mix_result,
    new_slot,
    reconciler,
    rendering,
    rows,
    run_to_end,
    song_facts,
    split_result,
    submit,
    track_record,
)

#: Quiet for so many seconds is also what was announced in this very millisecond.
AT_ONCE = -1.0
#: The kinds of song tasks in the order of a song's life, and the states before and after each.
LIFE = [
    (TaskKind.SPLIT, SongState.SPLITTING, SongState.DRAWING),
    (TaskKind.MIX, SongState.MIXING, SongState.ANNOTATING),
    (TaskKind.ANNOTATE, SongState.ANNOTATING, SongState.PUBLISHING),
    (TaskKind.PUBLISH, SongState.PUBLISHING, SongState.DONE),
]


def _bring_to(ledger: Ledger, kind: TaskKind, songs: int = 1) -> tuple[int, Worker, TaskRef]:
    """Bring a submission to where the first task of a kind is claimed."""
    number = submit(ledger, [f"{index}.mid" for index in range(songs)])
    worker, chief = Worker(ledger), reconciler(ledger)
    while (task := worker.claim()) is None or task.kind is not kind:
        if task is not None:
            worker.do(task)
        elif not worker.step():
            chief.tick()
    return number, worker, task


def _complete(ledger: Ledger, task: TaskRef) -> bool:
    calls: dict[TaskKind, Callable[[], bool]] = {
        TaskKind.PROBE: lambda: ledger.complete_probe(task, engine_facts()),
        TaskKind.SCAN: lambda: ledger.complete_scan(
            task, [ScanResult(file_id=file_id, facts=song_facts(path)) for file_id, path in ledger.task_files(task)]
        ),
        TaskKind.SPLIT: lambda: ledger.complete_split(task, split_result("x")),
        TaskKind.MIX: lambda: ledger.complete_mix(task, mix_result()),
        TaskKind.ANNOTATE: lambda: ledger.complete_annotate(task),
        TaskKind.PUBLISH: lambda: ledger.complete_publish(task, track_record("Track00001", "0.mid", "0" * 64, 5)),
    }
    return calls[task.kind]()


@pytest.mark.parametrize(("kind", "before", "after"), LIFE)
def test_a_song_task_moves_its_song_and_puts_the_next_in_one_step(
    ledger: Ledger, kind: TaskKind, before: SongState, after: SongState
) -> None:
    number, _, task = _bring_to(ledger, kind)
    assert ledger.songs(number)[0].state is before
    assert _complete(ledger, task)
    assert ledger.songs(number)[0].state is after
    states = {row.kind: row.state for row in rows(ledger, TaskRow.kind, TaskRow.state)}
    assert states[kind] is TaskState.DONE
    following = {before: kind for kind, before, _ in LIFE}.get(after)
    assert [kind for kind, state in states.items() if state is TaskState.READY] == (
        [] if following is None else [following]
    )
    assert_counters_are_true(ledger)


@pytest.mark.parametrize("kind", list(TaskKind))
def test_a_report_that_is_sent_again_is_accepted_and_changes_nothing(ledger: Ledger, kind: TaskKind) -> None:
    number, _, task = _bring_to(ledger, kind)
    assert _complete(ledger, task)
    before = (
        ledger.status(number).songs,
        ledger.status(number).warnings,
        rows(ledger, TaskRow.id, TaskRow.state, TaskRow.epoch),
    )
    assert _complete(ledger, task) or kind is TaskKind.SCAN
    assert before == (
        ledger.status(number).songs,
        ledger.status(number).warnings,
        rows(ledger, TaskRow.id, TaskRow.state, TaskRow.epoch),
    )
    assert_counters_are_true(ledger)


@pytest.mark.parametrize("kind", list(TaskKind))
def test_a_report_of_a_slot_that_lost_its_task_changes_nothing(ledger: Ledger, kind: TaskKind) -> None:
    number, worker, task = _bring_to(ledger, kind)
    results = [ScanResult(file_id=file_id, facts=song_facts(path)) for file_id, path in ledger.task_files(task)]
    ledger.expire_host_slots("here", live_pids=[])
    before = (ledger.songs(number), ledger.submission(number), rows(ledger, TaskRow.id, TaskRow.state, TaskRow.epoch))
    landed = ledger.complete_scan(task, results) if kind is TaskKind.SCAN else _complete(ledger, task)
    assert not landed
    assert ledger.fail_task(task, FailureReason.TASK_FAILED, "late", infra=False) is Outcome.FENCED
    other = new_slot(ledger, pid=2)
    again = ledger.claim_task(other, kinds=[kind])
    assert again is not None
    assert (again.task_id, again.epoch) == (task.task_id, task.epoch + 1)
    assert not (ledger.complete_scan(task, results) if kind is TaskKind.SCAN else _complete(ledger, task))
    assert ledger.songs(number) == before[0]
    assert ledger.submission(number) == before[1]
    assert _complete(ledger, again)
    assert worker.claim() is None, "a slot that was given up gets nothing"
    assert_counters_are_true(ledger)


def test_what_finishes_songs_is_taken_first(ledger: Ledger) -> None:
    rendering(ledger, songs=2)
    submit(ledger, ["z.mid"], out_dir="other")
    worker = Worker(ledger)
    kinds = []
    worker.render()
    while (task := worker.claim()) is not None:
        kinds.append(task.kind)
        worker.do(task)
    assert kinds == [*[TaskKind.MIX, TaskKind.ANNOTATE, TaskKind.PUBLISH] * 2, TaskKind.PROBE, TaskKind.SCAN]


def test_a_claim_can_ask_for_a_kind_a_submission_or_one_task(ledger: Ledger) -> None:
    one, two = submit(ledger, ["a.mid"], out_dir="a"), submit(ledger, ["b.mid"], out_dir="b")
    slot = new_slot(ledger)
    probe = ledger.claim_task(slot, submission_id=two)
    assert probe is not None
    assert (probe.kind, probe.submission_id, probe.song_id) == (TaskKind.PROBE, two, None)
    held = [probe.task_id]
    scan = ledger.claim_task(slot, kinds=[TaskKind.SCAN, TaskKind.MIX], holding=held)
    assert scan is not None
    assert (scan.kind, scan.submission_id) == (TaskKind.SCAN, one)
    held.append(scan.task_id)
    assert ledger.claim_task(slot, kinds=[TaskKind.MIX], holding=held) is None
    other = next(row.id for row in rows(ledger, TaskRow.id, submission_id=two, kind=TaskKind.SCAN))
    named = ledger.claim_task(slot, task_id=other, holding=held)
    assert named is not None
    assert named.task_id == other
    assert ledger.claim_task(slot, task_id=other, holding=[*held, other]) is None, "it runs already"
    assert ledger.claim_task(new_slot(ledger, 2), task_id=other) is None, "it runs elsewhere"
    assert ledger.claim_task(slot, task_id=9999, holding=[*held, other]) is None


def test_a_slot_that_asks_for_other_work_has_lost_what_it_had(ledger: Ledger) -> None:
    submit(ledger, ["a.mid"])
    slot = new_slot(ledger)
    first = ledger.claim_task(slot, kinds=[TaskKind.PROBE])
    second = ledger.claim_task(slot, kinds=[TaskKind.PROBE])
    assert first is not None
    assert second is not None
    assert (second.task_id, second.epoch) == (first.task_id, first.epoch + 1)
    assert [row.losses for row in rows(ledger, TaskRow.losses, id=first.task_id)] == [1]


def test_a_scan_must_report_on_each_of_its_files(ledger: Ledger) -> None:
    number = submit(ledger, ["a.mid", "b.mid"])
    worker = Worker(ledger)
    task = worker.claim(TaskKind.SCAN)
    assert task is not None
    one = worker.scan(*ledger.task_files(task)[0])
    for results in ([], [one], [one, one]):
        with pytest.raises(LedgerError, match="one result for each of its 2 files"):
            ledger.complete_scan(task, results)
    assert ledger.status(number).files_scanned == 0
    assert worker.do(task)
    assert ledger.status(number).files_scanned == 2


def test_a_task_is_completed_by_its_own_method_only(ledger: Ledger) -> None:
    submit(ledger, ["a.mid"])
    task = Worker(ledger).claim(TaskKind.PROBE)
    assert task is not None
    with pytest.raises(LedgerError, match="is a probe, not a mix"):
        ledger.complete_mix(task, mix_result())
    with pytest.raises(UnknownIdError, match="belongs to no song"):
        ledger.song_for(task)


@pytest.mark.parametrize("kind", [kind for kind, _, _ in LIFE])
def test_a_song_task_that_fails_twice_fails_its_song_with_the_reason(ledger: Ledger, kind: TaskKind) -> None:
    number, worker, task = _bring_to(ledger, kind)
    assert ledger.fail_task(task, FailureReason.UNREADABLE, "odd", infra=False) is Outcome.RETRY
    assert ledger.songs(number)[0].state is not SongState.FAILED
    again = worker.claim(kind)
    assert again is not None
    assert (again.task_id, again.tries) == (task.task_id, 1)
    assert ledger.fail_task(again, FailureReason.UNREADABLE, "still odd", infra=False) is Outcome.FAILED
    song = ledger.songs(number)[0]
    assert (song.state, song.reason, song.detail) == (SongState.FAILED, "unreadable", "still odd")
    assert [(f.kind, f.name, f.reason, f.detail) for f in ledger.failures(number)] == [
        ("song", "Track00001", "unreadable", "still odd")
    ]
    run_to_end(ledger, worker, number)
    assert ledger.submission(number).state is SubmissionState.FAILED
    assert ledger.status(number).failures == {"unreadable": 1}
    assert_counters_are_true(ledger)


def test_tries_lost_by_nobodys_fault_are_free_up_to_a_limit(ledger: Ledger) -> None:
    number, worker, task = _bring_to(ledger, TaskKind.MIX)
    for _ in range(MAX_LOSSES):
        assert ledger.fail_task(task, FailureReason.DISK_FULL, "no room", infra=True) is Outcome.RETRY
        claimed = worker.claim(TaskKind.MIX)
        assert claimed is not None
        task = claimed
    assert ledger.fail_task(task, FailureReason.DISK_FULL, "no room", infra=True) is Outcome.FAILED
    assert ledger.songs(number)[0].reason == FailureReason.LOST_TOO_OFTEN
    attempts = rows(ledger, AttemptRow.outcome, AttemptRow.reason, task_id=task.task_id)
    assert [(row.outcome, row.reason) for row in attempts] == [
        *[("failed", "disk_full")] * MAX_LOSSES, ("failed", "lost_too_often"),
    ]  # fmt: skip


def test_a_song_without_a_part_fails_by_name(ledger: Ledger) -> None:
    number, _, task = _bring_to(ledger, TaskKind.SPLIT)
    assert ledger.complete_split(task, split_result("x", parts=0))
    assert (ledger.songs(number)[0].state, ledger.songs(number)[0].reason) == (SongState.FAILED, "no_notes")
    assert_counters_are_true(ledger)


def test_the_warnings_of_a_split_are_counted_once(ledger: Ledger) -> None:
    number, _, task = _bring_to(ledger, TaskKind.SPLIT)
    result = split_result("x", warnings={"hanging_notes": 3, "sysex_ignored": 1})
    assert ledger.complete_split(task, result)
    assert ledger.complete_split(task, result)
    assert ledger.status(number).warnings == {"hanging_notes": 3, "sysex_ignored": 1}


def test_a_worker_is_told_everything_of_its_song(ledger: Ledger) -> None:
    number, worker, task = _bring_to(ledger, TaskKind.SPLIT)
    work = ledger.song_for(task)
    assert (work.song.name, work.song.source, work.song.facts) == ("Track00001", "0.mid", song_facts("0.mid"))
    assert (work.plan, work.engine) == (ledger.submission(number).plan, engine_facts())
    assert (work.source_root, work.out_dir, work.store_root) == ("midi", "out", "store")
    assert (work.split, work.parts, work.stems, work.mix) == (None, [], [], None)
    worker.do(task)
    reconciler(ledger).tick()
    worker.render()
    mixing = worker.claim(TaskKind.MIX)
    assert mixing is not None
    work = ledger.song_for(mixing)
    assert [stem.part for stem in work.stems] == work.parts == split_result(work.song.song_hash).parts
    assert all(stem.result.spec_hash == stem.job.spec_hash for stem in work.stems)
    assert all(stem.job.midi_sha256 == stem.part.midi_sha256 for stem in work.stems)
    worker.do(mixing)
    annotating = worker.claim(TaskKind.ANNOTATE)
    assert annotating is not None
    assert ledger.song_for(annotating).mix == mix_result()


def test_a_message_is_sent_for_each_ready_task_and_again_when_it_stays_quiet(ledger: Ledger) -> None:
    submit(ledger, ["a.mid"])
    first = ledger.tasks_to_announce(quiet_s=60)
    assert [kind for _, kind in first] == [TaskKind.PROBE, TaskKind.SCAN]
    assert ledger.tasks_to_announce(quiet_s=60) == []
    assert ledger.tasks_to_announce(quiet_s=AT_ONCE) == first
    slot = new_slot(ledger)
    task = ledger.claim_task(slot, task_id=first[0][0])
    assert task is not None
    assert ledger.tasks_to_announce(quiet_s=AT_ONCE) == first[1:]
    ledger.fail_task(task, FailureReason.TASK_FAILED, "once", infra=False)
    assert ledger.tasks_to_announce(quiet_s=60) == first[:1], "a task that is free again is announced at once"


def test_lost_stems_are_rendered_anew_and_the_song_mixed_again(ledger: Ledger) -> None:
    number, worker, task = _bring_to(ledger, TaskKind.MIX)
    lost = [stem.stem_id for stem in ledger.song_for(task).stems[1:3]]
    assert ledger.return_stems(task, lost, "S01 is short")
    assert ledger.return_stems(task, lost, "S01 is short"), "sent again it is accepted, and changes nothing"
    assert ledger.songs(number)[0].state is SongState.RENDERING
    assert ledger.status(number).stem_audio_s == 30.0
    leases = worker.lease(limit=16)
    leases += worker.lease(limit=16, holding=[lease.stem_id for lease in leases])
    assert sorted(lease.stem_id for lease in leases) == lost
    assert ledger.commit_stems(worker.slot, [commit_of(lease) for lease in leases]) == [True, True]
    again = worker.claim(TaskKind.MIX)
    assert again is not None
    assert len(ledger.song_for(again).stems) == 5
    worker.do(again)
    run_to_end(ledger, worker, number)
    assert ledger.status(number).stem_audio_s == 50.0
    assert ledger.songs(number)[0].state is SongState.DONE
    assert_counters_are_true(ledger)


def test_a_store_that_keeps_losing_a_stem_fails_the_song(ledger: Ledger) -> None:
    number, worker, task = _bring_to(ledger, TaskKind.MIX)
    stem = ledger.song_for(task).stems[0].stem_id
    for _ in range(MAX_LOSSES):
        assert ledger.return_stems(task, [stem], "gone again")
        worker.render()
        claimed = worker.claim(TaskKind.MIX)
        assert claimed is not None
        task = claimed
    assert ledger.return_stems(task, [stem], "gone again")
    assert (ledger.songs(number)[0].state, ledger.songs(number)[0].reason) == (SongState.FAILED, "lost_too_often")
    assert_counters_are_true(ledger)


@pytest.mark.parametrize("kind", [TaskKind.ANNOTATE, TaskKind.PUBLISH])
def test_a_song_whose_unpublished_files_are_lost_is_mixed_anew_but_not_for_ever(ledger: Ledger, kind: TaskKind) -> None:
    number, worker, task = _bring_to(ledger, kind)
    for returned in range(MAX_RETURNS + 1):
        assert ledger.return_song(task, "its folder is gone")
        if returned < MAX_RETURNS:
            assert ledger.songs(number)[0].state is SongState.MIXING
            while (claimed := worker.claim()) is not None and claimed.kind is not kind:
                worker.do(claimed)
            assert claimed is not None
            task = claimed
    assert (ledger.songs(number)[0].state, ledger.songs(number)[0].reason) == (SongState.FAILED, "lost_too_often")
    assert_counters_are_true(ledger)


def test_a_mix_cannot_be_sent_back_to_itself(ledger: Ledger) -> None:
    _, _, task = _bring_to(ledger, TaskKind.MIX)
    with pytest.raises(LedgerError, match="is a mix"):
        ledger.return_song(task, "odd")


def test_a_failed_song_takes_its_open_work_with_it(ledger: Ledger) -> None:
    number, worker = rendering(ledger, songs=2)
    leases = worker.lease(limit=2)
    song_id = leases[0].song_id
    ledger.fail_stem(worker.slot, leases[0], FailureReason.ENGINE_CRASH, "boom", infra=False)
    again = worker.lease(limit=1, holding=[leases[1].stem_id])[0]
    assert again.stem_id == leases[0].stem_id
    ledger.fail_stem(worker.slot, again, FailureReason.ENGINE_CRASH, "boom", infra=False)
    assert {row.state for row in rows(ledger, StemRow.state, song_id=song_id)} == {
        StemState.FAILED,
        StemState.CANCELLED,
    }
    assert [row.state for row in rows(ledger, SongRow.state, id=song_id)] == [SongState.FAILED]
    assert ledger.commit_stems(worker.slot, [commit_of(leases[1])]) == [False]
    run_to_end(ledger, Worker(ledger), number)
    assert ledger.status(number).songs == {"done": 1, "failed": 1}
    assert_counters_are_true(ledger)


def test_a_reference_without_a_ledger_row_is_fenced(ledger: Ledger) -> None:
    number, _, task = _bring_to(ledger, TaskKind.MIX)
    forged = TaskRef(task_id=9999, kind=TaskKind.MIX, epoch=1, submission_id=number, song_id=task.song_id, tries=0)
    assert not ledger.complete_mix(forged, mix_result())
    assert ledger.claim_task(SlotRef(id=9999, epoch=1, engine="fluidsynth")) is None
