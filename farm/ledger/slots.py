"""Slots: who works, whether they still live, and what they have loaded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, insert, or_, select, update

from farm.ledger.clock import db_now
from farm.ledger.models import SLOT_LIVE, STEM_LEASED, TASK_RUNNING, HostRow, SlotRow, StemRow, TaskRow
from farm.ledger.records import SlotRef
from farm.ledger.tx import Tx
from schemas.states import SlotState


@dataclass(frozen=True, slots=True)
class Census:
    """The live slots as one of them sees them that looks for work."""

    serving: Mapping[str, int]  #: by engine class; a slot counts for every class that it serves
    sharing: int  #: slots that serve any class of the one that looks, itself among them
    bound: Mapping[str, int]  #: by load key, those that hold stems of it


def written(engines: Iterable[str]) -> str:
    """Return engine classes as they are kept in a slot's row."""
    return f" {' '.join(engines)} "


def classes(engines: str) -> tuple[str, ...]:
    """Return the engine classes that are written in a slot's row, in its order of preference."""
    return tuple(engines.split())


def classes_of(conn: Connection, slot_id: int) -> tuple[str, ...]:
    """Return the engine classes that a slot serves; none where there is no such slot."""
    return classes(conn.execute(select(SlotRow.engines).where(SlotRow.id == slot_id)).scalar() or "")


def serves(engine: str) -> ColumnElement[bool]:
    """Return the condition that a slot serves an engine class."""
    return SlotRow.engines.contains(written([engine]), autoescape=True)


def register(tx: Tx, host: str, pid: int, engines: Collection[str]) -> SlotRef:
    """Add a slot that serves engine classes, the first of them to begin with, and its host when it is the first of it."""
    engine = next(iter(engines))
    row = {"host": host, "pid": pid, "engine": engine, "engines": written(engines), "state": SlotState.IDLE}
    added = tx.conn.execute(
        insert(SlotRow)
        .values(registered_at=db_now(), heartbeat_at=db_now(), **row)
        .returning(SlotRow.id, SlotRow.epoch)
    ).one()
    seen = {"host": host, "draining": False}
    tx.conn.execute(tx.upsert(HostRow).values(seen_at=db_now(), **seen).on_conflict_do_nothing())
    return SlotRef(added.id, added.epoch, engine)


def touch(tx: Tx, slot: SlotRef, **values: Any) -> bool:
    """Write a sign of life; False when the slot was given up, in which case nothing is changed.

    It also locks the slot's row, so that no other process gives the slot up until the transaction ends.
    """
    changed = tx.conn.execute(
        update(SlotRow)
        .where(SlotRow.id == slot.id, SlotRow.epoch == slot.epoch, SLOT_LIVE)
        .values(heartbeat_at=db_now(), **values)
    )
    return changed.rowcount == 1


def beat(tx: Tx, slot: SlotRef, warm_key: str | None) -> bool:
    """Write a sign of life with what the slot has loaded, and whether it holds any work; False when it was given up."""
    if not touch(tx, slot):
        return False
    # Only now, with the slot's row locked: a lease that was under way has ended and is seen.
    stems = exists().where(STEM_LEASED, StemRow.slot_id == slot.id)
    tasks = exists().where(TASK_RUNNING, TaskRow.slot_id == slot.id)
    with_stems, with_tasks = tx.conn.execute(select(stems, tasks)).one()
    # What it was about to unload is gone as soon as it has something else, or nothing.
    left = case((SlotRow.leaving_key == warm_key, SlotRow.leaving_key), else_=None)
    if with_stems:
        return touch(
            tx, slot, leaving_key=left, state=SlotState.BUSY
        )  # it stays bound to its batch, also while it loads
    state = SlotState.BUSY if with_tasks else SlotState.IDLE
    return touch(tx, slot, warm_key=warm_key, leaving_key=None, state=state)


def host_of(conn: Connection, slot_id: int | None) -> str | None:
    """Return the host of a slot; None for none."""
    return conn.execute(select(SlotRow.host).where(SlotRow.id == slot_id)).scalar()


def whereabouts(conn: Connection, slot_id: int) -> tuple[str, bool]:
    """Return a slot's host, and whether that host gets no work: drained by a person, or sick."""
    out = or_(HostRow.draining, and_(HostRow.sick_until.is_not(None), HostRow.sick_until > db_now()))
    query = select(SlotRow.host, out).outerjoin(HostRow, HostRow.host == SlotRow.host).where(SlotRow.id == slot_id)
    row = conn.execute(query).first()
    return ("", False) if row is None else (row[0], bool(row[1]))


