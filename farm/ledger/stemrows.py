"""Rows of stems: moved between states in bulk, with every counter that depends on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, update

from farm.ledger.clock import db_now
from farm.ledger.models import StemRow
from farm.ledger.moves import check_move
from farm.ledger.tx import Subject, Tx
from schemas.replaced import OTHER_PATCH
from schemas.result import StemResult
from schemas.states import STEM_MOVES, StemState, VerdictStatus


def move_stems(tx: Tx, old: StemState, new: StemState, *conditions: ColumnElement[bool], **values: Any) -> list[int]:
    """Move every stem in state `old` that meets the conditions; returns their ids, sorted.

    The caller has locked their songs, or holds the stems by a lease that it is about to write.
    """
    check_move(STEM_MOVES, old, new, "a stem")
    rows = tx.conn.execute(
        update(StemRow)
        .where(StemRow.state == old, *conditions)
        .values(state=new, updated_at=db_now(), **values)
        .returning(StemRow.id, StemRow.submission_id, StemRow.load_key, StemRow.est_s, StemRow.engine)
    ).all()
    for row in rows:
        tx.stems(row.submission_id, row.load_key, row.engine, old, -1, -row.est_s)
        tx.stems(row.submission_id, row.load_key, row.engine, new, 1, row.est_s)
    return sorted(row.id for row in rows)


def audio_s(result: StemResult) -> float:
    """Return the seconds of audio of a rendered stem."""
    return result.measured.frames / result.measured.rate_hz


def count_result(tx: Tx, submission_id: int, result: StemResult, sign: int = 1) -> None:
    """Count a rendered stem's audio and warnings, or take them off again (sign -1)."""
    tx.count(submission_id, Subject.AUDIO, "rendered_s", sign * audio_s(result))
    if result.verdict.status is VerdictStatus.WARN:
        for finding in result.verdict.findings:
            tx.count(submission_id, Subject.FINDING, finding.value, sign)


def remove_stems(tx: Tx, submission_id: int, song_ids: Sequence[int]) -> None:
    """Remove every stem of locked songs, and what it was from the counters; what was rendered stays in the store."""
    gone = (
        delete(StemRow)
        .where(StemRow.song_id.in_(song_ids))
        .returning(
            StemRow.state,
            StemRow.reason,
            StemRow.result,
            StemRow.load_key,
            StemRow.engine,
            StemRow.est_s,
            StemRow.replaced,
        )
    )
    for stem in tx.conn.execute(gone):
        tx.stems(submission_id, stem.load_key, stem.engine, stem.state, -1, -stem.est_s)
        if stem.state in (StemState.FAILED, StemState.DROPPED):
            tx.count(submission_id, Subject.STEM_FAILURE, stem.reason, -1)
        if stem.result is not None:
            count_result(tx, submission_id, StemResult.model_validate_json(stem.result), -1)
        if stem.replaced is not None:
            tx.count(submission_id, Subject.FINDING, OTHER_PATCH, -1)
