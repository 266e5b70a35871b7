"""A lease: a batch of ready stems of one load key goes to one slot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, func, or_, select

from farm.ledger.choosing import SWITCH_S, KeyBacklog, choose_batch, cut_batch
from farm.ledger.clock import db_now
from farm.ledger.holds import held_by_engine, out_of_reach, waiting
from farm.ledger.limiting import full_keys
from farm.ledger.models import (
    STEM_DONE,
    STEM_READY,
    SUBMISSION_RUNS,
    BacklogRow,
    BlockRow,
    LoadKeyRow,
    PatchRow,
    SongRow,
    StemRow,
    SubmissionRow,
)
from farm.ledger.parsed import job_of, plan_of
from farm.ledger.records import SlotRef, StemLease
from farm.ledger.retry import MAX_TRIES
from farm.ledger.slots import Census, bind, census, served_elsewhere, slots_by_engine, whereabouts
from farm.ledger.stemrows import move_stems
from farm.ledger.stems import leased_to, lose
from farm.ledger.tx import Tx
from schemas.song import WHOLE
from schemas.states import StemState


@dataclass(frozen=True, slots=True)
class _Seeker:
    """A slot that looks for stems, and what it may take."""

    slot_id: int
    host: str
    engines: tuple[str, ...]  #: classes that it serves
    warm_key: str | None
    limit: int
    alone: frozenset[str]  #: classes of which no other host could do its work
    without: Sequence[int]  #: patches that are held, or that its host fails on


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Stems of a submission that wait for a load key, and what that is."""

    submission_id: int
    priority: int
    load_key: str
    ready: int
    est_s: float
    load_s: float
    pace: float
    label: str
    engine: str


@dataclass(frozen=True, slots=True)
class _Offer:
    """A batch that a slot could take: its load key, size, and the submissions to take it from, in order."""

    load_key: str
    engine: str
    size: int
    submission_ids: Sequence[int]


def waits(
    conn: Connection,
    slot: SlotRef,
    *,
    engines: tuple[str, ...],
    warm_key: str | None,
    limit: int,
    submission_id: int | None,
    holding: Collection[int],
) -> bool:
    """Whether a lease would find something: stems for the slot, or stems that it has forgotten."""
    if leased_to(conn, slot.id, holding):
        return True
    seeker = _seeker(conn, slot, engines, warm_key, limit)
    if seeker is None:
        return False
    for offer in _offers(conn, seeker, _waiting(conn, seeker, submission_id), lock=False):
        for found in offer.submission_ids:
            if conn.execute(_takeable(seeker, offer, found).limit(1)).first() is not None:
                return True
    return False


def forget(tx: Tx, slot: SlotRef, holding: Collection[int]) -> None:
    """Free what a slot has from an earlier lease and does not name: the answer, or the slot's memory, was lost."""
    forgotten = leased_to(tx.conn, slot.id, holding)
    lose(tx, forgotten, StemRow.slot_id == slot.id, "its slot asked for other work", blame=True)


def lease(
    tx: Tx, slot: SlotRef, *, engines: tuple[str, ...], warm_key: str | None, limit: int, submission_id: int | None
) -> list[StemLease]:
    """Lease a batch to a slot that was just touched, of submissions that were just locked."""
    seeker = _seeker(tx.conn, slot, engines, warm_key, limit)
    if seeker is None:
        return []
    for offer in _offers(tx.conn, seeker, _waiting(tx.conn, seeker, submission_id), lock=True):
        ids = _take(tx, seeker, offer)
        if ids:
            bind(tx, slot, offer.load_key, offer.engine, loaded=warm_key)
            return _leases(tx.conn, ids)
    return []


def _seeker(
    conn: Connection, slot: SlotRef, engines: tuple[str, ...], warm_key: str | None, limit: int
) -> _Seeker | None:
    """Return what is known of a slot that looks for stems; None where its host gets no work."""
    host, out = whereabouts(conn, slot.id)
    if out:
        return None
    alone = frozenset(engines) - served_elsewhere(conn, host)
    return _Seeker(slot.id, host, engines, warm_key, limit, alone, out_of_reach(conn, host))


