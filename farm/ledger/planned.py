"""The plan of a submission in the ledger: files accepted and rejected, songs added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from farm.ledger.bulk import insert_rows, update_rows
from farm.ledger.clock import db_now
from farm.ledger.models import FileRow, SongRow, TallyRow
from farm.ledger.records import ChosenSong, RejectedFile
from farm.ledger.submissions import (
    end_submission,
    lock_submission,
    move_submission,
    pending_files,
    scan_again,
)
from farm.ledger.tx import Subject, Tx, chunks
from schemas.base import canonical_json
from schemas.song import SongFacts
from schemas.states import FailureReason, FileState, SongState, SubmissionState


def scanned_files(
    conn: Connection, submission_id: int, after: int, limit: int | None
) -> list[tuple[int, str, SongFacts]]:
    """Return (id, path, facts) of files that were read, whatever became of them, by id from the first above `after`."""
    rows = conn.execute(
        select(FileRow.id, FileRow.path, FileRow.facts)
        .where(FileRow.submission_id == submission_id, FileRow.id > after)
        .where(FileRow.facts.is_not(None))
        .order_by(FileRow.id)
        .limit(limit)
    )
    return [(row.id, row.path, SongFacts.model_validate_json(row.facts)) for row in rows]


def read_again(tx: Tx, submission_id: int, outdated: Sequence[int]) -> int:
    """Have the files of a submission read anew if some of those named have no fate yet; returns how many are."""
    if lock_submission(tx, submission_id) is not SubmissionState.SCANNING or not _without_fate(tx.conn, outdated):
        return 0
    file_ids = pending_files(tx.conn, submission_id)
    scan_again(tx, submission_id, file_ids)
    return len(file_ids)


def reject(tx: Tx, submission_id: int, files: Sequence[RejectedFile]) -> SubmissionState:
    """Reject scanned files; those that have a fate already keep it, so that it can be repeated. Returns the state."""
    state = lock_submission(tx, submission_id)
    if state is not SubmissionState.SCANNING:
        return state
    pending = fateless(tx.conn, files)
    fresh = [file for file in files if file.file_id in pending]
    update_rows(
        tx.conn,
        FileRow,
        [{"id": file.file_id, "reason": file.reason.value, "detail": file.detail} for file in fresh],
        {"state": FileState.REJECTED.value},
    )
    for file in fresh:
        tx.count(submission_id, Subject.FILE, FileState.REJECTED.value)
        tx.count(submission_id, Subject.REJECT, file.reason.value)
    return state


def fateless(conn: Connection, files: Sequence[RejectedFile] | Sequence[ChosenSong]) -> set[int]:
    """Return which of some files have no fate yet; only who holds the submission's lock gives them one."""
    return _without_fate(conn, [file.file_id for file in files])


def _without_fate(conn: Connection, ids: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for some in chunks(ids):
        query = select(FileRow.id).where(FileRow.id.in_(some), FileRow.state == FileState.PENDING)
        found.update(conn.execute(query).scalars())
    return found


def choose(tx: Tx, submission_id: int, songs: Sequence[ChosenSong]) -> SubmissionState:
    """Accept scanned files as songs; those that have a fate already keep it. Returns the submission's state."""
    state = lock_submission(tx, submission_id)
    if state is not SubmissionState.SCANNING:
        return state
    pending = fateless(tx.conn, songs)
    rows = [_song_row(submission_id, song) for song in songs if song.file_id in pending]
    insert_rows(tx.conn, SongRow, rows)
    update_rows(tx.conn, FileRow, [{"id": row["file_id"]} for row in rows], {"state": FileState.ACCEPTED.value})
    tx.count(submission_id, Subject.FILE, FileState.ACCEPTED.value, len(rows))
    tx.count(submission_id, Subject.SONG, SongState.PLANNED.value, len(rows))
    tx.count(submission_id, Subject.WORK, "total", sum(row["work_s"] for row in rows))
    return state


def _song_row(submission_id: int, song: ChosenSong) -> dict[str, Any]:
    return {
        "submission_id": submission_id, "file_id": song.file_id, "track": song.spec.track, "name": song.spec.name,
        "song_hash": song.spec.song_hash, "state": SongState.PLANNED.value,
        "cluster": song.spec.cluster, "subset": song.spec.split,
        "work_s": song.spec.facts.duration_s * len(song.spec.facts.parts),
        "places": canonical_json(song.spec.places) if song.spec.places else None,
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
