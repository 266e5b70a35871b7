"""Patches as operators see them: their work and speed, quarantined by a person and released by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, update

from farm.ledger.blaming import hold
from farm.ledger.clock import db_now
from farm.ledger.holding import lock_stems
from farm.ledger.models import (
    STEM_READY,
    TASK_READY,
    TASK_RUNNING,
    AttemptRow,
    BacklogRow,
    BlockRow,
    LoadKeyRow,
    StemRow,
    SubmissionRow,
    TallyRow,
    TaskRow,
)
from farm.ledger.records import PatchReport
from farm.ledger.songs import lock_song
from farm.ledger.stems import end_stem
from farm.ledger.tx import Subject, Tx
from schemas.errors import StateError, UnknownIdError
from schemas.states import EventKind, FailureReason, SongState, SubmissionState

#: Stems that are failed in one transaction.
_FAILED_AT_ONCE: Final = 500


def all_of(conn: Connection, submission_id: int | None) -> list[PatchReport]:
    """Return the load keys that a submission, or any, has stems for: held ones first, then the most work."""
    conditions = [] if submission_id is None else [BacklogRow.submission_id == submission_id]
    if (
        submission_id is not None
        and not conn.execute(select(SubmissionRow.id).where(SubmissionRow.id == submission_id)).first()
    ):
        raise UnknownIdError(f"there is no submission {submission_id} in the ledger", hint="See `farm status`")
    return _reports(conn, *conditions)


def _reports(conn: Connection, *conditions: ColumnElement[bool]) -> list[PatchReport]:
    names = ("ready", "leased", "done", "failed", "est_s")
    sums = [func.sum(getattr(BacklogRow, name)).label(name) for name in names]
    waits = (LoadKeyRow.not_before > db_now()).label("waits")
    columns = (
        LoadKeyRow.load_key, LoadKeyRow.label, LoadKeyRow.engine, LoadKeyRow.load_s, LoadKeyRow.pace, LoadKeyRow.rtf,
        LoadKeyRow.quarantined_at, LoadKeyRow.reason, LoadKeyRow.not_before,
    )  # fmt: skip
    rows = conn.execute(
        select(*columns, waits, *sums)
        .join(BacklogRow, BacklogRow.load_key == LoadKeyRow.load_key)
        .where(*conditions)
        .group_by(*columns)
    )
    reports = [_report(row) for row in rows]
    return sorted(reports, key=lambda report: (not report.quarantined, -report.est_s, report.load_key))


def _report(row: Any) -> PatchReport:
    held = row.quarantined_at is not None
    return PatchReport(
        load_key=row.load_key,
        label=row.label,
        engine=row.engine,
        ready=int(row.ready),
        leased=int(row.leased),
        done=int(row.done),
        failed=int(row.failed),
        est_s=row.est_s * row.pace if row.ready else 0.0,  # sums of floats may miss nought by a hair
        load_s=row.load_s,
        rtf=row.rtf,
        quarantined=held,
        reason=row.reason if held or row.waits else "",
    )


def _find(tx: Tx, prefix: str) -> Any:
    """Lock the one load key that begins so, or whose label this is."""
    query = select(LoadKeyRow.load_key, LoadKeyRow.label, LoadKeyRow.quarantined_at, LoadKeyRow.not_before)
    named = or_(LoadKeyRow.load_key.startswith(prefix, autoescape=True), LoadKeyRow.label == prefix)
    rows = tx.conn.execute(query.where(named).order_by(LoadKeyRow.load_key).with_for_update()).all() if prefix else []
    exact = [row for row in rows if row.load_key == prefix]
    if len(exact or rows) == 1:
        return (exact or rows)[0]
    if rows:
        listed = ", ".join(row.load_key for row in rows[:5])
        raise UnknownIdError(f"{len(rows)} patches begin with {prefix} ({listed})", hint="Give more digits of the one")
    raise UnknownIdError(f"no patch begins with {prefix or 'nothing'}", hint="See `farm patches` for those there are")


def quarantine(tx: Tx, prefix: str, reason: str) -> PatchReport:
    """Hold the work of a patch."""
    found = _find(tx, prefix)
    if not hold(tx, found.load_key, reason or "by a person"):
        raise StateError(
            f"patch {found.load_key} ({found.label}) is quarantined already",
            hint=f"`farm quarantine {found.load_key} --release` gives its work out again",
        )
    return _one(tx, found.load_key)


def release(tx: Tx, prefix: str) -> PatchReport:
    """Give out the work of a patch again; its past tries and its hosts' are forgotten."""
    found = _find(tx, prefix)
    blocked = tx.conn.execute(delete(BlockRow).where(BlockRow.load_key == found.load_key)).rowcount
    if found.quarantined_at is None and found.not_before is None and not blocked:
        raise StateError(
            f"patch {found.load_key} ({found.label}) is not quarantined",
            hint="See `farm quarantine` for those that are",
        )
    last = select(func.coalesce(func.max(AttemptRow.id), 0)).scalar_subquery()
    free = {"quarantined_at": None, "reason": "", "not_before": None, "misses": 0}
    tx.conn.execute(update(LoadKeyRow).where(LoadKeyRow.load_key == found.load_key).values(forgiven=last, **free))
    tx.event(EventKind.RELEASED, f"{found.label} ({found.load_key})", load_key=found.load_key)
    return _one(tx, found.load_key)