def _waiting(conn: Connection, seeker: _Seeker, submission_id: int | None) -> list[_Waiting]:
    """Return what waits by submission and load key, but for patches that are held, that wait, or that the host fails on."""
    blocked = exists().where(
        BlockRow.host == seeker.host, BlockRow.load_key == BacklogRow.load_key, BlockRow.patch == "",
        BlockRow.until > db_now(),
    )  # fmt: skip
    query = (
        select(
            BacklogRow.submission_id, SubmissionRow.priority, BacklogRow.load_key, BacklogRow.ready, BacklogRow.est_s,
            LoadKeyRow.load_s, LoadKeyRow.pace, LoadKeyRow.label, LoadKeyRow.engine,
        )
        .join(SubmissionRow, SubmissionRow.id == BacklogRow.submission_id)
        .join(LoadKeyRow, LoadKeyRow.load_key == BacklogRow.load_key)
        .where(SUBMISSION_RUNS, BacklogRow.engine.in_(seeker.engines), BacklogRow.ready > 0, *given_out(), ~blocked)
    )  # fmt: skip
    if submission_id is not None:
        query = query.where(BacklogRow.submission_id == submission_id)
    found = [_Waiting(*row) for row in conn.execute(query.order_by(BacklogRow.submission_id))]
    return list(_less(found, waiting(conn, seeker.without, submission_id)))


def _less(found: Sequence[_Waiting], held: Mapping[tuple[int, str], int]) -> Iterator[_Waiting]:
    """Take what a slot may not have off what waits; the rest of a load key is expected to take its share of the time."""
    for entry in found:
        left = entry.ready - held.get((entry.submission_id, entry.load_key), 0)
        if left > 0:
            yield replace(entry, ready=left, est_s=entry.est_s * left / entry.ready)


def given_out() -> list[ColumnElement[bool]]:
    """Return the conditions of a load key whose work is given out: neither quarantined nor waiting for a licence."""
    return [
        LoadKeyRow.quarantined_at.is_(None),
        or_(LoadKeyRow.not_before.is_(None), LoadKeyRow.not_before <= db_now()),
    ]


def _offers(conn: Connection, seeker: _Seeker, found: Sequence[_Waiting], *, lock: bool) -> Iterator[_Offer]:
    """Yield what the slot should take, the best first: the next ones matter when others took a batch meanwhile."""
    keys = {entry.load_key: (entry.engine, entry.label) for entry in found}
    full = full_keys(conn, seeker.slot_id, seeker.host, keys, lock=lock)
    seen = census(conn, seeker.engines, seeker.slot_id)
    drives = _engine_of(conn, seeker.warm_key)
    backlogs = {(b.priority, b.load_key): b for b in _backlogs(found, seen, drives) if b.load_key not in full}
    while backlogs:
        urgent = max(priority for priority, _ in backlogs)
        choice = choose_batch(backlogs.values(), warm_key=seeker.warm_key, live_slots=seen.sharing, limit=seeker.limit)
        if choice is None:  # at this priority nothing is worth a load
            backlogs = {place: backlog for place, backlog in backlogs.items() if place[0] < urgent}
            continue
        del backlogs[urgent, choice.load_key]
        owners = [e.submission_id for e in found if (e.priority, e.load_key) == (urgent, choice.load_key)]
        yield _Offer(choice.load_key, keys[choice.load_key][0], choice.size, owners)


def _engine_of(conn: Connection, load_key: str | None) -> str | None:
    """Return the engine class of what a slot has loaded; None where it has nothing."""
    if load_key is None:
        return None
    return conn.execute(select(LoadKeyRow.engine).where(LoadKeyRow.load_key == load_key)).scalar()


def _backlogs(found: Sequence[_Waiting], seen: Census, drives: str | None) -> Iterator[KeyBacklog]:
    """Add up what waits for each load key at each priority; another engine than the slot's is a longer load."""
    by_place: defaultdict[tuple[int, str], list[_Waiting]] = defaultdict(list)
    for entry in found:
        by_place[entry.priority, entry.load_key].append(entry)
    for (priority, load_key), entries in by_place.items():
        est_s = sum(entry.est_s * entry.pace for entry in entries)
        ready = sum(entry.ready for entry in entries)
        engine, load_s = entries[0].engine, entries[0].load_s
        if drives not in (None, engine):
            load_s += SWITCH_S
        yield KeyBacklog(
            load_key, ready, est_s, load_s, seen.bound.get(load_key, 0), priority, seen.serving.get(engine, 0)
        )


