"""Songs: admitted, moved from state to state, ended; each move is checked, and counted in the same transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select, update

from farm.ledger.bulk import update_rows
from farm.ledger.choosing import WaitingSong, order_of_admission
from farm.ledger.clock import db_now
from farm.ledger.models import SONG_PLANNED, FileRow, SongRow, StemRow, SubmissionRow
from farm.ledger.moves import check_move
from farm.ledger.stemrows import move_stems
from farm.ledger.tasks import NewTask, close_tasks, put_tasks
from farm.ledger.tx import Subject, Tx
from schemas.errors import LedgerError, UnknownIdError
from schemas.quality import REJECTIONS, Rejection
from schemas.song import SongFacts, SongSpec, SplitResult
from schemas.states import SONG_ENDS, SONG_MOVES, EventKind, FailureReason, SongState, StemState, TaskKind

#: The task that is put when a song comes to a state.
TASK_OF: Final = {
    SongState.SPLITTING: TaskKind.SPLIT,
    SongState.MIXING: TaskKind.MIX,
    SongState.ANNOTATING: TaskKind.ANNOTATE,
    SongState.PUBLISHING: TaskKind.PUBLISH,
}


@dataclass(frozen=True, slots=True)
class SongHead:
    """What every move of a song needs to know of it."""

    id: int
    submission_id: int
    name: str
    state: SongState
    work_s: float
    rank: int
    stems_total: int
    stems_left: int
    returns: int
    song_hash: str


_HEAD = (
    SongRow.id, SongRow.submission_id, SongRow.name, SongRow.state, SongRow.work_s, SongRow.rank, SongRow.stems_total,
    SongRow.stems_left, SongRow.returns, SongRow.song_hash,
)  # fmt: skip


def lock_songs(tx: Tx, ids: Iterable[int]) -> dict[int, SongHead]:
    """Lock songs in rising order of their ids, before any of their stems and tasks, and return their heads."""
    query = select(*_HEAD).where(SongRow.id.in_(sorted(set(ids)))).order_by(SongRow.id).with_for_update(key_share=True)
    rows: list[Any] = list(tx.conn.execute(query))
    return {row.id: SongHead(*row) for row in rows}


def lock_song(tx: Tx, song_id: int) -> SongHead:
    """Lock one song.

    Raises:
        UnknownIdError: there is none of this id.
    """
    found = lock_songs(tx, [song_id])
    if song_id not in found:
        raise UnknownIdError(
            f"there is no song {song_id} in the ledger", hint="See `farm songs` for the songs there are"
        )
    return found[song_id]


def reason_of_song(tx: Tx, song: SongHead) -> str | None:
    """Return why a locked song failed."""
    return tx.conn.execute(select(SongRow.reason).where(SongRow.id == song.id)).scalar()


def move_song(tx: Tx, song: SongHead, to: SongState, **values: Any) -> None:
    """Bring a locked song to another state, write `values` with it, and put the task that belongs to the new state."""
    check_move(SONG_MOVES, song.state, to, f"song {song.name}")
    tx.conn.execute(update(SongRow).where(SongRow.id == song.id).values(state=to, updated_at=db_now(), **values))
    tx.count(song.submission_id, Subject.SONG, song.state.value, -1)
    tx.count(song.submission_id, Subject.SONG, to.value)
    if to in SONG_ENDS:
        tx.count(song.submission_id, Subject.WORK, "ended", song.work_s)
    if to in TASK_OF:
        put_tasks(tx, song.submission_id, [NewTask(TASK_OF[to], song.id)])


def fail_song(tx: Tx, song: SongHead, reason: FailureReason, detail: str) -> None:
    """End a locked song as failed; its open tasks and the stems that nobody needs any more end with it."""
    move_song(tx, song, SongState.FAILED, reason=reason.value, detail=detail)
    close_tasks(tx, song.submission_id, song.id)
    for state in (StemState.READY, StemState.LEASED):
        move_stems(tx, state, StemState.CANCELLED, StemRow.song_id == song.id, slot_id=None)
    tx.count(song.submission_id, Subject.FAILURE, reason.value)
    words = f"{song.name}: {reason.value}: {detail}"
    tx.event(EventKind.SONG_FAILED, words, submission_id=song.submission_id, song_id=song.id)


def stems_ended(tx: Tx, ended: Sequence[tuple[SongHead, int]]) -> None:
    """Take stems off the rest of locked songs; with the last of them a song goes to the mix, if any was rendered.

    A song with a stem that failed and may have another patch goes back to the draw instead.
    """
    left = [(song, song.stems_left - count) for song, count in ended]
    update_rows(tx.conn, SongRow, [{"id": song.id, "stems_left": count} for song, count in left])
    whole = [song for song, count in left if count <= 0]
    if whole:
        mine = (StemRow.song_id.in_([song.id for song in whole]), StemRow.state.in_([StemState.DONE, StemState.FAILED]))
        rows = tx.conn.execute(select(StemRow.song_id, StemRow.state).where(*mine).distinct())
        found = {(row.song_id, row.state) for row in rows}
        again = [song for song in whole if (song.id, StemState.FAILED) in found]
        move_alike(tx, again, SongState.RENDERING, SongState.DRAWING)
        rest = [song for song in whole if (song.id, StemState.FAILED) not in found]
        rendered = [song for song in rest if (song.id, StemState.DONE) in found]
        move_alike(tx, rendered, SongState.RENDERING, SongState.MIXING)
        for song in rest:
            if song not in rendered:
                fail_song(tx, song, FailureReason.STEM_FAILED, "every stem was dropped")


def move_alike(tx: Tx, songs: Sequence[SongHead], old: SongState, new: SongState) -> None:
    """Bring songs that are in one state to another, whose task, if any, is put for each, in few statements."""
    check_move(SONG_MOVES, old, new, "a song")
    ids = {song.id: song.submission_id for song in songs}
    if not ids:
        return
    tx.conn.execute(update(SongRow).where(SongRow.id.in_(ids)).values(state=new, updated_at=db_now()))
    for submission_id in sorted(set(ids.values())):
        mine = [song_id for song_id, owner in ids.items() if owner == submission_id]
        tx.count(submission_id, Subject.SONG, old.value, -len(mine))
        tx.count(submission_id, Subject.SONG, new.value, len(mine))
        if new in TASK_OF:
            put_tasks(tx, submission_id, [NewTask(TASK_OF[new], song_id) for song_id in mine])


def _notes_of(tx: Tx, ids: Iterable[int]) -> dict[int, int]:
    """Return how many notes each song has."""
    query = select(SongRow.id, FileRow.facts).join(FileRow, FileRow.id == SongRow.file_id)
    rows = tx.conn.execute(query.where(SongRow.id.in_(list(ids))))
    return {row.id: SongFacts.model_validate_json(row.facts).notes if row.facts else 0 for row in rows}


def admit(tx: Tx, submission_id: int, limit: int) -> int:
    """Open the next `limit` planned songs by track, those with the most work first; returns how many were opened."""
    query = select(SubmissionRow.admitted).where(SubmissionRow.id == submission_id).with_for_update(key_share=True)
    admitted = tx.conn.execute(query).scalar_one()
    ids = tx.conn.execute(
        select(SongRow.id)
        .where(SongRow.submission_id == submission_id, SONG_PLANNED)
        .order_by(SongRow.track)
        .limit(limit)
    ).scalars()
    songs = lock_songs(tx, ids)
    notes = _notes_of(tx, songs)
    order = order_of_admission(WaitingSong(song.id, song.work_s, notes[song.id], song.name) for song in songs.values())
    if songs:
        _open(tx, submission_id, order, admitted)
    total = admitted + len(songs)
    tx.conn.execute(update(SubmissionRow).where(SubmissionRow.id == submission_id).values(admitted=total))
    return len(songs)


def _open(tx: Tx, submission_id: int, order: Sequence[int], admitted: int) -> None:
    """Bring planned songs to their split, in few statements however many there are."""
    check_move(SONG_MOVES, SongState.PLANNED, SongState.SPLITTING, "a song")
    ranks = [{"id": song_id, "rank": rank} for rank, song_id in enumerate(order, start=admitted + 1)]
    update_rows(tx.conn, SongRow, ranks, {"state": SongState.SPLITTING.value})
    tx.count(submission_id, Subject.SONG, SongState.PLANNED.value, -len(order))
    tx.count(submission_id, Subject.SONG, SongState.SPLITTING.value, len(order))
    put_tasks(tx, submission_id, [NewTask(TaskKind.SPLIT, song_id) for song_id in order])


def count_warnings(tx: Tx, submission_id: int, split: SplitResult, sign: int = 1) -> None:
    """Count the warnings of a split, or take them off again (sign -1)."""
    for finding, count in split.warnings.items():
        tx.count(submission_id, Subject.FINDING, finding, sign * count)


def split_of(name: str, text: str | None) -> SplitResult:
    """Parse a song's split."""
    return SplitResult.model_validate_json(required(text, f"the split of {name}"))


def rejections_of(text: str | None) -> list[Rejection]:
    """Parse the tries at a composed song that were thrown away."""
    return [] if text is None else REJECTIONS.validate_json(text)


#: What `spec_of` needs of a song and its file.
SPEC: Final = (
    SongRow.song_hash, SongRow.track, SongRow.name, SongRow.cluster, SongRow.subset, SongRow.places, FileRow.path,
    FileRow.facts, FileRow.rejected,
)  # fmt: skip


def spec_of(row: Any) -> SongSpec:
    """Put a song's place in the dataset together with its facts; `row` has the columns of `SPEC`."""
    facts = SongFacts.model_validate_json(required(row.facts, f"the facts of {row.name}"))
    return SongSpec(
        song_hash=row.song_hash, track=row.track, name=row.name, source=row.path, facts=facts, cluster=row.cluster,
        split=row.subset, places={} if row.places is None else json.loads(row.places),
        rejected=rejections_of(row.rejected),
    )  # fmt: skip


def required(text: str | None, what: str) -> str:
    """Return a text that the state of its row promises.

    Raises:
        LedgerError: it is not there.
    """
    if text is None:
        raise LedgerError(f"{what} is missing in the ledger", hint="The ledger was changed from outside: restore it")
    return text
