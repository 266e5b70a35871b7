"""Rows of tasks: put, claimed, ended, given back. What follows from them is decided in `completing` and `failing`."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, case, or_, select, update

from farm.ledger.attempts import attempt, note_attempts
from farm.ledger.bulk import insert_rows
from farm.ledger.clock import db_now
from farm.ledger.models import SUBMISSION_RUNS, TASK_READY, TASK_RUNNING, SubmissionRow, TaskRow
from farm.ledger.moves import check_move
from farm.ledger.parsed import plan_of
from farm.ledger.records import SlotRef, TaskRef
from farm.ledger.slots import classes_of, host_of, slots_by_engine
from farm.ledger.tx import Subject, Tx, chunks
from schemas.states import TASK_MOVES, FailureReason, TaskKind, TaskState

#: Order in which tasks are taken: those that finish songs first, so that the store stays small.
_URGENCY: Final = {
    kind: place
    for place, kind in enumerate(
        (TaskKind.PUBLISH, TaskKind.ANNOTATE, TaskKind.MIX, TaskKind.PROBE, TaskKind.SPLIT, TaskKind.SCAN)
    )
}
#: A probe that nobody has taken for this long is announced again, seconds: everything else of its submission waits for it.
PROBE_QUIET_S: Final = 5.0
#: Submissions of which work is given out.
RUNNING_IDS: Final = select(SubmissionRow.id).where(SUBMISSION_RUNS)
_SUBMISSION_TASKS: Final = frozenset({TaskKind.PROBE, TaskKind.SCAN})


#: What becomes of an ended task that is put again.
_READY_AGAIN: Final = (
    "DO UPDATE SET state = 'ready', tries = 0, losses = 0, reason = NULL, detail = '', announced_at = NULL, "
    "last_file = excluded.last_file, updated_at = excluded.updated_at WHERE task.state IN ('done', 'failed')"
)


class Hold(Enum):
    """Whose a task is when somebody reports on it."""

    MINE = auto()
    LANDED = auto()  #: the same report arrived before
    LOST = auto()  #: it belongs to somebody else, or to nobody


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to be put."""

    kind: TaskKind
    subject: int
    last_file: int | None = None


def put_tasks(tx: Tx, submission_id: int, tasks: Sequence[NewTask]) -> None:
    """Insert tasks, or make ended ones of the same kind and subject ready again; open ones are left as they are."""
    by_kind: defaultdict[TaskKind, list[dict[str, Any]]] = defaultdict(list)
    for task in tasks:
        by_kind[task.kind].append(
            {
                "submission_id": submission_id, "kind": task.kind.value, "subject": task.subject,
                "last_file": task.last_file, "urgency": _URGENCY[task.kind], "state": TaskState.READY.value,
            }
        )  # fmt: skip
    for kind, rows in by_kind.items():
        put = insert_rows(tx.conn, TaskRow, rows, unless=["submission_id", "kind", "subject"], otherwise=_READY_AGAIN)
        tx.count(submission_id, Subject.TASK, kind.value, put)


def any_ready(conn: Connection, conditions: Sequence[ColumnElement[bool]]) -> bool:
    """Whether a task waits that meets the conditions of `claimable`, of a submission that runs."""
    query = select(TaskRow.id).where(TASK_READY, TaskRow.submission_id.in_(RUNNING_IDS), *conditions)
    return conn.execute(query.limit(1)).first() is not None


def beyond(conn: Connection, slot: SlotRef) -> list[ColumnElement[bool]]:
    """Return the conditions that leave out the probes which only a slot of another engine class can do.

    A host that lacks what a plan needs would refuse it. Where no live slot serves the class that is the right answer.
    """
    probes = select(TaskRow.id, SubmissionRow.plan).join(SubmissionRow, SubmissionRow.id == TaskRow.submission_id)
    rows = conn.execute(probes.where(TASK_READY, TaskRow.urgency == _URGENCY[TaskKind.PROBE])).all()
    if not rows:
        return []
    served = slots_by_engine(conn)
    mine = classes_of(conn, slot.id)
    wanted = {row.id: _engines_of(row.plan) for row in rows}
    ids = [number for number, engines in wanted.items() if engines.difference(mine) & served.keys()]
    return [TaskRow.id.not_in(ids)] if ids else []


