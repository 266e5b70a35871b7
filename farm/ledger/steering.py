"""Submissions as operators steer them: paused, resumed, cancelled, put before others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select, update

from farm.ledger.clock import db_now
from farm.ledger.models import TASK_RUNNING, SongRow, StemRow, SubmissionRow, TallyRow, TaskRow
from farm.ledger.songs import lock_songs
from farm.ledger.stemrows import move_stems
from farm.ledger.submissions import end_submission, lock_submission, move_submission
from farm.ledger.tasks import close_tasks
from farm.ledger.tx import Subject, Tx
from schemas.errors import PlanError, StateError
from schemas.states import (
    SONG_ENDS,
    SUBMISSION_ENDS,
    SUBMISSION_RUNS,
    EventKind,
    SongState,
    StemState,
    SubmissionState,
)

#: The highest priority; the lowest is its negative.
MAX_PRIORITY: Final = 100
#: Songs that are cancelled in one transaction.
_CANCELLED_AT_ONCE: Final = 500
_PAUSES: Final = frozenset({SubmissionState.PAUSING, SubmissionState.PAUSED})
_CANCELS: Final = frozenset({SubmissionState.CANCELLING, SubmissionState.CANCELLED})
#: What may be done in each state, for hints.
_ALLOWED: Final = {
    SubmissionState.SUBMITTING: "Its `farm submit` is not through: run it again to finish it, or `farm cancel {0}`",
    SubmissionState.SCANNING: "It runs: `farm pause {0}`, `farm cancel {0}` or `farm priority {0} N`",
    SubmissionState.ACTIVE: "It runs: `farm pause {0}`, `farm cancel {0}` or `farm priority {0} N`",
    SubmissionState.PAUSING: "`farm resume {0}` or `farm cancel {0}`",
    SubmissionState.PAUSED: "`farm resume {0}` or `farm cancel {0}`",
    SubmissionState.CANCELLING: "Wait until it is cancelled; `farm requeue {0}` opens it again then",
    SubmissionState.CANCELLED: "`farm requeue {0}` opens it again",
    SubmissionState.DONE: "Every song of it is published; submit another",
    SubmissionState.FAILED: "`farm requeue {0}` tries again what failed",
}


def refuse(submission_id: int, state: SubmissionState, what: str) -> StateError:
    """Return the error of something that a submission's state forbids."""
    return StateError(
        f"submission {submission_id} cannot be {what}: it is {state.value}", hint=_ALLOWED[state].format(submission_id)
    )


def pause(tx: Tx, submission_id: int) -> SubmissionState:
    """Ask a submission to pause; asked again nothing changes."""
    state = lock_submission(tx, submission_id, alone=True)
    if state in _PAUSES:
        return state
    if state not in SUBMISSION_RUNS:
        raise refuse(submission_id, state, "paused")
    _turn(tx, submission_id, SubmissionState.PAUSING, paused_from=state)
    return SubmissionState.PAUSED if settle(tx, submission_id) else SubmissionState.PAUSING


def _turn(tx: Tx, submission_id: int, to: SubmissionState, **values: Any) -> None:
    """Move a submission, and let whoever holds work of it see that something was decided since."""
    move_submission(tx, submission_id, to, run_gen=SubmissionRow.run_gen + 1, **values)


def settle(tx: Tx, submission_id: int) -> bool:
    """Bring a pause that was asked for to its end when no slot holds anything of the submission any more."""
    if lock_submission(tx, submission_id, alone=True) is not SubmissionState.PAUSING:
        return False
    leased = select(TallyRow.amount).where(
        TallyRow.submission_id == submission_id,
        TallyRow.subject == Subject.STEM.value,
        TallyRow.name == StemState.LEASED.value,
    )
    running = select(TaskRow.id).where(TASK_RUNNING, TaskRow.submission_id == submission_id)
    if tx.conn.execute(leased).scalar() or tx.conn.execute(running.limit(1)).first():
        return False
    move_submission(tx, submission_id, SubmissionState.PAUSED)
    return True