def _one(tx: Tx, load_key: str) -> PatchReport:
    reports = _reports(tx.conn, LoadKeyRow.load_key == load_key)
    if reports:
        return reports[0]
    row = tx.conn.execute(select(*LoadKeyRow.__table__.columns).where(LoadKeyRow.load_key == load_key)).one()
    held = row.quarantined_at is not None
    return PatchReport(
        load_key, row.label, row.engine, 0, 0, 0, 0, 0.0, row.load_s, row.rtf, held, row.reason if held else ""
    )  # fmt: skip


def stems_held(conn: Connection, submission_id: int) -> int:
    """Count the ready stems of a submission whose patches are quarantined."""
    query = select(func.coalesce(func.sum(BacklogRow.ready), 0)).join(
        LoadKeyRow, LoadKeyRow.load_key == BacklogRow.load_key
    )
    held = query.where(BacklogRow.submission_id == submission_id, LoadKeyRow.quarantined_at.is_not(None))
    return int(conn.execute(held).scalar_one())


def only_held_left(conn: Connection, submission_id: int) -> bool:
    """Whether nothing of an active submission can be worked on but what waits for a quarantined patch."""
    if not stems_held(conn, submission_id):
        return False
    state = select(SubmissionRow.state).where(SubmissionRow.id == submission_id)
    backlog = select(func.sum(BacklogRow.ready + BacklogRow.leased)).where(BacklogRow.submission_id == submission_id)
    tasks = select(TaskRow.id).where(TaskRow.submission_id == submission_id, or_(TASK_READY, TASK_RUNNING))
    drawing = select(TallyRow.amount).where(
        TallyRow.submission_id == submission_id,
        TallyRow.subject == Subject.SONG.value,
        TallyRow.name.in_([SongState.SPLITTING.value, SongState.DRAWING.value]),
        TallyRow.amount > 0,
    )
    return (
        conn.execute(state).scalar() is SubmissionState.ACTIVE
        and conn.execute(backlog).scalar() == stems_held(conn, submission_id)
        and conn.execute(tasks.limit(1)).first() is None
        and conn.execute(drawing.limit(1)).first() is None
    )


def fail_held(tx: Tx, submission_id: int) -> int:
    """Fail some stems of quarantined patches, each with its patch's reason; returns how many songs or stems ended."""
    ids = _held_stems(tx.conn, submission_id)
    _, stems = lock_stems(tx, ids, STEM_READY)
    reasons = {row.load_key: row.reason for row in tx.conn.execute(select(LoadKeyRow.load_key, LoadKeyRow.reason))}
    for stem in stems:
        song = lock_song(tx, stem.song_id)  # read anew: another stem of it may have ended it
        if song.state is SongState.RENDERING:
            end_stem(tx, song, stem, FailureReason.QUARANTINED, f"its patch is held: {reasons[stem.load_key]}")
    return len(stems)


def _held_stems(conn: Connection, submission_id: int) -> Sequence[int]:
    keys = select(LoadKeyRow.load_key).where(LoadKeyRow.quarantined_at.is_not(None))
    query = select(StemRow.id).where(STEM_READY, StemRow.submission_id == submission_id, StemRow.load_key.in_(keys))
    return list(conn.execute(query.order_by(StemRow.song_id, StemRow.id).limit(_FAILED_AT_ONCE)).scalars())
