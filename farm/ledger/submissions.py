"""Submissions: written, sealed, planned, ended, and tried again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, select, update

from farm.ledger.bulk import insert_rows
from farm.ledger.clock import db_now
from farm.ledger.holds import songs_held
from farm.ledger.models import (
    SUBMISSION_OPEN,
    SUBMISSION_RUNS,
    FileRow,
    SubmissionRow,
    TallyRow,
    TaskRow,
)  # fmt: skip
from farm.ledger.moves import check_move
from farm.ledger.parsed import engine_facts_of, plan_of
from farm.ledger.records import Pulse, Submission
from farm.ledger.tasks import NewTask, put_tasks
from farm.ledger.tx import Subject, Tx, chunks
from schemas.errors import LedgerError, UnknownIdError
from schemas.plan import DatasetPlan
from schemas.states import (
    SUBMISSION_MOVES,
    EventKind,
    FailureReason,
    FileState,
    RejectReason,
    SongState,
    SubmissionState,
    TaskKind,
)
from schemas.words import counted

#: Files of one scan task: about half a second of work, so that no slot is kept long and messages stay few.
SCAN_FILES: Final = 200
#: Songs of one scan task where each is composed first: about a quarter of a second.
SCAN_COMPOSED: Final = 5

_COLUMNS = (
    SubmissionRow.id, SubmissionRow.state, SubmissionRow.plan, SubmissionRow.plan_hash, SubmissionRow.source_root,
    SubmissionRow.out_dir, SubmissionRow.store_root, SubmissionRow.engine_facts, SubmissionRow.reason,
    SubmissionRow.detail, SubmissionRow.priority, SubmissionRow.run_gen,
)  # fmt: skip


def _submission(row: Any) -> Submission:
    facts = None if row.engine_facts is None else engine_facts_of(row.engine_facts)
    return Submission(
        row.id, row.state, plan_of(row.plan), row.plan_hash, row.source_root, row.out_dir, row.store_root, facts,
        row.reason, row.detail, row.priority, row.run_gen,
    )  # fmt: skip


def _unknown(submission_id: int) -> UnknownIdError:
    return UnknownIdError(
        f"there is no submission {submission_id} in the ledger", hint="See `farm status` for those there are"
    )


def get(conn: Connection, submission_id: int) -> Submission:
    """Return one submission.

    Raises:
        UnknownIdError: there is none of this id.
    """
    row = conn.execute(select(*_COLUMNS).where(SubmissionRow.id == submission_id)).first()
    if row is None:
        raise _unknown(submission_id)
    return _submission(row)


def all_of(conn: Connection) -> list[Submission]:
    """Return every submission, the oldest first."""
    return [_submission(row) for row in conn.execute(select(*_COLUMNS).order_by(SubmissionRow.id))]


def find(conn: Connection, out_dir: str, plan_hash: str | None) -> int | None:
    """Return the newest submission into a folder: of any plan, or one of a plan that can still be gone on with."""
    query = select(SubmissionRow.id).where(SubmissionRow.out_dir == out_dir)
    if plan_hash is not None:
        cancelled = [SubmissionState.CANCELLING, SubmissionState.CANCELLED]
        query = query.where(SubmissionRow.plan_hash == plan_hash, SubmissionRow.state.not_in(cancelled))
    return conn.execute(query.order_by(SubmissionRow.id.desc()).limit(1)).scalar()


def create(tx: Tx, plan: DatasetPlan, source_root: str, out_dir: str, store_root: str) -> int:
    """Begin a submission.

    Raises:
        LedgerError: an unfinished submission goes to the same folder.
    """
    row = {
        "state": SubmissionState.SUBMITTING, "plan": plan.model_dump_json(), "plan_hash": plan.plan_hash,
        "source_root": source_root, "out_dir": out_dir, "store_root": store_root,
    }  # fmt: skip
    insertion = tx.upsert(SubmissionRow).values(created_at=db_now(), **row).on_conflict_do_nothing()
    submission_id = tx.conn.execute(insertion.returning(SubmissionRow.id)).scalar()
    if submission_id is None:
        query = select(SubmissionRow.id).where(SubmissionRow.out_dir == out_dir, SUBMISSION_OPEN)
        rival = tx.conn.execute(query).scalar()
        raise LedgerError(
            f"submission {rival} is being made into {out_dir}", hint="Wait for it to end, or name another folder"
        )
    tx.event(EventKind.CREATED, plan.name, submission_id=submission_id)
    return int(submission_id)


def lock_submission(tx: Tx, submission_id: int, *, alone: bool = False) -> SubmissionState:
    """Lock a submission and return its state; `alone` also waits for leases that are under way, and holds off others.

    Raises:
        UnknownIdError: there is none of this id.
    """
    query = select(SubmissionRow.state).where(SubmissionRow.id == submission_id).with_for_update(key_share=not alone)
    state = tx.conn.execute(query).scalar()
    if state is None:
        raise _unknown(submission_id)
    return state


def levels(tx: Tx, submission_id: int | None = None) -> list[list[int]]:
    """Return the submissions that run, or the one named if it does, by falling priority and then by age.

    None of them can be paused or cancelled until the transaction ends.
    """
    query = select(SubmissionRow.id, SubmissionRow.priority).where(SUBMISSION_RUNS)
    if submission_id is not None:
        query = query.where(SubmissionRow.id == submission_id)
    rows = tx.conn.execute(query.order_by(SubmissionRow.id).with_for_update(read=True, key_share=True)).all()
    priorities = sorted({row.priority for row in rows}, reverse=True)
    return [[row.id for row in rows if row.priority == priority] for priority in priorities]


def move_submission(tx: Tx, submission_id: int, to: SubmissionState, **values: Any) -> None:
    """Bring a submission to another state."""
    check_move(SUBMISSION_MOVES, lock_submission(tx, submission_id), to, f"submission {submission_id}")
    tx.conn.execute(update(SubmissionRow).where(SubmissionRow.id == submission_id).values(state=to, **values))
    tx.event(EventKind(to.value), str(values.get("detail", "")), submission_id=submission_id)


def end_submission(
    tx: Tx, submission_id: int, to: SubmissionState, reason: FailureReason | None = None, detail: str = ""
) -> None:
    """Bring a submission to its end."""
    named = None if reason is None else reason.value
    move_submission(tx, submission_id, to, reason=named, detail=detail, ended_at=db_now())


def add_files(tx: Tx, submission_id: int, paths: Sequence[str]) -> int:
    """Add files of the source; those that are there already are left as they are. Returns how many were new.

    A name that is not UTF-8 cannot be written into a dataset: the file is rejected under a readable form of it.

    Raises:
        LedgerError: the submission is sealed.
    """
    if lock_submission(tx, submission_id) is not SubmissionState.SUBMITTING:
        raise LedgerError(f"submission {submission_id} is sealed", hint="Begin another submission for more files")
    statement = (
        tx.upsert(FileRow).on_conflict_do_nothing(index_elements=["submission_id", "path"]).returning(FileRow.id)
    )
    clean = list(dict.fromkeys(path for path in paths if _is_utf8(path)))
    rows = [{"submission_id": submission_id, "path": path, "state": FileState.PENDING.value} for path in clean]
    added = insert_rows(tx.conn, FileRow, rows, unless=["submission_id", "path"])
    for path in sorted(set(paths) - set(clean)):
        row = {"submission_id": submission_id, "path": path.encode("utf-8", "backslashreplace").decode()}
        fate = {
            "state": FileState.REJECTED,
            "reason": RejectReason.UNREADABLE,
            "detail": "its name is not UTF-8: rename it",
        }
        if tx.conn.execute(statement, {**row, **fate}).all():
            added += 1
            tx.count(submission_id, Subject.FILE, "scanned")
            tx.count(submission_id, Subject.FILE, FileState.REJECTED.value)
            tx.count(submission_id, Subject.REJECT, RejectReason.UNREADABLE.value)
    tx.count(submission_id, Subject.FILE, "total", added)
    return added


def _is_utf8(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def seal(tx: Tx, submission_id: int) -> None:
    """Close the list of files and put the probe and the scans; nothing happens when it is sealed already."""
    if lock_submission(tx, submission_id) is not SubmissionState.SUBMITTING:
        return
    put_tasks(
        tx,
        submission_id,
        [NewTask(TaskKind.PROBE, 0), *_scans(tx.conn, submission_id, pending_files(tx.conn, submission_id))],
    )
    move_submission(tx, submission_id, SubmissionState.SCANNING)


def pending_files(conn: Connection, submission_id: int) -> list[int]:
    """Return the files that have no fate yet, rising."""
    pending = select(FileRow.id).where(FileRow.submission_id == submission_id, FileRow.state == FileState.PENDING)
    return list(conn.execute(pending.order_by(FileRow.id)).scalars())


def _scans(conn: Connection, submission_id: int, file_ids: Sequence[int]) -> list[NewTask]:
    plan = plan_of(conn.execute(select(SubmissionRow.plan).where(SubmissionRow.id == submission_id)).scalar_one())
    size = SCAN_FILES if plan.compose is None else SCAN_COMPOSED
    return [NewTask(TaskKind.SCAN, some[0], some[-1]) for some in chunks(file_ids, size)]


def scan_again(tx: Tx, submission_id: int, file_ids: Sequence[int]) -> None:
    """Have files that were scanned and have no fate yet, all that there are, scanned once more."""
    of_them = FileRow.submission_id == submission_id, FileRow.state == FileState.PENDING
    tx.conn.execute(update(FileRow).where(*of_them).values(facts=None))
    tx.count(submission_id, Subject.FILE, "scanned", -len(file_ids))
    put_tasks(tx, submission_id, _scans(tx.conn, submission_id, file_ids))


def scan_batch(conn: Connection, task_id: int) -> list[tuple[int, str]]:
    """Return (id, relative path) of the files of a scan task that were not scanned yet."""
    rows = conn.execute(
        select(FileRow.id, FileRow.path)
        .join(TaskRow, FileRow.submission_id == TaskRow.submission_id)
        .where(TaskRow.id == task_id, TaskRow.kind == TaskKind.SCAN, FileRow.state == FileState.PENDING)
        .where(FileRow.id.between(TaskRow.subject, TaskRow.last_file))
        .order_by(FileRow.id)
    )
    return [(row.id, row.path) for row in rows]


def reject_file(tx: Tx, submission_id: int, file_id: int, reason: RejectReason, detail: str) -> None:
    """Reject a file that was not scanned before."""
    fate = {"state": FileState.REJECTED, "reason": reason.value, "detail": detail}
    tx.conn.execute(update(FileRow).where(FileRow.id == file_id).values(**fate))
    tx.count(submission_id, Subject.FILE, "scanned")
    tx.count(submission_id, Subject.FILE, FileState.REJECTED.value)
    tx.count(submission_id, Subject.REJECT, reason.value)


def pulses(conn: Connection, submission_id: int | None) -> tuple[float, list[Pulse]]:
    """Return the database's time and the submissions that the reconciler may have to move, the oldest first."""
    query = select(SubmissionRow.id, SubmissionRow.state, SubmissionRow.priority).where(SUBMISSION_RUNS)
    if submission_id is not None:
        query = query.where(SubmissionRow.id == submission_id)
    heads = {row.id: row for row in conn.execute(query.order_by(SubmissionRow.id))}
    counts = conn.execute(
        select(TallyRow.submission_id, TallyRow.subject, TallyRow.name, TallyRow.amount).where(
            TallyRow.submission_id.in_(list(heads)), TallyRow.subject.in_([Subject.SONG.value, Subject.TASK.value])
        )
    ).all()
    now = conn.execute(select(db_now())).scalar_one()
    held = songs_held(conn, list(heads))
    return now, [
        _pulse(head, [row for row in counts if row.submission_id == found], held.get(found, 0))
        for found, head in heads.items()
    ]