def resume(tx: Tx, submission_id: int) -> SubmissionState:
    """Let a paused submission go on where it was."""
    state = lock_submission(tx, submission_id, alone=True)
    if state not in _PAUSES:
        raise refuse(submission_id, state, "resumed")
    query = select(SubmissionRow.paused_from).where(SubmissionRow.id == submission_id)
    back = tx.conn.execute(query).scalar() or SubmissionState.ACTIVE
    tx.event(EventKind.RESUMED, "", submission_id=submission_id)
    _turn(tx, submission_id, back, paused_from=None)
    return back


def ask_to_cancel(tx: Tx, submission_id: int) -> None:
    """Ask a submission to end; asked again nothing changes."""
    state = lock_submission(tx, submission_id, alone=True)
    if state in _CANCELS:
        return
    if state in SUBMISSION_ENDS:
        raise refuse(submission_id, state, "cancelled")
    _turn(tx, submission_id, SubmissionState.CANCELLING, paused_from=None)


def cancel_some(tx: Tx, submission_id: int) -> SubmissionState | None:
    """End some songs of a submission that is being cancelled; returns its state once none is open, None before."""
    state = lock_submission(tx, submission_id)
    if state is not SubmissionState.CANCELLING:
        return state
    close_tasks(tx, submission_id)
    opened = [state for state in SongState if state not in SONG_ENDS]
    query = select(SongRow.id).where(SongRow.submission_id == submission_id, SongRow.state.in_(opened))
    ids = list(tx.conn.execute(query.limit(_CANCELLED_AT_ONCE)).scalars())
    if ids:
        _cancel_songs(tx, submission_id, ids)
        return None
    end_submission(tx, submission_id, SubmissionState.CANCELLED)
    return SubmissionState.CANCELLED


def _cancel_songs(tx: Tx, submission_id: int, ids: list[int]) -> None:
    songs = lock_songs(tx, ids)
    for state in (StemState.READY, StemState.LEASED):
        move_stems(tx, state, StemState.CANCELLED, StemRow.song_id.in_(ids), slot_id=None)
    ended = {"state": SongState.CANCELLED, "reason": None, "detail": ""}
    tx.conn.execute(update(SongRow).where(SongRow.id.in_(ids)).values(updated_at=db_now(), **ended))
    for song in songs.values():
        tx.count(submission_id, Subject.SONG, song.state.value, -1)
        tx.count(submission_id, Subject.SONG, SongState.CANCELLED.value)
        tx.count(submission_id, Subject.WORK, "ended", song.work_s)


@dataclass(frozen=True, slots=True)
class Asked:
    """Submissions of which something was asked that is not through."""

    pausing: list[int]
    cancelling: list[int]


def asked(conn: Connection) -> Asked:
    """Return the submissions of which something was asked that is not through."""
    states = [SubmissionState.PAUSING, SubmissionState.CANCELLING]
    query = select(SubmissionRow.id, SubmissionRow.state).where(SubmissionRow.state.in_(states))
    rows = conn.execute(query.order_by(SubmissionRow.id)).all()
    return Asked(
        [row.id for row in rows if row.state is SubmissionState.PAUSING],
        [row.id for row in rows if row.state is SubmissionState.CANCELLING],
    )


def set_priority(tx: Tx, submission_id: int, priority: int) -> int:
    """Set a submission's priority; returns the old one.

    Raises:
        PlanError: out of range.
        StateError: it has ended.
    """
    if abs(priority) > MAX_PRIORITY:
        raise PlanError(
            f"priority {priority} is out of range", hint=f"Give a number from -{MAX_PRIORITY} to {MAX_PRIORITY}"
        )
    state = lock_submission(tx, submission_id)
    if state in SUBMISSION_ENDS or state is SubmissionState.CANCELLING:
        raise refuse(submission_id, state, "put before others")
    one = SubmissionRow.id == submission_id
    old = tx.conn.execute(select(SubmissionRow.priority).where(one)).scalar_one()
    tx.conn.execute(update(SubmissionRow).where(one).values(priority=priority))
    if priority != old:
        tx.event(EventKind.PRIORITY, f"{old} -> {priority}", submission_id=submission_id)
    return old
