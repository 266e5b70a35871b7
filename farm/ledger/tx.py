"""A write transaction: its connection, and the counters that are written at its end in one order for all.

Every transaction takes its locks in the order slot, submission, song, stem, task, then what `Tx.flush` writes, each by
rising key: two transactions never wait for one another in a circle.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Connection, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase

from farm.ledger.clock import db_now
from farm.ledger.models import BacklogRow, EventRow, LoadKeyRow, TallyRow

_T = TypeVar("_T")

#: Rows per statement: below SQLite's limit of 32,766 parameters, and large enough that statements do not count.
CHUNK = 500

#: Weight of a new measurement in the smoothed load time and pace of a load key.
_SMOOTHING = 0.2


class Subject(StrEnum):
    """What the counters of a submission count."""

    FILE = "file"  #: total, scanned
    SONG = "song"  #: by state
    STEM = "stem"  #: by state
    TASK = "task"  #: not ended, by kind
    REJECT = "reject"  #: files by reason
    FAILURE = "failure"  #: songs by reason
    STEM_FAILURE = "stem_failure"  #: failed and dropped stems by reason
    FINDING = "finding"  #: warnings by name
    WORK = "work"  #: total, ended: seconds of stem audio expected
    AUDIO = "audio"  #: rendered_s, render_s


class Tx:
    """A write transaction.

    Args:
        conn: a connection inside the transaction.
    """

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self._tally: defaultdict[tuple[int, str, str], float] = defaultdict(float)
        self._backlog: defaultdict[tuple[int, str, str], list[float]] = defaultdict(lambda: [0, 0.0])
        self._pace: dict[str, tuple[float | None, float | None]] = {}

    def count(self, submission_id: int, subject: Subject, name: str, amount: float = 1) -> None:
        """Change a counter by `amount` at the end of the transaction."""
        self._tally[submission_id, subject.value, name] += amount

    def ready(self, submission_id: int, load_key: str, engine: str, stems: int, est_s: float) -> None:
        """Change the backlog of a load key by `stems` (negative: taken) at the end of the transaction."""
        entry = self._backlog[submission_id, load_key, engine]
        entry[0] += stems
        entry[1] += est_s

    def measured(self, load_key: str, *, pace: float | None, load_s: float | None) -> None:
        """Note what renders of a load key took: render time over its estimate, and seconds to load."""
        self._pace[load_key] = (pace, load_s)

    def event(self, kind: str, detail: str, *, submission_id: int | None = None, song_id: int | None = None) -> None:
        """Record something worth telling a person."""
        row = {"submission_id": submission_id, "song_id": song_id, "kind": kind, "detail": detail}
        self.conn.execute(insert(EventRow).values(at=db_now(), **row))

    def upsert(self, table: type[DeclarativeBase]) -> Any:
        """Return an INSERT of this database's dialect, which has `on_conflict_do_...`."""
        if self.conn.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)

    def flush(self) -> None:
        """Write the counters; called once, as the transaction's last act."""
        self._flush_paces()
        self._flush_backlog()
        self._flush_tally()

    def _flush_paces(self) -> None:
        for load_key, (pace, load_s) in sorted(self._pace.items()):
            values: dict[str, Any] = {}
            if pace is not None:
                values["pace"] = LoadKeyRow.pace + _SMOOTHING * (pace - LoadKeyRow.pace)
            if load_s is not None:
                values["load_s"] = LoadKeyRow.load_s + _SMOOTHING * (load_s - LoadKeyRow.load_s)
            if values:
                self.conn.execute(update(LoadKeyRow).where(LoadKeyRow.load_key == load_key).values(**values))

    def _flush_backlog(self) -> None:
        rows = [
            {"submission_id": submission_id, "load_key": key, "engine": engine, "ready": int(ready), "est_s": est_s}
            for (submission_id, key, engine), (ready, est_s) in sorted(self._backlog.items())
            if ready or est_s
        ]
        if rows:
            insertion = self.upsert(BacklogRow)
            added = {name: getattr(BacklogRow, name) + insertion.excluded[name] for name in ("ready", "est_s")}
            self.conn.execute(
                insertion.on_conflict_do_update(index_elements=["submission_id", "load_key"], set_=added), rows
            )

    def _flush_tally(self) -> None:
        rows = [
            {"submission_id": submission_id, "subject": subject, "name": name, "amount": float(amount)}
            for (submission_id, subject, name), amount in sorted(self._tally.items())
            if amount
        ]
        if rows:
            insertion = self.upsert(TallyRow)
            added = {"amount": TallyRow.amount + insertion.excluded.amount}
            self.conn.execute(
                insertion.on_conflict_do_update(index_elements=["submission_id", "subject", "name"], set_=added), rows
            )


def chunks(items: Sequence[_T], size: int = CHUNK) -> list[Sequence[_T]]:
    """Cut a sequence into pieces of at most `size`."""
    return [items[start : start + size] for start in range(0, len(items), size)]
