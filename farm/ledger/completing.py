"""What follows when a task is done: its result is recorded, and what comes next is put, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select, update

from farm.ledger import limiting
from farm.ledger.anew import count_rejections, stand
from farm.ledger.bulk import update_rows
from farm.ledger.models import FileRow, SubmissionRow
from farm.ledger.parsed import plan_of
from farm.ledger.records import TaskRef
from farm.ledger.songs import count_warnings, fail_song, lock_song, move_song
from farm.ledger.stems import rerender
from farm.ledger.submissions import lock_submission, reject_file, scan_batch
from farm.ledger.tasks import Hold, end_task, hold_of
from farm.ledger.tx import Subject, Tx
from schemas.dataset import MixResult, TrackRecord
from schemas.errors import LedgerError
from schemas.patch import EngineFacts
from schemas.quality import REJECTIONS
from schemas.song import ComposedAnew, ScanResult, SplitResult
from schemas.states import EventKind, FailureReason, RejectReason, SongState, TaskKind, TaskState
from schemas.words import counted

#: Times that a song may be put together anew after its files were lost: more is a store that keeps nothing.
MAX_RETURNS = 3


def _begin(tx: Tx, task: TaskRef, kind: TaskKind) -> Hold:
    """Lock the task after what owns it, and say whose it is."""
    if task.kind is not kind:
        raise LedgerError(
            f"task {task.task_id} is a {task.kind.value}, not a {kind.value}",
            hint="Complete each task by its own method",
        )
    if task.song_id is None:
        lock_submission(tx, task.submission_id)
    else:
        lock_song(tx, task.song_id)
    hold = hold_of(tx, task)
    if hold is Hold.LOST:
        words = f"a report on {task.kind.value} task {task.task_id} came too late: it belonged to others by then"
        tx.event(EventKind.FENCED, words, submission_id=task.submission_id, song_id=task.song_id)
    return hold


def probe(tx: Tx, task: TaskRef, facts: EngineFacts) -> bool:
    """Record what a probe found."""
    hold = _begin(tx, task, TaskKind.PROBE)
    if hold is Hold.MINE:
        end_task(tx, task, TaskState.DONE)
        tx.conn.execute(
            update(SubmissionRow)
            .where(SubmissionRow.id == task.submission_id)
            .values(engine_facts=facts.model_dump_json())
        )
        _limit_patches(tx, task.submission_id, facts)
    return hold is not Hold.LOST


def _limit_patches(tx: Tx, submission_id: int, facts: EngineFacts) -> None:
    """See to it that no more instances of a plug-in are loaded than its licence allows, before the first one is."""
    text = tx.conn.execute(select(SubmissionRow.plan).where(SubmissionRow.id == submission_id)).scalar_one()
    instruments = plan_of(text).instruments.loaded
    if instruments is not None:
        limiting.put_of_patches(tx, instruments.patch_files, facts.patches)


def scan(tx: Tx, task: TaskRef, results: Sequence[ScanResult]) -> bool:
    """Record the fates of a batch of files.

    Raises:
        LedgerError: the results are not one for each file of the batch.
    """
    hold = _begin(tx, task, TaskKind.SCAN)
    if hold is not Hold.MINE:
        return hold is not Hold.LOST
    wanted = [file_id for file_id, _ in scan_batch(tx.conn, task.task_id)]
    if sorted(result.file_id for result in results) != wanted:
        raise LedgerError(
            f"scan {task.task_id} did not bring one result for each of its {counted(len(wanted), 'file')}",
            hint="Report on every file that task_files lists, and on no other",
        )
    end_task(tx, task, TaskState.DONE, units=len(results))
    for result in results:
        if result.facts is None:
            reason = result.reason or RejectReason.UNREADABLE
            reject_file(tx, task.submission_id, result.file_id, reason, result.detail)
    tried = [result for result in results if result.rejected]
    kept = [{"id": r.file_id, "rejected": REJECTIONS.dump_json(r.rejected).decode()} for r in tried]
    update_rows(tx.conn, FileRow, kept)
    for result in tried:
        count_rejections(tx, task.submission_id, result.rejected)
    read = [{"id": r.file_id, "facts": r.facts.model_dump_json()} for r in results if r.facts is not None]
    update_rows(tx.conn, FileRow, read)
    tx.count(task.submission_id, Subject.FILE, "scanned", len(read))
    return True


def split(tx: Tx, task: TaskRef, result: SplitResult, made: ComposedAnew | None = None) -> bool:
    """Record a song's parts, and what it is where it was composed anew."""
    hold = _begin(tx, task, TaskKind.SPLIT)
    if hold is Hold.MINE:
        end_task(tx, task, TaskState.DONE)
        song = lock_song(tx, _song_id(task))
        if made is not None:
            song = stand(tx, song, made)
        if not result.parts:
            fail_song(tx, song, FailureReason.NO_NOTES, "no part of it has a note")
            return True
        count_warnings(tx, task.submission_id, result)
        move_song(tx, song, SongState.DRAWING, split=result.model_dump_json())
    return hold is not Hold.LOST


