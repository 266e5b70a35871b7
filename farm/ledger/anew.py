"""Composed songs whose try was thrown away: the next one is composed, and every rejection is kept and counted.

A try may fail before it is played (the scan and the split tell), where the plan's filters refuse what was written anew (the
draw tells), or when its mix scores too low (the annotation tells). All count together against `compose.tries`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, select, update

from farm.ledger.models import FileRow, SongRow, SubmissionRow
from farm.ledger.parsed import plan_of
from farm.ledger.records import TaskRef
from farm.ledger.songs import SongHead, count_warnings, fail_song, lock_song, move_song, rejections_of, split_of
from farm.ledger.stemrows import remove_stems
from farm.ledger.tasks import Hold, end_task, hold_of
from farm.ledger.tx import Subject, Tx
from schemas.errors import LedgerError
from schemas.quality import REJECTIONS, Rejection, in_words
from schemas.song import ComposedAnew
from schemas.states import EventKind, FailureReason, SongState, TaskKind, TaskState


def reject_try(tx: Tx, task: TaskRef, rejected: Sequence[Rejection]) -> bool:
    """From a split or an annotation: throw the try away that a song is; False when the task was somebody else's by then.

    Args:
        tx: the transaction.
        task: that found it out.
        rejected: all tries at the song, from the first to this one.
    """
    if task.kind not in (TaskKind.SPLIT, TaskKind.ANNOTATE) or task.song_id is None:
        raise LedgerError(f"task {task.task_id} is a {task.kind.value}", hint="Only split and annotation reject a song")
    song = lock_song(tx, task.song_id)
    hold = hold_of(tx, task)
    if hold is Hold.LOST:
        words = f"a report on {task.kind.value} task {task.task_id} came too late: it belonged to others by then"
        tx.event(EventKind.FENCED, words, submission_id=task.submission_id, song_id=task.song_id)
    if hold is Hold.MINE:
        end_task(tx, task, TaskState.DONE, None, _last(rejected))
        _go_on(tx, song, rejected)
    return hold is not Hold.LOST


def reject_split(tx: Tx, song_id: int, rejected: Sequence[Rejection]) -> bool:
    """Throw the try away that a split song without stems is; False when it is another by now, or has its stems."""
    song = lock_song(tx, song_id)
    if song.state is not SongState.DRAWING or song.stems_total or len(_known(tx, song)) != len(rejected) - 1:
        return False
    _go_on(tx, song, rejected)
    return True


def _go_on(tx: Tx, song: SongHead, rejected: Sequence[Rejection]) -> None:
    """Have a locked song composed anew, or fail it when its tries are used up; then its stems are left as of any failed song."""
    row = tx.conn.execute(
        select(SongRow.split, SubmissionRow.plan)
        .join(SubmissionRow, SubmissionRow.id == SongRow.submission_id)
        .where(SongRow.id == song.id)
    ).one()
    keep_rejections(tx, song, rejected)
    asked = plan_of(row.plan).compose
    if asked is None or len(rejected) >= asked.tries:
        tried = f"composed {len(rejected)} times: {in_words(rejected)}"
        fail_song(tx, song, FailureReason.LOW_SCORE, "; ".join(filter(None, [_last(rejected), tried])))
        return
    remove_stems(tx, song.submission_id, [song.id])
    if row.split is not None:
        count_warnings(tx, song.submission_id, split_of(song.name, row.split), -1)
    fresh: dict[str, Any] = {"stems_total": 0, "stems_left": 0, "returns": 0, "split": None, "mix": None}
    move_song(tx, song, SongState.SPLITTING, **fresh)
    words = f"{song.name}: try {len(rejected)} was rejected: {in_words(rejected[-1:])}"
    tx.event(EventKind.COMPOSED_ANEW, words, submission_id=song.submission_id, song_id=song.id)


def _last(rejected: Sequence[Rejection]) -> str:
    return rejected[-1].detail if rejected else ""


def keep_rejections(tx: Tx, song: SongHead, rejected: Sequence[Rejection]) -> None:
    """Write all tries that were thrown away at a locked song, and count those that are new."""
    known = _known(tx, song)
    if list(rejected) != known:
        text = REJECTIONS.dump_json(list(rejected)).decode() if rejected else None
        tx.conn.execute(update(FileRow).where(_file_of(song)).values(rejected=text))
        count_rejections(tx, song.submission_id, known, -1)
        count_rejections(tx, song.submission_id, rejected)


def take_back_last(tx: Tx, song: SongHead) -> None:
    """Forget why the last try at a locked song was thrown away, with which the song has failed: that try is made again."""
    known = _known(tx, song)
    if known:
        keep_rejections(tx, song, known[:-1])


def _known(tx: Tx, song: SongHead) -> list[Rejection]:
    return rejections_of(tx.conn.execute(select(FileRow.rejected).where(_file_of(song))).scalar())


def _file_of(song: SongHead) -> ColumnElement[bool]:
    return FileRow.id == select(SongRow.file_id).where(SongRow.id == song.id).scalar_subquery()


def count_rejections(tx: Tx, submission_id: int, rejected: Sequence[Rejection], sign: int = 1) -> None:
    """Count tries by their flaws, or take them off again (sign -1)."""
    for item in rejected:
        for flaw in item.flaws:
            tx.count(submission_id, Subject.TRY, flaw.value, sign)


def stand(tx: Tx, song: SongHead, made: ComposedAnew) -> SongHead:
    """Write what a locked song is since it was composed anew; returns its head as it is now."""
    facts = made.facts
    work_s = facts.duration_s * len(facts.parts)
    keep_rejections(tx, song, made.rejected)
    tx.conn.execute(update(SongRow).where(SongRow.id == song.id).values(song_hash=facts.song_hash, work_s=work_s))
    tx.conn.execute(update(FileRow).where(_file_of(song)).values(facts=facts.model_dump_json()))
    tx.count(song.submission_id, Subject.WORK, "total", work_s - song.work_s)
    return lock_song(tx, song.id)
