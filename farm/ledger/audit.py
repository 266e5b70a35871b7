"""Whether every counter equals what it counts, and every stem and song is told of once: read, never mended."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, Final

from sqlalchemy import Connection, func, select

from farm.ledger.models import AttemptRow, BacklogRow, FileRow, SongRow, StemRow, TallyRow, TaskRow
from farm.ledger.songs import rejections_of
from farm.ledger.tx import Subject
from schemas.states import SONG_ENDS, STEM_ENDS, SongState, StemState, TaskState

#: Relative error that sums of floats may have.
_EXACT: Final = 1e-6
_COUNTED: Final = (Subject.SONG, Subject.STEM, Subject.TASK, Subject.REJECT, Subject.FAILURE)
#: Columns of the backlog and the states that they count.
_BACKLOG: Final = {
    "ready": (StemState.READY,), "leased": (StemState.LEASED,), "done": (StemState.DONE,),
    "failed": (StemState.FAILED, StemState.DROPPED),
}  # fmt: skip


def audit(conn: Connection) -> list[str]:
    """Return every counter that differs from what it counts, in words; empty when all are true."""
    return [*_tally(conn), *_tries(conn), *_backlog(conn), *_stems_left(conn), *_work(conn)]


def commits(conn: Connection, submission_id: int) -> dict[int, int]:
    """Return how often each stem of a submission was recorded as rendered, 0 included."""
    done = (AttemptRow.stem_id == StemRow.id) & (AttemptRow.outcome == "done")
    query = select(StemRow.id, func.count(AttemptRow.id)).outerjoin(AttemptRow, done)
    rows = conn.execute(query.where(StemRow.submission_id == submission_id).group_by(StemRow.id))
    return {row[0]: row[1] for row in rows}


def outcomes(conn: Connection, submission_id: int) -> dict[tuple[str, str | None, bool], int]:
    """Count the tries of a submission's stems by (outcome, reason, whether the stem was found in the store)."""
    cached = func.coalesce(AttemptRow.cached, False)
    query = select(AttemptRow.outcome, AttemptRow.reason, cached, func.count()).where(
        AttemptRow.submission_id == submission_id, AttemptRow.stem_id.is_not(None)
    )
    rows = conn.execute(query.group_by(AttemptRow.outcome, AttemptRow.reason, cached))
    return {(row[0], row[1], bool(row[2])): row[3] for row in rows}


def _tally(conn: Connection) -> list[str]:
    counted: Counter[tuple[int, str, str]] = Counter()
    _count(conn, counted, Subject.SONG, SongRow, SongRow.state)
    _count(conn, counted, Subject.STEM, StemRow, StemRow.state)
    open_tasks = TaskRow.state.in_([TaskState.READY, TaskState.RUNNING])
    _count(conn, counted, Subject.TASK, TaskRow, TaskRow.kind, open_tasks)
    _count(conn, counted, Subject.REJECT, FileRow, FileRow.reason, FileRow.reason.is_not(None))
    _count(conn, counted, Subject.FAILURE, SongRow, SongRow.reason, SongRow.state == SongState.FAILED)
    rows = conn.execute(
        select(TallyRow.submission_id, TallyRow.subject, TallyRow.name, TallyRow.amount).where(
            TallyRow.subject.in_([subject.value for subject in _COUNTED])
        )
    )
    kept = Counter({(row.submission_id, row.subject, row.name): round(row.amount) for row in rows if row.amount})
    return [
        f"submission {key[0]}: {key[1]} {key[2]}: counter {kept[key]}, rows {counted[key]}"
        for key in sorted({*kept, *counted})
        if kept[key] != counted[key]
    ]