def _engines_of(plan: str) -> set[str]:
    """Return the engine classes of the patch files that a plan names."""
    instruments = plan_of(plan).instruments.loaded
    return set() if instruments is None else {file.engine for file in instruments.patch_files.values()}


def claimable(
    submission_id: int | None, task_id: int | None, kinds: Collection[TaskKind] | None
) -> list[ColumnElement[bool]]:
    """Return the conditions that a caller sets on what it claims."""
    conditions: list[ColumnElement[bool]] = []
    if submission_id is not None:
        conditions.append(TaskRow.submission_id == submission_id)
    if task_id is not None:
        conditions.append(TaskRow.id == task_id)
    if kinds is not None:
        conditions.append(TaskRow.kind.in_(list(kinds)))
    return conditions


def claim(
    tx: Tx, slot: SlotRef, conditions: Sequence[ColumnElement[bool]], levels: Sequence[Sequence[int]]
) -> TaskRef | None:
    """Give the most urgent ready task that meets the conditions to a slot that was just touched.

    Args:
        levels: submissions that run, by falling priority, which comes before a task's own urgency.
    """
    found = None
    for submission_ids in levels:
        found = tx.conn.execute(
            select(TaskRow.id)
            .where(TASK_READY, TaskRow.submission_id.in_(submission_ids), *conditions)
            .order_by(TaskRow.urgency, TaskRow.id)
            .limit(1)
            .with_for_update(skip_locked=True, key_share=True)
        ).scalar()
        if found is not None:
            break
    if found is None:
        return None
    values: dict[str, Any] = {"state": TaskState.RUNNING, "slot_id": slot.id, "epoch": TaskRow.epoch + 1}
    row = tx.conn.execute(
        update(TaskRow)
        .where(TaskRow.id == found)
        .values(updated_at=db_now(), **values)
        .returning(TaskRow.kind, TaskRow.epoch, TaskRow.submission_id, TaskRow.subject, TaskRow.tries)
    ).one()
    song_id = None if row.kind in _SUBMISSION_TASKS else row.subject
    return TaskRef(found, row.kind, row.epoch, row.submission_id, song_id, row.tries, time.process_time())


def hold_of(tx: Tx, task: TaskRef) -> Hold:
    """Lock a task and say whose it is. The caller has locked the task's song before."""
    row = tx.conn.execute(
        select(TaskRow.state, TaskRow.epoch).where(TaskRow.id == task.task_id).with_for_update(key_share=True)
    ).first()
    if row is None or row.epoch != task.epoch:
        return Hold.LOST
    return {TaskState.RUNNING: Hold.MINE, TaskState.DONE: Hold.LANDED}.get(row.state, Hold.LOST)


def end_task(
    tx: Tx, task: TaskRef, state: TaskState, reason: FailureReason | None = None, detail: str = "", *, units: int = 1
) -> None:
    """Bring a held task to its end and note the try; `units` is what it did, as its stage counts: songs, or files."""
    _set(tx, task, state, reason=None if reason is None else reason.value, detail=detail, units=units)
    tx.count(task.submission_id, Subject.TASK, task.kind.value, -1)


def free_task(
    tx: Tx, task: TaskRef, *, tries: int, losses: int, reason: FailureReason, detail: str, **values: Any
) -> None:
    """Make a held task ready for another try."""
    counts: dict[str, Any] = {"tries": tries, "losses": losses, "slot_id": None, "announced_at": None}
    _set(tx, task, TaskState.READY, reason=reason.value, detail=detail, **counts, **values)


def _set(
    tx: Tx, task: TaskRef, state: TaskState, *, reason: str | None, detail: str, units: int = 1, **values: Any
) -> None:
    check_move(TASK_MOVES, TaskState.RUNNING, state, f"task {task.task_id}")
    taken_s = (db_now() - TaskRow.updated_at).label("taken_s")
    row = tx.conn.execute(select(TaskRow.slot_id, TaskRow.updated_at, taken_s).where(TaskRow.id == task.task_id)).one()
    _note_cost(tx, task, units if state is TaskState.DONE and reason is None else 0, row.taken_s)
    tried = attempt(
        task.submission_id, task_id=task.task_id, slot_id=row.slot_id, host=host_of(tx.conn, row.slot_id),
        epoch=task.epoch, began_at=row.updated_at, outcome="done" if state is TaskState.DONE else "failed",
        reason=reason, detail=detail,
    )  # fmt: skip
    note_attempts(tx, [tried])
    tx.conn.execute(
        update(TaskRow)
        .where(TaskRow.id == task.task_id)
        .values(state=state, reason=reason, detail=detail, updated_at=db_now(), **values)
    )


