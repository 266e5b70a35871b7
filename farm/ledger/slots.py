"""Slots: who works, whether they still live, and what they have loaded."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, exists, func, insert, select, update

from farm.ledger.clock import db_now
from farm.ledger.models import SLOT_LIVE, STEM_LEASED, TASK_RUNNING, SlotRow, StemRow, TaskRow
from farm.ledger.records import SlotRef
from farm.ledger.tx import Tx
from schemas.states import SlotState


def register(tx: Tx, host: str, pid: int, engine: str) -> SlotRef:
    """Add a slot."""
    row = {"host": host, "pid": pid, "engine": engine, "state": SlotState.IDLE}
    added = tx.conn.execute(
        insert(SlotRow)
        .values(registered_at=db_now(), heartbeat_at=db_now(), **row)
        .returning(SlotRow.id, SlotRow.epoch)
    ).one()
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
    stems = exists().where(STEM_LEASED, StemRow.slot_id == slot.id)
    tasks = exists().where(TASK_RUNNING, TaskRow.slot_id == slot.id)
    busy = tx.conn.execute(select(stems | tasks)).scalar()
    return touch(tx, slot, warm_key=warm_key, state=SlotState.BUSY if busy else SlotState.IDLE)


def live_count(conn: Connection, engine: str | None = None) -> int:
    """Count the slots that are not given up, of one engine class or of all."""
    query = select(func.count()).select_from(SlotRow).where(SLOT_LIVE)
    if engine is not None:
        query = query.where(SlotRow.engine == engine)
    return conn.execute(query).scalar_one()


def warm_counts(conn: Connection, engine: str) -> dict[str, int]:
    """Count live slots by the load key they are warm for."""
    rows = conn.execute(
        select(SlotRow.warm_key, func.count()).where(SLOT_LIVE, SlotRow.engine == engine).group_by(SlotRow.warm_key)
    )
    return {key: count for key, count in rows if key is not None}


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
        .values(state=SlotState.GONE, epoch=SlotRow.epoch + 1, gone_at=db_now(), warm_key=None)
    )
    return changed.rowcount == 1
