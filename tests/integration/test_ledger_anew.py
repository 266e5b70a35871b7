"""Composed songs that are thrown away and composed anew, on both databases: what is kept, counted, fenced and ended."""

from __future__ import annotations

from typing import Any

import pytest

from farm.ledger import Ledger, TaskRef
from farm.ledger.models import FileRow, SongRow, StemRow
from farm.planning.draw import draw_stems
from schemas.compose import COMPOSED, path_of
from schemas.errors import LedgerError
from schemas.quality import Flaw, Rejection
from schemas.song import ComposedAnew, ScanResult, SongFacts
from schemas.states import EventKind, FailureReason, RejectReason, SongState, SubmissionState, TaskKind
from tests.support.composing import genre
from tests.support.ledgers import (
    Worker,
    assert_counters_are_true,
    engine_facts,
    mix_result,
    plan,
    reconciler,
    rows,
    run_to_end,
    song_facts,
    split_result,
)


def rejection(attempt: int, flaw: Flaw = Flaw.LOW_AUDIO_SCORE) -> Rejection:
    """Return what is kept of a try; without a score of its audio it was not played."""
    late = {"audio": AUDIO} if flaw is Flaw.LOW_AUDIO_SCORE else {}
    return Rejection.model_validate({"attempt": attempt, "flaws": [flaw], "score": 0.4, "detail": "too low", **late})


AUDIO: dict[str, Any] = {
    "version": 1, "score": 0.4, "tempo": 0.4, "harmony": 0.4, "rhythm": 0.4, "noise": 1, "spectrum": 1,
    "clipping_share": 0, "dc_offset": 0, "silence_share": 0, "gaps_per_s": 0, "crest_db": 12,
}  # fmt: skip


def facts_of(attempt: int, **values: Any) -> SongFacts:
    return song_facts(("try", attempt), **{"parts": 3, **values})


class Composing(Worker):
    """A slot whose songs are other ones with each try; `rejects` says how many mixes of a song score too low."""

    def __init__(self, ledger: Ledger, rejects: int = 0, **facts: Any) -> None:
        super().__init__(ledger, parts=3)
        self.rejects = rejects
        self.facts = facts

    def do(self, task: TaskRef) -> bool:
        """Do a task and report it."""
        if task.kind not in (TaskKind.SPLIT, TaskKind.ANNOTATE):
            return super().do(task)
        tried = self.ledger.song_for(task).song.rejected
        if task.kind is TaskKind.ANNOTATE and len(tried) < self.rejects:
            return self.ledger.reject_try(task, [*tried, rejection(len(tried))])
        if task.kind is TaskKind.SPLIT and tried:
            facts = facts_of(len(tried), **self.facts)
            made = ComposedAnew(facts=facts, rejected=tried)
            return self.ledger.complete_split(task, split_result(facts.song_hash, parts=3), made)
        return super().do(task)


def submit(ledger: Ledger, *, tries: int = 4, **values: Any) -> int:
    """Submit one composed song."""
    asked = plan(source="", compose={"genres": [genre()], "tries": tries}, **values)
    number = ledger.create_submission(asked, source_root=COMPOSED, out_dir="out", store_root="store")
    ledger.add_files(number, [path_of(0)])
    ledger.seal(number)
    return number


def rejected(ledger: Ledger, number: int) -> list[tuple[int, str]]:
    """Return number and reason of each try at the one song that was thrown away."""
    (song,) = ledger.songs(number)
    return [(item["attempt"], *item["flaws"]) for item in song.rejected]


def at_annotation(ledger: Ledger, worker: Worker) -> TaskRef:
    """Bring the song to its annotation, and take that."""
    chief = reconciler(ledger)
    for _ in range(20):
        task = worker.claim(TaskKind.ANNOTATE)
        if task is not None:
            return task
        for kind in (TaskKind.PROBE, TaskKind.SCAN, TaskKind.SPLIT, TaskKind.MIX):
            worker.work(kind)
        worker.render()
        chief.tick()
    message = "the song was never mixed"
    raise AssertionError(message)


