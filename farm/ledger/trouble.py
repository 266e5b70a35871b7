"""What happened, and what goes wrong alike: the record of events, and failed tries grouped by what they say."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, Select, func, select

from farm.ledger.models import AttemptRow, EventRow, LoadKeyRow
from farm.ledger.records import Event, FailureGroup, NewEvent
from farm.ledger.slots import host_of
from farm.ledger.submissions import get
from farm.ledger.tx import Tx
from schemas.states import EventKind

_COLUMNS = (
    EventRow.id, EventRow.at, EventRow.kind, EventRow.song_id, EventRow.detail, EventRow.submission_id, EventRow.host,
    EventRow.slot_id, EventRow.stem_id, EventRow.load_key,
)  # fmt: skip


def note(tx: Tx, event: NewEvent) -> None:
    """Record an event; of a slot it is also one of its host."""
    host = event.host or host_of(tx.conn, event.slot_id)
    about = {"song_id": event.song_id, "slot_id": event.slot_id, "stem_id": event.stem_id, "load_key": event.load_key}
    tx.event(event.kind, event.detail, submission_id=event.submission_id, host=host, **about)


def events(
    conn: Connection,
    submission_id: int | None,
    kind: EventKind | None,
    host: str | None,
    after: int | None,
    limit: int,
) -> list[Event]:
    """Return the newest events that meet all that is given, or with `after` the first behind it; the oldest first."""
    query: Select[*tuple[Any, ...]] = select(*_COLUMNS)
    if submission_id is not None:
        query = query.where(EventRow.submission_id == submission_id)
    if kind is not None:
        query = query.where(EventRow.kind == kind.value)
    if host is not None:
        query = query.where(EventRow.host == host)
    if after is not None:
        rows = conn.execute(query.where(EventRow.id > after).order_by(EventRow.id).limit(limit)).all()
    else:
        rows = conn.execute(query.order_by(EventRow.id.desc()).limit(limit)).all()[::-1]
    return [Event(*row) for row in rows]


def failure_groups(conn: Connection, submission_id: int) -> list[FailureGroup]:
    """Return the failed tries of a submission by what they say, the most frequent first."""
    get(conn, submission_id)
    rows = conn.execute(
        select(
            AttemptRow.fingerprint, AttemptRow.reason, func.min(AttemptRow.detail).label("sample"),
            func.count().label("count"), AttemptRow.host, AttemptRow.load_key, LoadKeyRow.label,
        )
        .outerjoin(LoadKeyRow, LoadKeyRow.load_key == AttemptRow.load_key)
        .where(AttemptRow.submission_id == submission_id, AttemptRow.fingerprint.is_not(None))
        .group_by(
            AttemptRow.fingerprint, AttemptRow.reason, AttemptRow.host, AttemptRow.load_key, LoadKeyRow.label
        )
    )  # fmt: skip
    alike: defaultdict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in rows:
        alike[row.fingerprint, row.reason].append(row)
    groups = [_group(fingerprint, reason, found) for (fingerprint, reason), found in alike.items()]
    return sorted(groups, key=lambda group: (-group.count, group.fingerprint))


def _group(fingerprint: str, reason: str, rows: list[Any]) -> FailureGroup:
    return FailureGroup(
        fingerprint=fingerprint,
        reason=reason,
        sample=min(row.sample for row in rows),
        count=sum(row.count for row in rows),
        patches=tuple(sorted({row.label or row.load_key for row in rows if row.load_key is not None})),
        hosts=tuple(sorted({row.host for row in rows if row.host is not None})),
    )
