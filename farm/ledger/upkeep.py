"""Changes that follow from a look at the store: stems rendered anew, submissions forgotten."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select, update

from farm.ledger.models import (
    AttemptRow,
    BacklogRow,
    EventRow,
    FileRow,
    SongRow,
    StemRow,
    SubmissionRow,
    TallyRow,
    TaskRow,
)
from farm.ledger.songs import lock_song, move_song
from farm.ledger.stems import rerender
from farm.ledger.submissions import lock_submission
from farm.ledger.tasks import close_tasks
from farm.ledger.tx import Tx
from schemas.errors import StateError
from schemas.states import SUBMISSION_ENDS, EventKind, SongState, SubmissionState

#: Rows that go in one transaction.
_AT_ONCE = 5000
#: Tables that name a submission, those that name another one of them first.
_TABLES = (AttemptRow, EventRow, TaskRow, StemRow, SongRow, FileRow)


def render_anew(tx: Tx, song_id: int, stem_ids: Collection[int], detail: str) -> int:
    """Make rendered stems of an unmixed song ready again; its mix waits for them. Returns how many.

    0 where the song is mixed or has ended by now, or one of them was lost too often.
    """
    song = lock_song(tx, song_id)
    if song.state not in (SongState.RENDERING, SongState.MIXING):
        return 0
    count = rerender(tx, song, stem_ids, detail)
    if not count:
        return 0
    if song.state is SongState.MIXING:
        close_tasks(tx, song.submission_id, song.id)
        move_song(tx, song, SongState.RENDERING, stems_left=count)
    else:
        tx.conn.execute(update(SongRow).where(SongRow.id == song.id).values(stems_left=song.stems_left + count))
    words = f"{song.name}: rendered anew: {count} {'stem' if count == 1 else 'stems'}: {detail}"
    tx.event(EventKind.MENDED, words, submission_id=song.submission_id, song_id=song.id)
    return count


def check_ended(tx: Tx, submission_id: int) -> SubmissionState:
    """Return the state of a submission that has ended.

    Raises:
        UnknownIdError: there is none of this number.
        StateError: it has not ended.
    """
    state = lock_submission(tx, submission_id)
    if state not in SUBMISSION_ENDS:
        raise StateError(
            f"submission {submission_id} is {state.value}: what it left is still needed",
            hint=f"Wait for its end, or `farm cancel {submission_id}` first",
        )
    return state


def note_purge(tx: Tx, submission_id: int, detail: str) -> None:
    """Record that the files of an ended submission were removed."""
    check_ended(tx, submission_id)
    tx.event(EventKind.PURGED, detail, submission_id=submission_id)


def forget_some(tx: Tx, submission_id: int) -> bool:
    """Remove some of the rows of an ended submission; returns whether there may be more."""
    check_ended(tx, submission_id)
    for table in _TABLES:
        ids: Sequence[int] = tx.conn.execute(
            select(table.id).where(table.submission_id == submission_id).order_by(table.id).limit(_AT_ONCE)
        ).scalars().all()  # fmt: skip
        if ids:
            tx.conn.execute(delete(table).where(table.submission_id == submission_id, table.id <= ids[-1]))
            return True
    for counters in (TallyRow, BacklogRow):
        tx.conn.execute(delete(counters).where(counters.submission_id == submission_id))
    tx.conn.execute(delete(SubmissionRow).where(SubmissionRow.id == submission_id))
    return False