def mix(tx: Tx, task: TaskRef, result: MixResult) -> bool:
    """Record a song's mix."""
    return _advance(tx, task, TaskKind.MIX, SongState.ANNOTATING, mix=result.model_dump_json())


def annotate(tx: Tx, task: TaskRef) -> bool:
    """Record that a song is annotated."""
    return _advance(tx, task, TaskKind.ANNOTATE, SongState.PUBLISHING)


def publish(tx: Tx, task: TaskRef, record: TrackRecord) -> bool:
    """Record a published song; its mixing facts are in the record and the dataset now."""
    return _advance(tx, task, TaskKind.PUBLISH, SongState.DONE, record=record.model_dump_json(), mix=None)


def _advance(tx: Tx, task: TaskRef, kind: TaskKind, to: SongState, **values: str | None) -> bool:
    hold = _begin(tx, task, kind)
    if hold is Hold.MINE:
        end_task(tx, task, TaskState.DONE)
        move_song(tx, lock_song(tx, _song_id(task)), to, **values)
    return hold is not Hold.LOST


def recognise(tx: Tx, task: TaskRef, record: TrackRecord, made: ComposedAnew | None = None) -> bool:
    """Record a song that was found published, in place of its split."""
    hold = _begin(tx, task, TaskKind.SPLIT)
    if hold is Hold.MINE:
        end_task(tx, task, TaskState.DONE, None, "it was found published")
        song = lock_song(tx, _song_id(task))
        if made is not None:
            song = stand(tx, song, made)
        move_song(tx, song, SongState.DONE, record=record.model_dump_json())
        words = f"{song.name}: it was found published and is not made again"
        tx.event(EventKind.RECOGNISED, words, submission_id=song.submission_id, song_id=song.id)
    return hold is not Hold.LOST


def return_stems(tx: Tx, task: TaskRef, stem_ids: Collection[int], detail: str) -> bool:
    """Send a song back from its mix to have stems rendered anew, since their files are lost or damaged.

    A stem that was lost too often fails the song.
    """
    hold = _begin(tx, task, TaskKind.MIX)
    if hold is not Hold.MINE:
        return hold is not Hold.LOST
    end_task(tx, task, TaskState.DONE, FailureReason.STORE_DAMAGED, detail)
    song = lock_song(tx, _song_id(task))
    count = rerender(tx, song, stem_ids, detail)
    if count:
        move_song(tx, song, SongState.RENDERING, stems_left=count)
    else:
        fail_song(tx, song, FailureReason.LOST_TOO_OFTEN, detail)
    return True


def return_song(tx: Tx, task: TaskRef, detail: str) -> bool:
    """Send a song back from annotation or publishing to be mixed anew, since its unpublished files are lost."""
    if task.kind not in (TaskKind.ANNOTATE, TaskKind.PUBLISH):
        raise LedgerError(
            f"task {task.task_id} is a {task.kind.value}", hint="Only annotation and publishing go back to the mix"
        )
    hold = _begin(tx, task, task.kind)
    if hold is not Hold.MINE:
        return hold is not Hold.LOST
    end_task(tx, task, TaskState.DONE, FailureReason.STORE_DAMAGED, detail)
    song = lock_song(tx, _song_id(task))
    if song.returns < MAX_RETURNS:
        move_song(tx, song, SongState.MIXING, returns=song.returns + 1, mix=None)
    else:
        fail_song(tx, song, FailureReason.LOST_TOO_OFTEN, detail)
    return True


def _song_id(task: TaskRef) -> int:
    if task.song_id is None:
        raise LedgerError(f"task {task.task_id} belongs to no song", hint="Pass the reference that claim_task returned")
    return task.song_id
