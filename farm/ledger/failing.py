"""What follows when a task fails, or is lost with its slot."""

from __future__ import annotations

from farm.ledger.records import Outcome, TaskRef
from farm.ledger.retry import History, Retry, decide
from farm.ledger.songs import fail_song, lock_song
from farm.ledger.submissions import end_submission, lock_submission, reject_file, scan_batch
from farm.ledger.tasks import Hold, NewTask, close_tasks, counts_of, end_task, free_task, hold_of, put_tasks
from farm.ledger.tx import Tx
from schemas.states import FailureReason, RejectReason, SubmissionState, TaskKind, TaskState


def fail(tx: Tx, task: TaskRef, reason: FailureReason, detail: str, *, infra: bool, blame: bool = True) -> Outcome:
    """Apply the retry policy to a task whose try failed, and end what cannot go on without it.

    Without `blame` nothing is counted: the task is free as if it had never been claimed.
    """
    _lock_owner(tx, task)
    if hold_of(tx, task) is not Hold.MINE:
        return Outcome.FENCED
    tries, losses = counts_of(tx, task)
    retry = Retry(again=True, tries=tries, losses=losses, reason=reason)
    if blame:
        retry = decide(reason, History(tries=tries, losses=losses), infra=infra)
    if retry.again:
        free_task(tx, task, tries=retry.tries, losses=retry.losses, reason=retry.reason, detail=detail)
        return Outcome.RETRY
    return _fail_for_good(tx, task, retry.reason, detail)


def _lock_owner(tx: Tx, task: TaskRef) -> None:
    if task.song_id is None:
        lock_submission(tx, task.submission_id)
    else:
        lock_song(tx, task.song_id)


def _fail_for_good(tx: Tx, task: TaskRef, reason: FailureReason, detail: str) -> Outcome:
    if task.kind is TaskKind.SCAN:
        return _narrow_scan(tx, task, detail)
    end_task(tx, task, TaskState.FAILED, reason, detail)
    if task.song_id is not None:
        fail_song(tx, lock_song(tx, task.song_id), reason, detail)
    else:
        close_tasks(tx, task.submission_id)
        end_submission(tx, task.submission_id, SubmissionState.FAILED, reason, detail)
    return Outcome.FAILED


def _narrow_scan(tx: Tx, task: TaskRef, detail: str) -> Outcome:
    """Halve a batch of files whose scan failed for good, until the one file at fault is alone and can be rejected."""
    ids = [file_id for file_id, _ in scan_batch(tx.conn, task.task_id)]
    if len(ids) < 2:
        end_task(tx, task, TaskState.FAILED, FailureReason.TASK_FAILED, detail)
        for file_id in ids:
            reject_file(tx, task.submission_id, file_id, RejectReason.UNREADABLE, f"its scan failed: {detail}")
        return Outcome.FAILED
    half = len(ids) // 2
    free_task(tx, task, tries=0, losses=0, reason=FailureReason.TASK_FAILED, detail=detail, last_file=ids[half - 1])
    put_tasks(tx, task.submission_id, [NewTask(TaskKind.SCAN, ids[half], ids[-1])])
    return Outcome.RETRY


def free_unasked(tx: Tx, task: TaskRef, detail: str, *, blame: bool) -> bool:
    """Take a task from a slot that is gone or has forgotten it; False when the slot had ended it by then."""
    return fail(tx, task, FailureReason.SLOT_LOST, detail, infra=True, blame=blame) is not Outcome.FENCED
