"""The plan of a submission in the ledger: files accepted and rejected, songs added, and songs tried again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, select, update

from farm.ledger.clock import db_now
from farm.ledger.models import SONG_FAILED, FileRow, SongRow, StemRow, SubmissionRow, TallyRow, TaskRow
from farm.ledger.records import ChosenSong, RejectedFile
from farm.ledger.songs import count_warnings, lock_songs, move_song, split_of
from farm.ledger.stemrows import count_result
from farm.ledger.submissions import end_submission, lock_submission, move_submission
from farm.ledger.tasks import NewTask, put_tasks
from farm.ledger.tx import Subject, Tx
from schemas.result import StemResult
from schemas.song import SongFacts
from schemas.states import FailureReason, FileState, SongState, StemState, SubmissionState, TaskKind, TaskState


def scanned_files(conn: Connection, submission_id: int) -> list[tuple[int, str, SongFacts]]:
    """Return (id, path, facts) of every file that was read and is not rejected."""
    rows = conn.execute(
        select(FileRow.id, FileRow.path, FileRow.facts)
        .where(FileRow.submission_id == submission_id, FileRow.facts.is_not(None), FileRow.state != FileState.REJECTED)
        .order_by(FileRow.id)
    )
    return [(row.id, row.path, SongFacts.model_validate_json(row.facts)) for row in rows]


def reject(tx: Tx, submission_id: int, files: Sequence[RejectedFile]) -> None:
    """Reject scanned files; those that are rejected already are left as they are, so that it can be repeated."""
    if lock_submission(tx, submission_id) is not SubmissionState.SCANNING:
        return
    for file in files:
        fate = {"state": FileState.REJECTED, "reason": file.reason.value, "detail": file.detail}
        changed = tx.conn.execute(
            update(FileRow).where(FileRow.id == file.file_id, FileRow.state == FileState.PENDING).values(**fate)
        ).rowcount
        tx.count(submission_id, Subject.FILE, FileState.REJECTED.value, changed)
        tx.count(submission_id, Subject.REJECT, file.reason.value, changed)


def choose(tx: Tx, submission_id: int, songs: Sequence[ChosenSong]) -> None:
    """Accept scanned files as songs; those that are songs already are left as they are, so that it can be repeated."""
    if lock_submission(tx, submission_id) is not SubmissionState.SCANNING:
        return
    statement = (
        tx.upsert(SongRow).on_conflict_do_nothing(index_elements=["submission_id", "track"]).returning(SongRow.id)
    )
    for song in songs:
        work_s = song.spec.facts.duration_s * len(song.spec.facts.parts)
        if not tx.conn.execute(statement.values(updated_at=db_now()), _song_row(submission_id, song, work_s)).all():
            continue
        tx.conn.execute(update(FileRow).where(FileRow.id == song.file_id).values(state=FileState.ACCEPTED))
        tx.count(submission_id, Subject.FILE, FileState.ACCEPTED.value)
        tx.count(submission_id, Subject.SONG, SongState.PLANNED.value)
        tx.count(submission_id, Subject.WORK, "total", work_s)


def _song_row(submission_id: int, song: ChosenSong, work_s: float) -> dict[str, Any]:
    return {
        "submission_id": submission_id, "file_id": song.file_id, "track": song.spec.track, "name": song.spec.name,
        "song_hash": song.spec.song_hash, "state": SongState.PLANNED, "work_s": work_s,
    }  # fmt: skip


def activate(tx: Tx, submission_id: int) -> SubmissionState:
    """Make a planned submission active, or fail it when no file became a song; returns its state."""
    state = lock_submission(tx, submission_id)
    if state is not SubmissionState.SCANNING:
        return state
    counts = _counts(tx.conn, submission_id)
    if any(subject == Subject.SONG.value and amount for (subject, _), amount in counts.items()):
        move_submission(tx, submission_id, SubmissionState.ACTIVE, active_at=db_now())
        return SubmissionState.ACTIVE
    reasons = {name: int(amount) for (subject, name), amount in counts.items() if subject == Subject.REJECT.value}
    listed = ", ".join(f"{count} {name}" for name, count in sorted(reasons.items())) or "it holds none"
    detail = f"no file of the source became a song ({listed})"
    end_submission(tx, submission_id, SubmissionState.FAILED, FailureReason.NO_SONGS, detail)
    return SubmissionState.FAILED


def _counts(conn: Connection, submission_id: int) -> dict[tuple[str, str], float]:
    rows = conn.execute(
        select(TallyRow.subject, TallyRow.name, TallyRow.amount).where(TallyRow.submission_id == submission_id)
    )
    return {(row.subject, row.name): row.amount for row in rows}


def retry_failed(tx: Tx, submission_id: int) -> int:
    """Open a failed submission again for what failed of it; returns how many songs or scans are tried again.

    A submission without songs is left as it is: the same files would be rejected for the same reasons.
    """
    if lock_submission(tx, submission_id) is not SubmissionState.FAILED:
        return 0
    cleared = {"reason": None, "detail": "", "ended_at": None}
    facts = tx.conn.execute(select(SubmissionRow.engine_facts).where(SubmissionRow.id == submission_id)).scalar()
    if facts is None:
        move_submission(tx, submission_id, SubmissionState.SCANNING, **cleared)
        return _rescan(tx, submission_id)
    failed = list(
        tx.conn.execute(select(SongRow.id).where(SongRow.submission_id == submission_id, SONG_FAILED)).scalars()
    )
    if failed:
        move_submission(tx, submission_id, SubmissionState.ACTIVE, **cleared)
        _replan(tx, submission_id, failed)
    return len(failed)


def _rescan(tx: Tx, submission_id: int) -> int:
    rows = tx.conn.execute(
        select(TaskRow.kind, TaskRow.subject, TaskRow.last_file).where(
            TaskRow.submission_id == submission_id,
            TaskRow.kind.in_([TaskKind.PROBE, TaskKind.SCAN]),
            TaskRow.state == TaskState.FAILED,
        )
    ).all()
    put_tasks(tx, submission_id, [NewTask(row.kind, row.subject, row.last_file) for row in rows])
    return len(rows)


def _replan(tx: Tx, submission_id: int, song_ids: Sequence[int]) -> None:
    """Bring failed songs back to where they were chosen; stems are drawn anew, and found in the store again."""
    fresh = {"rank": 0, "stems_total": 0, "stems_left": 0, "returns": 0, "split": None, "mix": None, "detail": ""}
    for song in lock_songs(tx, song_ids).values():
        _remove_stems(tx, submission_id, song.id)
        row = tx.conn.execute(select(SongRow.reason, SongRow.split).where(SongRow.id == song.id)).one()
        tx.count(submission_id, Subject.FAILURE, row.reason, -1)
        tx.count(submission_id, Subject.WORK, "ended", -song.work_s)
        if row.split is not None:
            count_warnings(tx, submission_id, split_of(song.name, row.split), -1)
        move_song(tx, song, SongState.PLANNED, reason=None, **fresh)


def _remove_stems(tx: Tx, submission_id: int, song_id: int) -> None:
    gone = delete(StemRow).where(StemRow.song_id == song_id).returning(StemRow.state, StemRow.reason, StemRow.result)
    for stem in tx.conn.execute(gone):
        tx.count(submission_id, Subject.STEM, stem.state.value, -1)
        if stem.state in (StemState.FAILED, StemState.DROPPED):
            tx.count(submission_id, Subject.STEM_FAILURE, stem.reason, -1)
        if stem.result is not None:
            count_result(tx, submission_id, StemResult.model_validate_json(stem.result), -1)