def _takeable(seeker: _Seeker, offer: _Offer, submission_id: int) -> Select[int, int]:
    """Return the query of stems that the slot may take: songs by admission, within a song the longest stem first."""
    query = select(StemRow.id, StemRow.losses).where(
        STEM_READY,
        StemRow.submission_id == submission_id,
        StemRow.load_key == offer.load_key,
        or_(StemRow.not_before.is_(None), StemRow.not_before <= db_now()),
    )
    if seeker.without:
        query = query.where(StemRow.patch_id.not_in(seeker.without))
    if offer.engine not in seeker.alone:
        # Failed on a fresh engine of this host: another one has its turn.
        query = query.where(
            or_(StemRow.failed_host.is_(None), StemRow.failed_host != seeker.host, StemRow.tries < MAX_TRIES)
        )
    return query.order_by(StemRow.rank, StemRow.est_s.desc(), StemRow.id)


def _take(tx: Tx, seeker: _Seeker, offer: _Offer) -> list[int]:
    """Lease the next stems of an offer."""
    found: list[Any] = []
    for submission_id in offer.submission_ids:
        query = _takeable(seeker, offer, submission_id).limit(offer.size - len(found))
        found += tx.conn.execute(query.with_for_update(skip_locked=True, key_share=True)).all()
        if len(found) >= offer.size:
            break
    ids = [row.id for row in found[: cut_batch([row.losses for row in found])]]
    if ids:
        move_stems(
            tx, StemState.READY, StemState.LEASED, StemRow.id.in_(ids), slot_id=seeker.slot_id, epoch=StemRow.epoch + 1,
            not_before=None,
        )  # fmt: skip
    return ids


def _leases(conn: Connection, ids: Sequence[int]) -> list[StemLease]:
    rows = conn.execute(
        select(StemRow, SongRow.name.label("song_name"), SubmissionRow.store_root, SubmissionRow.plan, PatchRow.body)
        .join(SongRow, SongRow.id == StemRow.song_id)
        .join(SubmissionRow, SubmissionRow.id == StemRow.submission_id)
        .join(PatchRow, PatchRow.id == StemRow.patch_id)
        .where(StemRow.id.in_(ids))
    )
    by_id = {row.id: row for row in rows}
    finished = _finished(conn, {row.song_id for row in by_id.values()})
    return [_lease(by_id[stem_id], finished[by_id[stem_id].song_id]) for stem_id in ids]


def _finished(conn: Connection, song_ids: set[int]) -> dict[int, list[tuple[str, str | None]]]:
    query = select(StemRow.song_id, StemRow.midi_sha256, StemRow.data_hash).where(StemRow.name != WHOLE)
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
        again=plan_of(row.plan).rerender_existing,
    )


def ready_by_engine(conn: Connection, submission_id: int | None = None) -> dict[str, int]:
    """Count the stems that wait for a slot by engine class, but for paused submissions and held patches."""
    mine = [] if submission_id is None else [BacklogRow.submission_id == submission_id]
    rows = conn.execute(
        select(BacklogRow.engine, func.sum(BacklogRow.ready))
        .join(SubmissionRow, SubmissionRow.id == BacklogRow.submission_id)
        .join(LoadKeyRow, LoadKeyRow.load_key == BacklogRow.load_key)
        .where(SUBMISSION_RUNS, BacklogRow.ready > 0, *given_out(), *mine)
        .group_by(BacklogRow.engine)
    )
    held = held_by_engine(
        conn, [*given_out(), *([] if submission_id is None else [StemRow.submission_id == submission_id])]
    )
    counts = {engine: int(count) - held.get(engine, 0) for engine, count in rows}
    return {engine: count for engine, count in counts.items() if count > 0}


def unserved(conn: Connection, submission_id: int | None = None) -> dict[str, int]:
    """Count the stems, of one submission or of all, that wait for an engine class which no live slot serves."""
    found = ready_by_engine(conn, submission_id)
    if not found:
        return {}
    served = slots_by_engine(conn)
    return {engine: count for engine, count in sorted(found.items()) if engine not in served}