def test_the_next_try_is_made_from_the_split_on_and_all_are_kept_and_counted(ledger: Ledger) -> None:
    number, worker = submit(ledger), Composing(ledger, rejects=2)
    run_to_end(ledger, worker, number)
    status = ledger.status(number)
    assert (status.state, status.songs_done, status.stems) == (SubmissionState.DONE, 1, {"done": 3})
    assert status.rejected_tries == {"low_audio_score": 2}
    assert rejected(ledger, number) == [(0, "low_audio_score"), (1, "low_audio_score")]
    (song,) = rows(ledger, SongRow.song_hash, SongRow.work_s, SongRow.cluster)
    assert song.song_hash == facts_of(2).song_hash != song.cluster
    assert (status.work_total, status.work_done) == (song.work_s, song.work_s)
    assert [track.song_sha256 for track in ledger.finished_tracks(number)] == [song.song_hash]
    assert len([event for event in ledger.events(number) if event.kind == EventKind.COMPOSED_ANEW]) == 2
    assert ledger.failures(number) == []
    assert ledger.audit() == []
    assert_counters_are_true(ledger)


def test_a_rejected_try_is_taken_back_in_one_step(ledger: Ledger) -> None:
    number, worker = submit(ledger), Composing(ledger)
    task = at_annotation(ledger, worker)
    before = ledger.song_for(task)
    assert len(before.stems) == 3
    assert ledger.reject_try(task, [rejection(0)])
    (song,) = rows(ledger, SongRow.state, SongRow.split, SongRow.mix, SongRow.stems_total, SongRow.stems_left)
    assert tuple(song) == (SongState.SPLITTING, None, None, 0, 0)
    assert rows(ledger, StemRow.id) == []
    assert ledger.audit() == []
    again = worker.claim()
    assert again is not None
    assert again.kind is TaskKind.SPLIT
    assert ledger.song_for(again).song.rejected == [rejection(0)]
    assert ledger.status(number).stems == {}
    assert ledger.status(number).stem_audio_s == 0


def test_a_report_that_came_before_or_too_late_changes_nothing(ledger: Ledger) -> None:
    number, worker = submit(ledger), Composing(ledger)
    task = at_annotation(ledger, worker)
    ledger.expire_slots(0.0)
    assert ledger.reject_try(task, [rejection(0)]) is False, "it belonged to nobody"
    assert rejected(ledger, number) == []
    other = Composing(ledger)
    task = at_annotation(ledger, other)
    assert ledger.reject_try(task, [rejection(0)]) is True
    assert ledger.reject_try(task, [rejection(0)]) is True, "it landed before"
    assert ledger.status(number).rejected_tries == {"low_audio_score": 1}
    assert ledger.complete_annotate(task) is True
    assert rows(ledger, SongRow.state)[0].state is SongState.SPLITTING
    split = other.claim(TaskKind.SPLIT)
    assert split is not None
    assert other.do(split)
    with pytest.raises(LedgerError, match="Only split and annotation"):
        ledger.reject_try(TaskRef(1, TaskKind.MIX, 1, number, 1, 0), [])
    assert ledger.audit() == []


def test_when_the_tries_are_used_up_the_song_fails_with_what_all_came_to(ledger: Ledger) -> None:
    number, worker = submit(ledger, tries=3), Composing(ledger, rejects=9)
    run_to_end(ledger, worker, number)
    (failure,) = ledger.failures(number)
    assert failure.reason == FailureReason.LOW_SCORE
    assert failure.detail == "too low; composed 3 times: " + "; ".join(["low_audio_score (0.40)"] * 3)
    assert [attempt for attempt, _ in rejected(ledger, number)] == [0, 1, 2]
    assert ledger.status(number).stems == {"done": 3}, "what the last try left can be found and removed"
    assert ledger.audit() == []
    assert ledger.requeue(number) == 1
    assert rejected(ledger, number) == [(0, "low_audio_score"), (1, "low_audio_score")], "the last try is made again"
    run_to_end(ledger, worker, number)
    assert ledger.failures(number) == [failure]
    assert ledger.status(number).rejected_tries == {"low_audio_score": 3}
    assert ledger.status(number).stems == {"done": 3}
    worker.rejects = 2
    assert ledger.requeue(number) == 1
    run_to_end(ledger, worker, number)
    assert [track.song_sha256 for track in ledger.finished_tracks(number)] == [facts_of(2).song_hash]
    assert ledger.audit() == []