def served_elsewhere(conn: Connection, host: str | None) -> frozenset[str]:
    """Return the engine classes for which another host could do a host's work: it has a live slot, and gets work."""
    well = and_(HostRow.draining.is_(False), or_(HostRow.sick_until.is_(None), HostRow.sick_until <= db_now()))
    query = select(SlotRow.engines).join(HostRow, HostRow.host == SlotRow.host).distinct()
    found = conn.execute(query.where(SLOT_LIVE, SlotRow.host != host, well)).scalars()
    return frozenset(engine for engines in found for engine in classes(engines))


def live_count(conn: Connection, engine: str | None = None) -> int:
    """Count the slots that are not given up, those that serve one engine class or all."""
    query = select(func.count()).select_from(SlotRow).where(SLOT_LIVE)
    if engine is not None:
        query = query.where(serves(engine))
    return conn.execute(query).scalar_one()


def slots_by_host(conn: Connection, engine: str) -> Counter[str]:
    """Count the live slots that serve an engine class on each host."""
    query = select(SlotRow.host, func.count()).where(SLOT_LIVE, serves(engine)).group_by(SlotRow.host)
    return Counter({row[0]: row[1] for row in conn.execute(query)})


def slots_by_engine(conn: Connection) -> dict[str, dict[str, int]]:
    """Count the live slots by engine class and host; a slot counts for every class that it serves."""
    columns = (SlotRow.engines, SlotRow.host)
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for engines, host, count in conn.execute(select(*columns, func.count()).where(SLOT_LIVE).group_by(*columns)):
        for engine in classes(engines):
            counts[engine][host] += count
    return {engine: dict(by_host) for engine, by_host in counts.items()}


def bind(tx: Tx, slot: SlotRef, load_key: str, engine: str, *, loaded: str | None) -> None:
    """Note that a slot is about to load a key, or has it loaded: others that choose meanwhile count it.

    What it has `loaded` and leaves for that is counted, too, until it says that it is unloaded.
    """
    leaving = None if loaded == load_key else loaded
    values = {"warm_key": load_key, "leaving_key": leaving, "engine": engine}
    tx.conn.execute(update(SlotRow).where(SlotRow.id == slot.id).values(**values))


def census(conn: Connection, engines: Collection[str], but: int) -> Census:
    """Count the live slots by what they serve, and those bound to a load key: they hold stems of it.

    Others are bound to nothing, even with something loaded: they mix a song, or could have taken its work and did not.
    Nor is the one that asks: it may have lost what it was bound to with its engine.
    """
    holds = exists().where(STEM_LEASED, StemRow.slot_id == SlotRow.id)
    query = select(SlotRow.id, SlotRow.warm_key, SlotRow.engines, holds.label("holds")).where(SLOT_LIVE)
    rows = conn.execute(query).all()
    served = [classes(row.engines) for row in rows]
    return Census(
        serving=Counter(engine for slot in served for engine in slot),
        sharing=sum(1 for slot in served if not set(slot).isdisjoint(engines)),
        bound=Counter(row.warm_key for row in rows if row.holds and row.warm_key is not None and row.id != but),
    )


def stale_ids(conn: Connection, timeout_s: float) -> list[int]:
    """Return the slots whose last sign of life is older than `timeout_s` by the database's clock."""
    return list(
        conn.execute(
            select(SlotRow.id).where(SLOT_LIVE, SlotRow.heartbeat_at < db_now() - timeout_s).order_by(SlotRow.id)
        ).scalars()
    )


def dead_ids(conn: Connection, host: str, live_pids: list[int]) -> list[int]:
    """Return the slots of a host whose processes are not among the living."""
    rows = conn.execute(select(SlotRow.id, SlotRow.pid).where(SLOT_LIVE, SlotRow.host == host).order_by(SlotRow.id))
    return [row.id for row in rows if row.pid not in live_pids]


def give_up(tx: Tx, slot_id: int, *, stale_s: float | None = None) -> bool:
    """Mark a slot gone and refuse its references from now on; False when it was gone before.

    With `stale_s` only if its last sign of life is still older than that: it may have written since it was looked at.
    """
    condition = [SlotRow.id == slot_id, SLOT_LIVE]
    if stale_s is not None:
        condition.append(SlotRow.heartbeat_at < db_now() - stale_s)
    changed = tx.conn.execute(
        update(SlotRow)
        .where(*condition)
        .values(state=SlotState.GONE, epoch=SlotRow.epoch + 1, gone_at=db_now(), warm_key=None, leaving_key=None)
    )
    return changed.rowcount == 1
