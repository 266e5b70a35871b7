"""The record of tries: every try of a stem or task that came to an end, with what it cost."""

from __future__ import annotations

from sqlalchemy import insert

from farm.ledger.clock import db_now
from farm.ledger.models import AttemptRow
from farm.ledger.tx import Tx
from schemas.result import RenderCost


def note_attempt(
    tx: Tx,
    submission_id: int,
    *,
    slot_id: int | None,
    epoch: int,
    began_at: float,
    outcome: str,
    stem_id: int | None = None,
    task_id: int | None = None,
    reason: str | None = None,
    detail: str = "",
    cost: RenderCost | None = None,
) -> None:
    """Add one try."""
    tx.conn.execute(
        insert(AttemptRow).values(
            submission_id=submission_id,
            stem_id=stem_id,
            task_id=task_id,
            slot_id=slot_id,
            epoch=epoch,
            outcome=outcome,
            reason=reason,
            detail=detail,
            began_at=began_at,
            ended_at=db_now(),
            **({} if cost is None else cost.model_dump()),
        )
    )
