"""What files of a store the ledger's songs are made of, which of them are still needed, and submissions to purge."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, case, or_, select

from farm.ledger.clock import db_now
from farm.ledger.models import SUBMISSION_OPEN, FileRow, SongRow, StemRow, SubmissionRow
from farm.ledger.parsed import plan_of
from farm.ledger.songs import rejections_of, split_of
from schemas.compose import COMPOSED
from schemas.plan import DatasetPlan
from schemas.quality import Rejection
from schemas.states import SONG_ENDS, SUBMISSION_ENDS, SongState, StemState, SubmissionState

#: Rows of one page.
PAGE: Final = 5000
#: Songs whose MIDI is in the store, or is put there in this moment.
_WITH_MIDI: Final = (
    SongState.SPLITTING, SongState.DRAWING, SongState.RENDERING, SongState.MIXING, SongState.ANNOTATING,
    SongState.PUBLISHING,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StemFile:
    """A stem and the name of its audio."""

    stem_id: int
    song_id: int
    song: str
    song_state: SongState
    stem: str
    state: StemState
    spec_hash: str
    data_hash: str | None  #: None until it is rendered


@dataclass(frozen=True, slots=True)
class SongFiles:
    """A song with the names of its MIDI files, and what they are made from."""

    song_id: int
    name: str
    state: SongState
    song_hash: str
    source: str  #: path of its file
    store_root: str
    midi: tuple[str, ...]  #: of its parts, and its own
    plan: DatasetPlan | None = None  #: that composes it; None for a song that was found
    rejected: tuple[Rejection, ...] = ()  #: tries at it that were thrown away before the one that it is


@dataclass(frozen=True, slots=True)
class Ended:
    """A submission that has ended."""

    submission_id: int
    name: str
    state: SubmissionState
    age_s: float  #: since its end
    keeps_store: bool  #: its plan wants raw stems kept


def stem_page(conn: Connection, submission_id: int, after: int) -> list[StemFile]:
    """Return stems of a submission with ids above `after`, some thousand at most."""
    rows = conn.execute(
        select(
            StemRow.id, StemRow.song_id, SongRow.name, SongRow.state, StemRow.name, StemRow.state, StemRow.spec_hash,
            StemRow.data_hash,
        )
        .join(SongRow, SongRow.id == StemRow.song_id)
        .where(StemRow.submission_id == submission_id, StemRow.id > after)
        .order_by(StemRow.id)
        .limit(PAGE)
    )  # fmt: skip
    return [StemFile(*row) for row in rows]


def song_page(conn: Connection, submission_id: int, after: int) -> list[SongFiles]:
    """Return songs of a submission with ids above `after`, some thousand at most."""
    return _songs(conn, SongRow.submission_id == submission_id, SongRow.id > after)


def song_files(conn: Connection, song_id: int) -> SongFiles | None:
    """Return one song, None if it has ended or is not there."""
    found = _songs(conn, SongRow.id == song_id, SongRow.state.in_(_WITH_MIDI))
    return found[0] if found else None


def _songs(conn: Connection, *conditions: ColumnElement[bool]) -> list[SongFiles]:
    rows = conn.execute(
        select(
            SongRow.id, SongRow.name, SongRow.state, SongRow.song_hash, FileRow.path, SubmissionRow.source_root,
            SubmissionRow.store_root, SongRow.split, FileRow.rejected,
            case((SubmissionRow.source_root == COMPOSED, SubmissionRow.plan)).label("composes"),
        )
        .join(FileRow, FileRow.id == SongRow.file_id)
        .join(SubmissionRow, SubmissionRow.id == SongRow.submission_id)
        .where(*conditions)
        .order_by(SongRow.id)
        .limit(PAGE)
    )  # fmt: skip
    return [
        SongFiles(
            row.id, row.name, row.state, row.song_hash, str(PurePath(row.source_root) / row.path), row.store_root,
            () if row.split is None else (row.song_hash, *_midi_of(row.name, row.split)),
            None if row.composes is None else plan_of(row.composes),
            tuple(rejections_of(row.rejected)),
        )
        for row in rows
    ]  # fmt: skip


def _midi_of(name: str, split: str) -> list[str]:
    return [part.midi_sha256 for part in split_of(name, split).parts]


def midi_in_use(conn: Connection, song_id: int) -> set[str]:
    """Return the MIDI files of a song that unfinished songs with the same store need.

    Found are songs that share a rendered part with it, the same song in another submission, and songs that were split
    and wait for their patches. A song that needs one and is missed (it is being split in this very moment) has it made
    again when it is found missing.
    """
    mine = conn.execute(
        select(SongRow.name, SongRow.song_hash, SongRow.split, SubmissionRow.store_root)
        .join(SubmissionRow, SubmissionRow.id == SongRow.submission_id)
        .where(SongRow.id == song_id)
    ).one()
    names = {mine.song_hash, *(() if mine.split is None else _midi_of(mine.name, mine.split))}
    open_ids = select(SubmissionRow.id).where(SUBMISSION_OPEN, SubmissionRow.store_root == mine.store_root)
    ids = list(conn.execute(open_ids).scalars())
    under_way = (SongRow.id != song_id, SongRow.submission_id.in_(ids))
    used = set(
        conn.execute(
            select(StemRow.midi_sha256)
            .join(SongRow, SongRow.id == StemRow.song_id)
            .where(StemRow.spec_hash.in_(select(StemRow.spec_hash).where(StemRow.song_id == song_id)))
            .where(*under_way, SongRow.state.not_in(list(SONG_ENDS)))
        ).scalars()
    )
    same = SongRow.song_hash == mine.song_hash
    if conn.execute(select(SongRow.id).where(*under_way, SongRow.state.in_(_WITH_MIDI), same).limit(1)).first():
        return names
    used |= _used_by_undrawn(conn, names, under_way)
    return names & used


def _used_by_undrawn(conn: Connection, names: Collection[str], under_way: Sequence[ColumnElement[bool]]) -> set[str]:
    some = or_(*(SongRow.split.contains(name, autoescape=True) for name in names))
    rows = conn.execute(select(SongRow.name, SongRow.split).where(*under_way, SongRow.state == SongState.DRAWING, some))
    return {name for row in rows for name in _midi_of(row.name, row.split)}


def rivals(conn: Connection, submission_id: int) -> list[int]:
    """Return the other submissions with the same store, the oldest first."""
    mine = select(SubmissionRow.store_root).where(SubmissionRow.id == submission_id).scalar_subquery()
    query = select(SubmissionRow.id).where(SubmissionRow.store_root == mine, SubmissionRow.id != submission_id)
    return list(conn.execute(query.order_by(SubmissionRow.id)).scalars())


def successor(conn: Connection, submission_id: int) -> int | None:
    """Return an unfinished submission into the same folder, if there is one."""
    mine = select(SubmissionRow.out_dir).where(SubmissionRow.id == submission_id).scalar_subquery()
    query = select(SubmissionRow.id).where(SubmissionRow.out_dir == mine, SubmissionRow.id != submission_id)
    return conn.execute(query.where(SUBMISSION_OPEN).limit(1)).scalar()


def ended(conn: Connection, age_s: float) -> list[Ended]:
    """Return the submissions that ended longer than `age_s` ago by the database's clock, the oldest first."""
    age = (db_now() - SubmissionRow.ended_at).label("age_s")
    rows: Sequence[Any] = conn.execute(
        select(SubmissionRow.id, SubmissionRow.state, SubmissionRow.plan, age)
        .where(SubmissionRow.state.in_(list(SUBMISSION_ENDS)), SubmissionRow.ended_at <= db_now() - age_s)
        .order_by(SubmissionRow.id)
    ).all()
    found = [(row, plan_of(row.plan)) for row in rows]
    return [Ended(row.id, plan.name, row.state, row.age_s, plan.keep_store) for row, plan in found]
