"""The record of tries: every try of a stem or task that came to an end, with what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import insert

from farm.ledger.clock import db_now
from farm.ledger.fingerprint import fingerprint
from farm.ledger.models import AttemptRow
from farm.ledger.tx import Tx
from schemas.result import RenderCost

#: What is kept of the cost of a try.
_COSTS: Final = {"render_s", "load_s", "rss_mb", "cold", "cached"}


def attempt(
    submission_id: int,
    *,
    slot_id: int | None,
    host: str | None,
    epoch: int,
    began_at: float,
    outcome: str,
    stem_id: int | None = None,
    task_id: int | None = None,
    load_key: str | None = None,
    patch_id: int | None = None,
    est_s: float | None = None,
    audio_s: float | None = None,
    reason: str | None = None,
    detail: str = "",
    cost: RenderCost | None = None,
) -> dict[str, Any]:
    """Return the row of one try; one that failed is grouped with those that failed alike."""
    measured = dict.fromkeys(_COSTS) if cost is None else cost.model_dump(include=_COSTS)
    return {
        "submission_id": submission_id, "stem_id": stem_id, "task_id": task_id, "slot_id": slot_id, "host": host,
        "epoch": epoch, "outcome": outcome, "reason": reason, "detail": detail, "began_at": began_at,
        "load_key": load_key, "patch_id": patch_id, "est_s": est_s, "audio_s": audio_s,
        "fingerprint": fingerprint(reason, detail) if outcome == "failed" and reason is not None else None, **measured,
    }  # fmt: skip


def note_attempts(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Add tries."""
    if rows:
        tx.conn.execute(insert(AttemptRow).values(ended_at=db_now()), rows)
