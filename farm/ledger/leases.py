"""A lease: a batch of ready stems of one load key goes to one slot."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from farm.ledger.choosing import KeyBacklog, batch_size, choose_load_key, cut_batch
from farm.ledger.clock import db_now
from farm.ledger.models import STEM_DONE, STEM_READY, BacklogRow, LoadKeyRow, PatchRow, SongRow, StemRow, SubmissionRow
from farm.ledger.parsed import patch_of
from farm.ledger.records import SlotRef, StemLease
from farm.ledger.slots import live_count, warm_counts
from farm.ledger.stems import leased_to, lose
from farm.ledger.tx import Subject, Tx
from schemas.job import RenderJob
from schemas.states import StemState


def waits(conn: Connection, slot: SlotRef, engine: str, submission_id: int | None, holding: Collection[int]) -> bool:
    """Whether a lease would find something: ready stems, or stems that the slot has forgotten."""
    query = select(BacklogRow.load_key).where(BacklogRow.engine == engine, BacklogRow.ready > 0, *_of(submission_id))
    return conn.execute(query.limit(1)).first() is not None or bool(leased_to(conn, slot.id, holding))


def _of(submission_id: int | None) -> list[Any]:
    return [] if submission_id is None else [BacklogRow.submission_id == submission_id]


def forget(tx: Tx, slot: SlotRef, holding: Collection[int]) -> None:
    """Free what a slot has from an earlier lease and does not name: the answer, or the slot's memory, was lost."""
    forgotten = leased_to(tx.conn, slot.id, holding)
    lose(tx, forgotten, StemRow.slot_id == slot.id, "its slot asked for other work", blame=True)


def lease(
    tx: Tx, slot: SlotRef, *, engine: str, warm_key: str | None, limit: int, submission_id: int | None
) -> list[StemLease]:
    """Lease a batch to a slot that was just touched."""
    live_slots = live_count(tx.conn, engine)
    backlogs = {backlog.load_key: backlog for backlog in _backlogs(tx.conn, engine, submission_id)}
    while (load_key := choose_load_key(list(backlogs.values()), warm_key)) is not None:
        size = batch_size(backlogs.pop(load_key).ready, live_slots, limit)
        ids = _take(tx, slot, load_key, size, submission_id)
        if ids:
            return _leases(tx.conn, ids)
    return []


def _backlogs(conn: Connection, engine: str, submission_id: int | None) -> list[KeyBacklog]:
    ready, est_s = func.sum(BacklogRow.ready), func.sum(BacklogRow.est_s)
    rows = conn.execute(
        select(BacklogRow.load_key, ready.label("ready"), est_s.label("est_s"), LoadKeyRow.load_s, LoadKeyRow.pace)
        .join(LoadKeyRow, LoadKeyRow.load_key == BacklogRow.load_key)
        .where(BacklogRow.engine == engine, BacklogRow.ready > 0, *_of(submission_id))
        .group_by(BacklogRow.load_key, LoadKeyRow.load_s, LoadKeyRow.pace)
    ).all()
    warm = warm_counts(conn, engine) if len(rows) > 1 else {}
    return [KeyBacklog(r.load_key, int(r.ready), r.est_s * r.pace, r.load_s, warm.get(r.load_key, 0)) for r in rows]


def _take(tx: Tx, slot: SlotRef, load_key: str, size: int, submission_id: int | None) -> list[int]:
    """Lease the next stems of a load key: songs in the order of admission, within a song the longest stem first."""
    query = select(StemRow.id, StemRow.losses).where(STEM_READY, StemRow.load_key == load_key)
    if submission_id is not None:
        query = query.where(StemRow.submission_id == submission_id)
    query = query.order_by(StemRow.rank, StemRow.est_s.desc(), StemRow.id).limit(size)
    found = tx.conn.execute(query.with_for_update(skip_locked=True, key_share=True)).all()
    ids = [row.id for row in found[: cut_batch([row.losses for row in found])]]
    if not ids:
        return []
    rows = tx.conn.execute(
        update(StemRow)
        .where(StemRow.id.in_(ids))
        .values(state=StemState.LEASED, slot_id=slot.id, epoch=StemRow.epoch + 1, updated_at=db_now())
        .returning(StemRow.submission_id, StemRow.engine, StemRow.est_s)
    )
    for row in rows:
        tx.ready(row.submission_id, load_key, row.engine, -1, -row.est_s)
        tx.count(row.submission_id, Subject.STEM, StemState.READY.value, -1)
        tx.count(row.submission_id, Subject.STEM, StemState.LEASED.value)
    return ids


def _leases(conn: Connection, ids: Sequence[int]) -> list[StemLease]:
    rows = conn.execute(
        select(StemRow, SongRow.name.label("song_name"), SubmissionRow.store_root, PatchRow.body)
        .join(SongRow, SongRow.id == StemRow.song_id)
        .join(SubmissionRow, SubmissionRow.id == StemRow.submission_id)
        .join(PatchRow, PatchRow.id == StemRow.patch_id)
        .where(StemRow.id.in_(ids))
    )
    by_id = {row.id: row for row in rows}
    finished = _finished(conn, {row.song_id for row in by_id.values()})
    return [_lease(by_id[stem_id], finished[by_id[stem_id].song_id]) for stem_id in ids]


def _finished(conn: Connection, song_ids: set[int]) -> dict[int, list[tuple[str, str | None]]]:
    query = select(StemRow.song_id, StemRow.midi_sha256, StemRow.data_hash)
    finished: dict[int, list[tuple[str, str | None]]] = {song_id: [] for song_id in song_ids}
    for row in conn.execute(query.where(StemRow.song_id.in_(song_ids), STEM_DONE)):
        finished[row.song_id].append((row.midi_sha256, row.data_hash))
    return finished


def _lease(row: Any, finished: Sequence[tuple[str, str | None]]) -> StemLease:
    others = {data for midi, data in finished if midi != row.midi_sha256 and data is not None}
    return StemLease(
        stem_id=row.id,
        epoch=row.epoch,
        submission_id=row.submission_id,
        song_id=row.song_id,
        song_name=row.song_name,
        stem_name=row.name,
        job=job_of(row),
        store_root=row.store_root,
        tries=row.tries,
        losses=row.losses,
        other_hashes=frozenset(others),
    )


def job_of(row: Any) -> RenderJob:
    """Put a render job together from a row with a stem's columns and its patch's `body`."""
    return RenderJob(
        midi_sha256=row.midi_sha256,
        patch=patch_of(row.body),
        rate_hz=row.rate_hz,
        channels=row.channels,
        tail_max_s=row.tail_max_s,
    )


def ready_by_engine(conn: Connection) -> dict[str, int]:
    """Count the stems that wait for a slot by engine class."""
    total = func.sum(BacklogRow.ready)
    rows = conn.execute(select(BacklogRow.engine, total).where(BacklogRow.ready > 0).group_by(BacklogRow.engine))
    return {engine: int(count) for engine, count in rows}