def _note_cost(tx: Tx, task: TaskRef, units: int, wall_s: float) -> None:
    """Count what a try has done and cost; that of a slot which is gone is not known, but that it failed is."""
    if task.kind is TaskKind.PROBE:
        return
    known = task.cpu_from_s is not None
    tx.stage(
        task.submission_id, task.kind.value, done=units, failed=0 if units else 1, wall_s=wall_s if known else 0.0,
        cpu_s=0.0 if task.cpu_from_s is None else max(0.0, time.process_time() - task.cpu_from_s),
    )  # fmt: skip


def close_tasks(tx: Tx, submission_id: int, song_id: int | None = None) -> None:
    """End every open task of a song, or of a whole submission: nobody needs them any more."""
    conditions = [TaskRow.submission_id == submission_id, TaskRow.state.in_([TaskState.READY, TaskState.RUNNING])]
    if song_id is not None:
        kinds = [kind for kind in TaskKind if kind not in _SUBMISSION_TASKS]
        conditions += [TaskRow.kind.in_(kinds), TaskRow.subject == song_id]
    closed = {"state": TaskState.FAILED, "reason": FailureReason.TASK_FAILED.value, "detail": "no longer needed"}
    rows = tx.conn.execute(
        update(TaskRow).where(*conditions).values(updated_at=db_now(), **closed).returning(TaskRow.kind)
    )
    for kind in rows.scalars():
        tx.count(submission_id, Subject.TASK, kind.value, -1)


def held_by(conn: Connection, slot_id: int) -> list[TaskRef]:
    """Return the tasks that a slot runs."""
    return _running(conn, TaskRow.slot_id == slot_id)


def running_since(conn: Connection, age_s: float, limit: int) -> list[TaskRef]:
    """Return tasks that have run for longer than `age_s`."""
    return _running(conn, TaskRow.updated_at < db_now() - age_s)[:limit]


def _running(conn: Connection, condition: ColumnElement[bool]) -> list[TaskRef]:
    rows = conn.execute(
        select(TaskRow.id, TaskRow.kind, TaskRow.epoch, TaskRow.submission_id, TaskRow.subject, TaskRow.tries).where(
            TASK_RUNNING, condition
        )
    )
    return [
        TaskRef(r.id, r.kind, r.epoch, r.submission_id, None if r.kind in _SUBMISSION_TASKS else r.subject, r.tries)
        for r in sorted(rows, key=lambda row: int(row.id))  # ordered here, so that no database goes through all tasks
    ]


def counts_of(tx: Tx, task: TaskRef) -> tuple[int, int]:
    """Return the counted tries and the losses of a task."""
    row = tx.conn.execute(select(TaskRow.tries, TaskRow.losses).where(TaskRow.id == task.task_id)).one()
    return row.tries, row.losses


def quiet_ids(conn: Connection, quiet_s: float, limit: int) -> list[int]:
    """Return ready tasks that were never announced, or not within `quiet_s`, the most urgent first."""
    probe = TaskRow.urgency == _URGENCY[TaskKind.PROBE]  # it may have come to a slot that cannot do it
    since_s = case((probe, min(quiet_s, PROBE_QUIET_S)), else_=quiet_s)
    quiet = or_(TaskRow.announced_at.is_(None), TaskRow.announced_at < db_now() - since_s)
    query = select(TaskRow.id).where(TASK_READY, quiet, TaskRow.submission_id.in_(RUNNING_IDS))
    return list(conn.execute(query.order_by(TaskRow.urgency, TaskRow.id).limit(limit)).scalars())


def announce(tx: Tx, ids: Sequence[int]) -> list[tuple[int, TaskKind]]:
    """Note that a message is sent for each of the tasks that are still ready, and return those."""
    announced: list[tuple[int, TaskKind]] = []
    for some in chunks(ids):
        rows = tx.conn.execute(
            update(TaskRow)
            .where(TaskRow.id.in_(some), TASK_READY)
            .values(announced_at=db_now())
            .returning(TaskRow.id, TaskRow.kind, TaskRow.urgency)
        )
        announced += [(row.id, row.kind) for row in sorted(rows, key=lambda row: (row.urgency, row.id))]
    return announced
