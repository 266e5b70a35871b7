"""Slots that are given up, and leases that are too old: what they held becomes free."""

from __future__ import annotations

from farm.ledger.failing import free_unasked
from farm.ledger.models import StemRow
from farm.ledger.records import Expired, TaskRef
from farm.ledger.slots import give_up, host_of
from farm.ledger.stems import leased_to, lose
from farm.ledger.tasks import held_by
from farm.ledger.tx import Tx
from schemas.states import EventKind
from schemas.words import counted


def depart(tx: Tx, slot_id: int, detail: str, *, blame: bool, stale_s: float | None = None) -> Expired:
    """Give a slot up and free all that it holds, counted as lost if `blame`; `detail` is for the record.

    With `stale_s` only if its last sign of life is still older than that, seconds.
    """
    if not give_up(tx, slot_id, stale_s=stale_s):
        return Expired()
    stems = lose(tx, leased_to(tx.conn, slot_id), StemRow.slot_id == slot_id, detail, blame=blame)
    tasks = sum(free_unasked(tx, task, detail, blame=blame) for task in held_by(tx.conn, slot_id))
    words = f"slot {slot_id}: {detail}; {counted(stems, 'stem')} and {counted(tasks, 'task')} free again"
    tx.event(EventKind.SLOT_GONE, words, slot_id=slot_id, host=host_of(tx.conn, slot_id))
    return Expired(slots=1, stems=stems, tasks=tasks)


def take_back_stems(tx: Tx, stem_ids: list[int], detail: str) -> Expired:
    """Free stems whose leases are too old, though their slots live."""
    return Expired(stems=lose(tx, stem_ids, StemRow.id.in_(stem_ids), detail, blame=True))


def take_back_task(tx: Tx, task: TaskRef, detail: str) -> Expired:
    """Free a task that has run for too long, though its slot lives."""
    return Expired(tasks=int(free_unasked(tx, task, detail, blame=True)))
