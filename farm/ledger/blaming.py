"""What a failed try says of its patch and its host: pairs are blocked, hosts are sick, patches wait or are quarantined."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select, update

from farm.ledger.clock import db_now
from farm.ledger.holding import Held
from farm.ledger.models import AttemptRow, BlockRow, HostRow, LoadKeyRow
from farm.ledger.retry import LICENCE_WAIT_S, FailureClass, classify
from farm.ledger.suspicion import FORGIVE_S, LICENCE_MISSES, Seen, is_pair_bad, is_patch_bad, is_sick
from farm.ledger.tx import Tx
from schemas.states import EventKind, FailureReason

#: Tries of a patch that are looked at: enough for the last few of each of many hosts.
_LOOKED_AT: Final = 100
_COUNTING: Final = frozenset({FailureClass.CONTENT, FailureClass.POISON})


def blame(
    tx: Tx, stem: Held, host: str | None, reason: FailureReason, detail: str, *, counts: bool, company: bool
) -> None:
    """Draw the consequences of a try that was just recorded.

    Args:
        stem: as it was before.
        host: where the try failed.
        counts: whether the try counts against anybody.
        company: whether another host could do this one's work; without, there is nothing to compare the host with.
    """
    if reason is FailureReason.NO_LICENCE:
        _await_licence(tx, stem.load_key, detail)
        return
    if not counts:
        return
    seen = _recent(tx, stem.load_key)
    if host is not None and company and is_pair_bad(seen, host):
        _block(tx, host, stem.load_key, f"{reason.value}: {detail}")
    if is_patch_bad(seen, company=company):
        hold(tx, stem.load_key, f"3 of its last 5 stems are bad; the last: {reason.value}: {detail}")


def _recent(tx: Tx, load_key: str) -> list[Seen]:
    """Return the last tries of a patch, the newest first; what was forgiven, found in the store or lost is no try."""
    forgiven = select(LoadKeyRow.forgiven).where(LoadKeyRow.load_key == load_key).scalar_subquery()
    rows = tx.conn.execute(
        select(AttemptRow.stem_id, AttemptRow.host, AttemptRow.outcome, AttemptRow.reason, AttemptRow.cached)
        .where(AttemptRow.load_key == load_key, AttemptRow.id > forgiven, AttemptRow.ended_at > db_now() - FORGIVE_S)
        .order_by(AttemptRow.id.desc())
        .limit(_LOOKED_AT)
    )
    return [
        Seen(row.stem_id, row.host, row.outcome == "failed")
        for row in rows
        if (row.outcome == "done" and not row.cached) or (row.outcome == "failed" and _counted(row.reason))
    ]


def _counted(reason: str) -> bool:
    return classify(FailureReason(reason)) in _COUNTING


def _block(tx: Tx, host: str, load_key: str, detail: str) -> None:
    insertion = tx.upsert(BlockRow).values(host=host, load_key=load_key, until=db_now() + FORGIVE_S, detail=detail)
    kept = {"until": insertion.excluded.until, "detail": insertion.excluded.detail}
    tx.conn.execute(insertion.on_conflict_do_update(index_elements=["host", "load_key"], set_=kept))
    label = _label(tx, load_key)
    words = f"{host} gets no more of {label} for {FORGIVE_S / 3600:g} h: it failed 3 times in a row; the last: {detail}"
    tx.event(EventKind.BLOCKED, words, host=host, load_key=load_key)
    active = select(BlockRow.load_key).where(BlockRow.host == host, BlockRow.until > db_now())
    keys = list(tx.conn.execute(active).scalars())
    if is_sick(keys):
        tx.conn.execute(update(HostRow).where(HostRow.host == host).values(sick_until=db_now() + FORGIVE_S))
        words = f"{host} fails on {len(keys)} patches and gets no more work for {FORGIVE_S / 3600:g} h"
        tx.event(EventKind.SICK, words, host=host)


def hold(tx: Tx, load_key: str, reason: str) -> bool:
    """Quarantine a patch; False when it is quarantined already."""
    held = tx.conn.execute(
        update(LoadKeyRow)
        .where(LoadKeyRow.load_key == load_key, LoadKeyRow.quarantined_at.is_(None))
        .values(quarantined_at=db_now(), reason=reason)
    )
    if held.rowcount:
        tx.event(EventKind.QUARANTINED, f"{_label(tx, load_key)}: {reason}", load_key=load_key)
    return held.rowcount == 1


def _await_licence(tx: Tx, load_key: str, detail: str) -> None:
    words = f"no free licence: {detail}"
    misses = tx.conn.execute(
        update(LoadKeyRow)
        .where(LoadKeyRow.load_key == load_key)
        .values(not_before=db_now() + LICENCE_WAIT_S, misses=LoadKeyRow.misses + 1, reason=words)
        .returning(LoadKeyRow.misses)
    ).scalar_one()
    waiting = f"{_label(tx, load_key)} waits {LICENCE_WAIT_S / 60:g} min: {words}"
    tx.event(EventKind.LICENCE, waiting, load_key=load_key)
    if misses >= LICENCE_MISSES:
        hold(tx, load_key, f"{misses} times in a row {words}")


def _label(tx: Tx, load_key: str) -> str:
    return f"{tx.conn.execute(select(LoadKeyRow.label).where(LoadKeyRow.load_key == load_key)).scalar()} ({load_key})"