def _tries(conn: Connection) -> list[str]:
    """Compare the counters of rejected tries at composed songs with what is kept of each."""
    counted: Counter[tuple[int, str]] = Counter()
    query = select(FileRow.submission_id, FileRow.rejected).where(FileRow.rejected.is_not(None))
    for number, text in conn.execute(query):
        counted.update((number, flaw.value) for item in rejections_of(text) for flaw in item.flaws)
    columns = (TallyRow.submission_id, TallyRow.name, TallyRow.amount)
    rows = conn.execute(select(*columns).where(TallyRow.subject == Subject.TRY.value))
    kept = Counter({(row.submission_id, row.name): round(row.amount) for row in rows if row.amount})
    return [
        f"submission {key[0]}: {Subject.TRY.value} {key[1]}: counter {kept[key]}, rows {counted[key]}"
        for key in sorted({*kept, *counted})
        if kept[key] != counted[key]
    ]


def _count(
    conn: Connection, into: Counter[tuple[int, str, str]], subject: Subject, table: Any, by: Any, *where: Any
) -> None:
    query = select(table.submission_id, by, func.count()).where(*where).group_by(table.submission_id, by)
    for number, name, count in conn.execute(query):
        into[number, subject.value, str(getattr(name, "value", name))] += count


def _backlog(conn: Connection) -> list[str]:
    by_state = select(StemRow.submission_id, StemRow.load_key, StemRow.state, func.count(), func.sum(StemRow.est_s))
    found: Counter[tuple[int, str, str]] = Counter()
    seconds: defaultdict[tuple[int, str], float] = defaultdict(float)
    for number, key, state, count, est_s in conn.execute(
        by_state.group_by(StemRow.submission_id, StemRow.load_key, StemRow.state)
    ):
        for column, states in _BACKLOG.items():
            if state in states:
                found[number, key, column] += count
        if state is StemState.READY:
            seconds[number, key] += est_s
    wrong = []
    for row in conn.execute(select(*BacklogRow.__table__.columns)):
        for column in _BACKLOG:
            rows = found.pop((row.submission_id, row.load_key, column), 0)
            if getattr(row, column) != rows:
                wrong.append(
                    f"submission {row.submission_id}: {column} of {row.load_key}: {getattr(row, column)}, rows {rows}"
                )
        expected_s = seconds[row.submission_id, row.load_key]
        if abs(row.est_s - expected_s) > _EXACT * max(1.0, expected_s):
            wrong.append(f"submission {row.submission_id}: est_s of {row.load_key}: {row.est_s:g}, rows {expected_s:g}")
    return wrong + [
        f"submission {key[0]}: {key[2]} of {key[1]}: no counter, rows {count}" for key, count in found.items()
    ]


def _stems_left(conn: Connection) -> list[str]:
    ended = func.sum(StemRow.state.in_(list(STEM_ENDS)).cast(TaskRow.tries.type))
    query = (
        select(SongRow.submission_id, SongRow.name, SongRow.stems_left, func.count(StemRow.id) - ended)
        .join(StemRow, StemRow.song_id == SongRow.id)
        .where(SongRow.state.not_in([SongState.FAILED, SongState.CANCELLED]))
        .group_by(SongRow.id, SongRow.submission_id, SongRow.name, SongRow.stems_left)
    )
    rows = conn.execute(query)
    return [f"submission {row[0]}: {row[1]}: {row[2]} stems left, rows {row[3]}" for row in rows if row[2] != row[3]]


def _work(conn: Connection) -> list[str]:
    query = select(SongRow.submission_id, func.sum(SongRow.work_s)).where(SongRow.state.in_(list(SONG_ENDS)))
    summed = {row[0]: row[1] for row in conn.execute(query.group_by(SongRow.submission_id))}
    rows = conn.execute(
        select(TallyRow.submission_id, TallyRow.amount).where(
            TallyRow.subject == Subject.WORK.value, TallyRow.name == "ended"
        )
    )
    return [
        f"submission {number}: work ended: counter {amount:g}, rows {summed.get(number, 0.0):g}"
        for number, amount in rows
        if abs(amount - summed.get(number, 0.0)) > _EXACT * max(1.0, amount)
    ]
