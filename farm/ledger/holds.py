"""Stems that wait for a person: of patches that are quarantined, one by one or with all that is loaded with their key.

Few patches are held at a time, so what is asked of stems begins with the held patches: an index has the ready stems of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, func, literal, or_, select, union

from farm.ledger.clock import db_now
from farm.ledger.holding import lock_stems
from farm.ledger.models import (
    PATCH_HELD,
    STEM_LEASED,
    STEM_READY,
    SUBMISSION_RUNS,
    TASK_READY,
    TASK_RUNNING,
    BacklogRow,
    BlockRow,
    LoadKeyRow,
    PatchRow,
    StemRow,
    SubmissionRow,
    TallyRow,
    TaskRow,
)
from farm.ledger.songs import lock_song
from farm.ledger.stems import end_stem
from farm.ledger.tx import Subject, Tx
from schemas.states import FailureReason, SongState, SubmissionState

#: Stems that are failed in one transaction.
_FAILED_AT_ONCE: Final = 500


def held_patches(conn: Connection) -> list[int]:
    """Return the patches that are held for themselves."""
    return list(conn.execute(select(PatchRow.id).where(PATCH_HELD).order_by(PatchRow.id)).scalars())


def out_of_reach(conn: Connection, host: str) -> list[int]:
    """Return the patches of which a host gets no stems: those that are held, and those that it fails on."""
    mine = (BlockRow.load_key == PatchRow.load_key, BlockRow.patch == PatchRow.name)
    blocked = select(PatchRow.id).join(BlockRow, mine[0] & mine[1]).where(BlockRow.host == host)
    either = union(select(PatchRow.id).where(PATCH_HELD), blocked.where(BlockRow.until > db_now()))
    return sorted(conn.execute(either).scalars())


def waiting(
    conn: Connection, patch_ids: Collection[int], submission_id: int | None = None
) -> Mapping[tuple[int, str], int]:
    """Count the ready stems of some patches by (submission, load key)."""
    if not patch_ids:
        return Counter()
    query = (
        select(StemRow.submission_id, PatchRow.load_key, func.count())
        .join(PatchRow, PatchRow.id == StemRow.patch_id)
        .where(STEM_READY, StemRow.patch_id.in_(patch_ids))
    )
    if submission_id is not None:
        query = query.where(StemRow.submission_id == submission_id)
    rows = conn.execute(query.group_by(StemRow.submission_id, PatchRow.load_key))
    return Counter({(row[0], row[1]): row[2] for row in rows})


def held_by_engine(conn: Connection, conditions: Sequence[Any]) -> Mapping[str, int]:
    """Count the ready stems of held patches of running submissions by engine class, where load keys meet conditions."""
    held = held_patches(conn)
    if not held:
        return Counter()
    rows = conn.execute(
        select(StemRow.engine, func.count())
        .join(SubmissionRow, SubmissionRow.id == StemRow.submission_id)
        .join(LoadKeyRow, LoadKeyRow.load_key == StemRow.load_key)
        .where(STEM_READY, StemRow.patch_id.in_(held), SUBMISSION_RUNS, *conditions)
        .group_by(StemRow.engine)
    )
    return Counter({row[0]: row[1] for row in rows})


def held_of_slot(conn: Connection, slot_id: int) -> frozenset[int]:
    """Return the stems that a slot holds and should give back: quarantined since, or waiting for a licence."""
    query = (
        select(StemRow.id)
        .join(PatchRow, PatchRow.id == StemRow.patch_id)
        .join(LoadKeyRow, LoadKeyRow.load_key == StemRow.load_key)
        .where(STEM_LEASED, StemRow.slot_id == slot_id)
        .where(or_(PATCH_HELD, LoadKeyRow.quarantined_at.is_not(None), LoadKeyRow.not_before > db_now()))
    )
    return frozenset(conn.execute(query).scalars())


def songs_held(conn: Connection, ids: Sequence[int]) -> dict[int, int]:
    """Count the songs of submissions that wait for what is quarantined."""
    keys, patches = _held_keys(conn), held_patches(conn)
    song = select(StemRow.submission_id, StemRow.song_id).where(STEM_READY, StemRow.submission_id.in_(ids))
    # Two queries of one index each: no index serves both at once.
    parts = [song.where(StemRow.load_key.in_(keys))] if keys else []
    parts += [song.where(StemRow.patch_id.in_(patches))] if patches else []
    if not parts or not ids:
        return {}
    found = union(*parts).subquery()
    return {row[0]: row[1] for row in conn.execute(select(found.c[0], func.count()).group_by(found.c[0]))}


def _held_keys(conn: Connection) -> list[str]:
    held = select(LoadKeyRow.load_key).where(LoadKeyRow.quarantined_at.is_not(None))
    return list(conn.execute(held.order_by(LoadKeyRow.load_key)).scalars())


def stems_held(conn: Connection, submission_id: int) -> int:
    """Count the ready stems of a submission that wait for what is quarantined."""
    keys = _held_keys(conn)
    query = select(func.coalesce(func.sum(BacklogRow.ready), 0))
    whole = conn.execute(query.where(BacklogRow.submission_id == submission_id, BacklogRow.load_key.in_(keys)))
    single = waiting(conn, held_patches(conn), submission_id)
    return int(whole.scalar_one()) + sum(count for (_, key), count in single.items() if key not in keys)


def only_held_left(conn: Connection, submission_id: int) -> bool:
    """Whether nothing of an active submission can be worked on but what waits for a quarantined patch."""
    held = stems_held(conn, submission_id)
    if not held:
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
        and conn.execute(backlog).scalar() == held
        and conn.execute(tasks.limit(1)).first() is None
        and conn.execute(drawing.limit(1)).first() is None
    )


def fail_held(tx: Tx, submission_id: int) -> int:
    """Fail some stems of quarantined patches, each with its patch's reason; returns how many songs or stems ended."""
    reasons = {row.id: row.reason for row in tx.conn.execute(_held_stems(tx.conn, submission_id))}
    _, stems = lock_stems(tx, reasons, STEM_READY)
    for stem in stems:
        song = lock_song(tx, stem.song_id)  # read anew: another stem of it may have ended it
        if song.state is SongState.RENDERING:
            end_stem(tx, song, stem, FailureReason.QUARANTINED, f"its patch is held: {reasons[stem.id]}")
    return len(stems)


def _held_stems(conn: Connection, submission_id: int) -> Any:
    """Return the query of some held stems, each with the reason of its patch, or else of its load key."""
    ready = (STEM_READY, StemRow.submission_id == submission_id)
    single = (
        select(StemRow.id, StemRow.song_id, PatchRow.reason, literal(0).label("rule"))
        .join(PatchRow, PatchRow.id == StemRow.patch_id)
        .where(*ready, StemRow.patch_id.in_(held_patches(conn)))
    )
    whole = (
        select(StemRow.id, StemRow.song_id, LoadKeyRow.reason, literal(1).label("rule"))
        .join(LoadKeyRow, LoadKeyRow.load_key == StemRow.load_key)
        .where(*ready, StemRow.load_key.in_(_held_keys(conn)))
    )
    either = union(single, whole).subquery()
    # The patch's own reason is read last, and so is kept.
    return (
        select(either.c.id, either.c.reason)
        .order_by(either.c.song_id, either.c.id, either.c.rule.desc())
        .limit(_FAILED_AT_ONCE)
    )
