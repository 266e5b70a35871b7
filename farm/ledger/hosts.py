"""Hosts: what people see of them and of their slots, and how they are taken out and back."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, case, delete, func, select, update

from farm.ledger.clock import db_now
from farm.ledger.holds import held_of_slot
from farm.ledger.models import (
    SLOT_LIVE,
    STEM_LEASED,
    SUBMISSION_RUNS,
    TASK_RUNNING,
    BlockRow,
    HostRow,
    LoadKeyRow,
    SlotRow,
    StemRow,
    SubmissionRow,
    TaskRow,
)
from farm.ledger.records import HostReport, SlotRef, SlotReport, StopOrder
from farm.ledger.slots import classes, whereabouts
from farm.ledger.tx import Tx
from schemas.errors import UnknownIdError
from schemas.states import EventKind, SlotState


def _holding() -> ColumnElement[int]:
    """Return how many stems and tasks a slot holds."""
    stems = select(func.count()).select_from(StemRow).where(STEM_LEASED, StemRow.slot_id == SlotRow.id)
    tasks = select(func.count()).select_from(TaskRow).where(TASK_RUNNING, TaskRow.slot_id == SlotRow.id)
    return _scalar(stems) + _scalar(tasks)


def _scalar(query: Any) -> ScalarSelect[int]:
    found: ScalarSelect[int] = query.correlate(SlotRow).scalar_subquery()
    return found


def all_of(conn: Connection, host: str | None = None) -> list[HostReport]:
    """Return every host that was ever seen, or one, by name."""
    holding = _holding()
    live = select(SlotRow.host, SlotRow.heartbeat_at, holding.label("holding")).where(SLOT_LIVE).subquery()
    query = (
        select(
            HostRow.host, HostRow.draining, HostRow.free_disk_bytes, (HostRow.sick_until > db_now()).label("sick"),
            func.count(live.c.host).label("slots"),
            func.sum(case((live.c.holding > 0, 1), else_=0)).label("busy"),
            (db_now() - func.coalesce(func.max(live.c.heartbeat_at), HostRow.seen_at)).label("heartbeat_s"),
            (db_now() - HostRow.seen_at).label("seen_s"),
        )
        .outerjoin(live, live.c.host == HostRow.host)
        .group_by(HostRow.host, HostRow.draining, HostRow.free_disk_bytes, HostRow.sick_until, HostRow.seen_at)
    )  # fmt: skip
    if host is not None:
        query = query.where(HostRow.host == host)
    reports = [
        HostReport(
            row.host, row.slots, int(row.busy), bool(row.draining), bool(row.sick),
            max(0.0, min(row.heartbeat_s, row.seen_s)), row.free_disk_bytes,
        )
        for row in conn.execute(query)
    ]  # fmt: skip
    return sorted(reports, key=lambda report: report.host)


def workers(conn: Connection) -> list[SlotReport]:
    """Return the live slots by host and number."""
    rows = conn.execute(
        select(
            SlotRow.id, SlotRow.host, SlotRow.pid, SlotRow.engine, SlotRow.engines, SlotRow.state, SlotRow.warm_key,
            LoadKeyRow.label,
            _holding().label("holding"), (db_now() - SlotRow.registered_at).label("since_s"),
            (db_now() - SlotRow.heartbeat_at).label("age_s"),
        )
        .outerjoin(LoadKeyRow, LoadKeyRow.load_key == SlotRow.warm_key)
        .where(SLOT_LIVE)
    ).all()  # fmt: skip
    reports = [
        SlotReport(
            row.id, row.host, row.pid, row.engine, SlotState.BUSY if row.holding else row.state,
            row.label or row.warm_key, row.holding, max(0.0, row.since_s), max(0.0, row.age_s), classes(row.engines),
        )
        for row in rows
    ]  # fmt: skip
    return sorted(reports, key=lambda report: (report.host, report.slot_id))


def pulse(tx: Tx, host: str, free_disk_bytes: int | None) -> None:
    """Note what a host tells of itself."""
    insertion = tx.upsert(HostRow).values(host=host, draining=False, seen_at=db_now(), free_disk_bytes=free_disk_bytes)
    told = {"seen_at": insertion.excluded.seen_at, "free_disk_bytes": insertion.excluded.free_disk_bytes}
    tx.conn.execute(insertion.on_conflict_do_update(index_elements=["host"], set_=told))


def drain(tx: Tx, host: str, *, on: bool) -> HostReport:
    """Take a host out, or back and forgive it.

    Raises:
        UnknownIdError: it was never seen.
    """
    if not on:
        tx.conn.execute(delete(BlockRow).where(BlockRow.host == host))
    before = tx.conn.execute(
        select(HostRow.draining, HostRow.sick_until).where(HostRow.host == host).with_for_update()
    ).first()
    if before is None:
        known = ", ".join(report.host for report in all_of(tx.conn)) or "none has ever been seen"
        raise UnknownIdError(f"there is no host {host}", hint=f"Known hosts: {known}")
    values: dict[str, Any] = {"draining": on} if on else {"draining": on, "sick_until": None}
    tx.conn.execute(update(HostRow).where(HostRow.host == host).values(**values))
    if on and not before.draining:
        tx.event(EventKind.DRAINING, f"{host} gets no more work", host=host)
    if not on and (before.draining or before.sick_until is not None):
        tx.event(EventKind.RETURNED, f"{host} works again", host=host)
    return all_of(tx.conn, host)[0]


def stop_order(conn: Connection, slot: SlotRef, submission_ids: Collection[int]) -> StopOrder:
    """Return what a slot should stop now: submissions that do not run any more, patches that are held, or all."""
    wanted = set(submission_ids)
    running = select(SubmissionRow.id).where(SubmissionRow.id.in_(wanted), SUBMISSION_RUNS)
    stopped = wanted.difference(conn.execute(running).scalars()) if wanted else set()
    return StopOrder(frozenset(stopped), whereabouts(conn, slot.id)[1], held_of_slot(conn, slot.id))