def _pulse(head: Any, counts: Sequence[Any], songs_held: int) -> Pulse:
    songs = {SongState(row.name): int(row.amount) for row in counts if row.subject == Subject.SONG.value}
    scans = {row.name: int(row.amount) for row in counts if row.subject == Subject.TASK.value}
    open_scans = scans.get(TaskKind.PROBE.value, 0) + scans.get(TaskKind.SCAN.value, 0)
    return Pulse(head.id, head.state, open_scans, songs, head.priority, songs_held)


def finish(tx: Tx, submission_id: int) -> SubmissionState:
    """End an active submission whose songs have all ended; returns its state, also if it is not active any more."""
    state = lock_submission(tx, submission_id)
    if state is not SubmissionState.ACTIVE:
        return state
    rows = tx.conn.execute(
        select(TallyRow.name, TallyRow.amount).where(
            TallyRow.submission_id == submission_id, TallyRow.subject == Subject.SONG.value
        )
    )
    songs = {SongState(row.name): int(row.amount) for row in rows}
    total = sum(songs.values())
    failed = songs.get(SongState.FAILED, 0) + songs.get(SongState.CANCELLED, 0)
    if failed + songs.get(SongState.DONE, 0) != total:
        raise LedgerError(f"submission {submission_id} still has open songs", hint="Let the scheduler finish it")
    if failed:
        detail = f"{failed} of {counted(total, 'song')} failed"
        end_submission(tx, submission_id, SubmissionState.FAILED, FailureReason.SONGS_FAILED, detail)
        return SubmissionState.FAILED
    end_submission(tx, submission_id, SubmissionState.DONE)
    return SubmissionState.DONE
