"""What a person opens again: failed and cancelled songs, stems that songs went on without, and songs to accept as they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select, update

from farm.ledger.anew import take_back_last
from farm.ledger.clock import db_now
from farm.ledger.models import SUBMISSION_OPEN, SongRow, StemRow, SubmissionRow, TaskRow
from farm.ledger.songs import SongHead, count_warnings, lock_songs, move_song, split_of
from farm.ledger.stemrows import move_stems, remove_stems
from farm.ledger.submissions import lock_submission, move_submission
from farm.ledger.tasks import NewTask, close_tasks, put_tasks
from farm.ledger.tx import CHUNK, Subject, Tx, chunks
from schemas.errors import StateError, UnknownIdError
from schemas.states import (
    SUBMISSION_ENDS,
    EventKind,
    FailureReason,
    SongState,
    StemState,
    SubmissionState,
    TaskKind,
    TaskState,
)

_AGAIN: Final = (SongState.FAILED, SongState.CANCELLED)
#: A slate without marks: what a stem that is tried again forgets.
CLEAN: Final = {
    "tries": 0, "losses": 0, "kills": 0, "shortages": 0, "failed_host": None, "not_before": None, "reason": None,
    "detail": "", "slot_id": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Requeue:
    """What is left to do of a requeue after its first transaction."""

    songs: list[int]  #: songs to be planned again
    returned: int  #: songs that are tried again already


# ---------------------------------------------------------------- submissions


def reopen(tx: Tx, submission_id: int, state: SubmissionState) -> None:
    """Bring a locked submission that has ended back to work.

    Raises:
        StateError: another one is being made into the same folder.
    """
    if state not in SUBMISSION_ENDS:
        return
    one = select(SubmissionRow.out_dir).where(SubmissionRow.id == submission_id)
    out_dir = tx.conn.execute(one).scalar_one()
    rival = tx.conn.execute(select(SubmissionRow.id).where(SubmissionRow.out_dir == out_dir, SUBMISSION_OPEN)).scalar()
    if rival is not None:
        raise StateError(
            f"submission {submission_id} cannot be opened again: submission {rival} is being made into {out_dir}",
            hint=f"Wait for submission {rival} to end, or `farm cancel {rival}`",
        )
    cleared = {"reason": None, "detail": "", "ended_at": None, "run_gen": SubmissionRow.run_gen + 1}
    move_submission(tx, submission_id, SubmissionState.ACTIVE, **cleared)


def retry_failed(tx: Tx, submission_id: int) -> int:
    """Open a failed submission again for what failed of it; returns how many songs or scans are tried again.

    A submission without songs is left as it is: the same files would be rejected for the same reasons.
    """
    if lock_submission(tx, submission_id) is not SubmissionState.FAILED:
        return 0
    facts = tx.conn.execute(select(SubmissionRow.engine_facts).where(SubmissionRow.id == submission_id)).scalar()
    if facts is None:
        cleared = {"reason": None, "detail": "", "ended_at": None}
        move_submission(tx, submission_id, SubmissionState.SCANNING, **cleared)
        return _rescan(tx, submission_id)
    failed = _songs_again(tx.conn, submission_id)
    if failed:
        reopen(tx, submission_id, SubmissionState.FAILED)
        for some in chunks(failed):
            replan(tx, submission_id, some)
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


def _songs_again(conn: Connection, submission_id: int) -> list[int]:
    query = select(SongRow.id).where(SongRow.submission_id == submission_id, SongRow.state.in_(_AGAIN))
    return list(conn.execute(query.order_by(SongRow.id)).scalars())


def replan(tx: Tx, submission_id: int, song_ids: Sequence[int]) -> int:
    """Bring failed and cancelled songs back to where they were chosen; returns how many.

    Their stems are drawn anew, and found in the store again where they were rendered.
    """
    songs = [song for song in lock_songs(tx, song_ids).values() if song.state in _AGAIN]
    if not songs:
        return 0
    ids = [song.id for song in songs]
    remove_stems(tx, submission_id, ids)
    query = select(SongRow.id, SongRow.reason, SongRow.split).where(SongRow.id.in_(ids))
    rows = {row.id: row for row in tx.conn.execute(query)}
    for song in songs:
        row = rows[song.id]
        if row.reason is not None:
            tx.count(submission_id, Subject.FAILURE, row.reason, -1)
        if row.reason == FailureReason.LOW_SCORE.value:
            take_back_last(tx, song)
        if row.split is not None:
            count_warnings(tx, submission_id, split_of(song.name, row.split), -1)
        tx.count(submission_id, Subject.WORK, "ended", -song.work_s)
        tx.count(submission_id, Subject.SONG, song.state.value, -1)
        tx.count(submission_id, Subject.SONG, SongState.PLANNED.value)
    fresh: dict[str, Any] = {
        "state": SongState.PLANNED, "rank": 0, "stems_total": 0, "stems_left": 0, "returns": 0, "split": None,
        "mix": None, "reason": None, "detail": "",
    }  # fmt: skip
    tx.conn.execute(update(SongRow).where(SongRow.id.in_(ids)).values(updated_at=db_now(), **fresh))
    return len(ids)


# ---------------------------------------------------------------- requeue


def prepare(
    tx: Tx, submission_id: int, songs: Collection[str] | None, stems: Collection[tuple[str, str]] | None
) -> Requeue:
    """Check what is to be tried again, open the submission, and return what is left to do.

    Raises:
        UnknownIdError: there is no such submission, song or stem.
        StateError: one of them cannot be tried again.
    """
    state = lock_submission(tx, submission_id)
    if songs is None and stems is None:
        return _prepare_all(tx, submission_id, state)
    found = _songs_named(tx, submission_id, {*(songs or ()), *(song for song, _ in stems or ())})
    ids = {_failed(found[name]) for name in songs or ()}
    single: dict[int, set[str]] = {}
    for song, stem in stems or ():
        if found[song].state in _AGAIN:
            ids.add(found[song].id)
        else:
            single.setdefault(found[song].id, set()).add(stem)
    reopen(tx, submission_id, state)
    for head in lock_songs(tx, single).values():
        _return_dropped(tx, head, single[head.id])
    _note(tx, submission_id, len(ids) + len(single))
    return Requeue(sorted(ids), len(single))


def _prepare_all(tx: Tx, submission_id: int, state: SubmissionState) -> Requeue:
    failed = _songs_again(tx.conn, submission_id)
    if not failed:
        returned = retry_failed(tx, submission_id)
        if returned:
            _note(tx, submission_id, returned)
        return Requeue([], returned)
    reopen(tx, submission_id, state)
    _note(tx, submission_id, len(failed))
    return Requeue(failed, 0)


def _note(tx: Tx, submission_id: int, count: int) -> None:
    tx.event(EventKind.REQUEUED, f"{count} tried again", submission_id=submission_id)


def _songs_named(tx: Tx, submission_id: int, names: Collection[str]) -> dict[str, SongHead]:
    ids: list[int] = []
    for some in chunks(sorted(names), CHUNK):
        query = select(SongRow.id).where(SongRow.submission_id == submission_id, SongRow.name.in_(some))
        ids += tx.conn.execute(query).scalars()
    found = {song.name: song for some in chunks(ids, CHUNK) for song in lock_songs(tx, some).values()}
    for name in sorted(names):
        if name not in found:
            raise UnknownIdError(
                f"submission {submission_id} has no song {name}", hint=f"See `farm songs {submission_id}`"
            )
    return found


def _failed(song: SongHead) -> int:
    if song.state not in _AGAIN:
        raise StateError(
            f"song {song.name} is {song.state.value}: there is nothing to try again",
            hint="Songs that failed or were cancelled can be requeued; `farm failures` lists them",
        )
    return song.id


def _return_dropped(tx: Tx, song: SongHead, names: set[str]) -> None:
    """Have stems rendered after all that an unmixed song was to go on without."""
    for name in sorted(names):
        state = named_stem(tx, song, name).state
        if state is not StemState.DROPPED or song.state not in (SongState.RENDERING, SongState.MIXING):
            raise StateError(
                f"stem {song.name}/{name} is {state.value} and its song {song.state.value}: it cannot be tried again",
                hint="A stem can be requeued when its song failed, or is not mixed yet",
            )
    mine = (StemRow.song_id == song.id, StemRow.name.in_(names))
    for reason in tx.conn.execute(select(StemRow.reason).where(*mine)).scalars():
        tx.count(song.submission_id, Subject.STEM_FAILURE, reason or "", -1)
    move_stems(tx, StemState.DROPPED, StemState.READY, *mine, **CLEAN)
    left = song.stems_left + len(names)
    if song.state is SongState.MIXING:
        close_tasks(tx, song.submission_id, song.id)
        move_song(tx, song, SongState.RENDERING, stems_left=left)
    else:
        tx.conn.execute(update(SongRow).where(SongRow.id == song.id).values(stems_left=left))


def named_song(tx: Tx, submission_id: int, name: str) -> SongHead:
    """Lock a song of a submission by its name; UnknownIdError if there is none."""
    return _songs_named(tx, submission_id, [name])[name]


def named_stem(tx: Tx, song: SongHead, name: str) -> Any:
    """Return id, state and reason of a stem of a locked song by its name; UnknownIdError if there is none."""
    columns = (StemRow.id, StemRow.state, StemRow.reason)
    found = tx.conn.execute(select(*columns).where(StemRow.song_id == song.id, StemRow.name == name)).first()
    if found is None:
        why = "its stems are not drawn yet" if song.stems_total == 0 else "see `farm failures` for those that failed"
        raise UnknownIdError(f"song {song.name} has no stem {name}: {why}", hint="Stems are named S00, S01, ...")
    return found