def test_tries_before_a_song_is_played_count_too_and_are_kept_of_refused_songs(ledger: Ledger) -> None:
    number, worker = submit(ledger, tries=2), Composing(ledger, rejects=9)
    worker.work(TaskKind.PROBE)
    task = worker.claim(TaskKind.SCAN)
    assert task is not None
    ((file_id, _),) = ledger.task_files(task)
    tried = [rejection(0, Flaw.STUCK_MELODY)]
    assert ledger.complete_scan(task, [ScanResult(file_id=file_id, facts=facts_of(1), rejected=tried)])
    run_to_end(ledger, worker, number)
    assert rejected(ledger, number) == [(0, "stuck_melody"), (1, "low_audio_score")]
    assert ledger.status(number).rejected_tries == {"stuck_melody": 1, "low_audio_score": 1}
    assert ledger.status(number).failures == {"low_score": 1}
    assert ledger.audit() == []


def test_a_song_that_is_refused_by_the_scan_keeps_its_tries(ledger: Ledger) -> None:
    number, worker = submit(ledger), Composing(ledger)
    worker.work(TaskKind.PROBE)
    task = worker.claim(TaskKind.SCAN)
    assert task is not None
    ((file_id, _),) = ledger.task_files(task)
    tried = [rejection(0, Flaw.STUCK_MELODY), rejection(1, Flaw.LOW_SCORE)]
    ledger.complete_scan(task, [ScanResult(file_id=file_id, reason=RejectReason.LOW_SCORE, rejected=tried)])
    assert ledger.status(number).rejected_tries == {"low_score": 1, "stuck_melody": 1}
    assert rows(ledger, FileRow.reason)[0].reason == "low_score"
    assert ledger.audit() == []


def test_what_is_composed_anew_must_pass_the_filters_of_the_plan_as_well(ledger: Ledger) -> None:
    filters = {"min_duration_s": 0, "min_parts": 1, "min_notes": 50}
    number, worker = submit(ledger, filters=filters), Composing(ledger, rejects=1, notes=10)
    run_to_end(ledger, worker, number)
    assert rejected(ledger, number) == [(0, "low_audio_score"), *((n, "outside_filters") for n in (1, 2, 3))]
    (failure,) = ledger.failures(number)
    assert failure.detail.startswith("too_few_notes: 10 notes, at least 50 are wanted; composed 4 times")
    assert ledger.audit() == []


def test_patches_that_were_drawn_for_an_earlier_try_are_refused(ledger: Ledger) -> None:
    number, worker = submit(ledger), Composing(ledger)
    chief = reconciler(ledger)
    for kind in (TaskKind.PROBE, TaskKind.SCAN):
        worker.work(kind)
    for _ in range(2):
        chief.tick()
    worker.work(TaskKind.SPLIT)
    (old,) = ledger.undrawn_songs(number, 9)
    drawn = draw_stems(ledger.submission(number).plan, engine_facts(), old.split, old.spec.song_hash)
    assert ledger.reject_split(old.song_id, [rejection(0)]) is True
    assert ledger.reject_split(old.song_id, [rejection(0)]) is False, "it is being split"
    worker.work(TaskKind.SPLIT)
    assert ledger.reject_split(old.song_id, [rejection(0)]) is False, "it is another try by now"
    assert ledger.draw_song(old.song_id, drawn) is False
    assert rows(ledger, StemRow.id) == []
    run_to_end(ledger, worker, number, chief)
    assert ledger.submission(number).state is SubmissionState.DONE
    assert ledger.audit() == []


def test_a_song_that_failed_otherwise_is_tried_again_as_the_try_that_it_was(ledger: Ledger) -> None:
    number, worker = submit(ledger), Composing(ledger, rejects=1)
    task = at_annotation(ledger, worker)
    assert worker.do(task)
    worker.work(TaskKind.SPLIT)
    reconciler(ledger).tick()
    worker.render()
    mix = worker.claim(TaskKind.MIX)
    assert mix is not None
    ledger.complete_mix(mix, mix_result())
    annotate = worker.claim(TaskKind.ANNOTATE)
    assert annotate is not None
    for _ in range(9):
        if ledger.fail_task(annotate, FailureReason.TASK_FAILED, "broken", infra=False).value == "failed":
            break
        annotate = worker.claim(TaskKind.ANNOTATE)
        assert annotate is not None
    run_to_end(ledger, worker, number)
    assert ledger.requeue(number) == 1
    run_to_end(ledger, worker, number)
    assert rejected(ledger, number) == [(0, "low_audio_score")]
    assert [track.song_sha256 for track in ledger.finished_tracks(number)] == [facts_of(1).song_hash]
    assert ledger.audit() == []
