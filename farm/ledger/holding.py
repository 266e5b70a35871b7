"""Stems as their holders left them, locked for a change."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from farm.ledger.models import StemRow
from farm.ledger.songs import SongHead, lock_songs
from farm.ledger.tx import Tx
from schemas.states import StemState


@dataclass(frozen=True, slots=True)
class Held:
    """A stem that was locked."""

    id: int
    song_id: int
    submission_id: int
    name: str
    state: StemState
    epoch: int
    slot_id: int | None
    tries: int
    losses: int
    kills: int
    shortages: int
    failed_host: str | None
    engine: str
    load_key: str
    patch_id: int
    spec_hash: str
    est_s: float
    updated_at: float


_HELD = (
    StemRow.id, StemRow.song_id, StemRow.submission_id, StemRow.name, StemRow.state, StemRow.epoch, StemRow.slot_id,
    StemRow.tries, StemRow.losses, StemRow.kills, StemRow.shortages, StemRow.failed_host, StemRow.engine,
    StemRow.load_key, StemRow.patch_id, StemRow.spec_hash, StemRow.est_s, StemRow.updated_at,
)  # fmt: skip


def lock_stems(
    tx: Tx, ids: Collection[int], *conditions: ColumnElement[bool]
) -> tuple[dict[int, SongHead], list[Held]]:
    """Lock stems after their songs, both by rising id; `conditions` must still hold when the songs are locked."""
    owners = tx.conn.execute(select(StemRow.song_id).where(StemRow.id.in_(ids)).distinct()).scalars()
    songs = lock_songs(tx, owners)
    query: Select[*tuple[Any, ...]] = select(*_HELD).where(StemRow.id.in_(ids), *conditions).order_by(StemRow.id)
    return songs, [Held(*row) for row in tx.conn.execute(query.with_for_update(key_share=True))]
