"""A write transaction: its connection, and the counters that are written at its end in one order for all.

Every transaction takes its locks in the order slot, submission, song, stem, limit, task, block, host, patch, then what
`Tx.flush` writes (load key, backlog, tally), each by rising key: two transactions never wait for one another in a circle.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, func, insert, update
from sqlalchemy.orm import DeclarativeBase

from farm.ledger.bulk import insert_rows
from farm.ledger.choosing import SMOOTHING
from farm.ledger.clock import db_now
from farm.ledger.models import BacklogRow, EventRow, LoadKeyRow, TallyRow
from schemas.states import EventKind, StemState

_T = TypeVar("_T")

#: Rows per statement: below SQLite's limit of 32,766 parameters, and large enough that statements do not count.
CHUNK = 500


class Subject(StrEnum):
    """What the counters of a submission count."""

    FILE = "file"  #: total, scanned
    SONG = "song"  #: by state
    STEM = "stem"  #: by state
    TASK = "task"  #: not ended, by kind
    REJECT = "reject"  #: files by reason
    FAILURE = "failure"  #: songs by reason
    STEM_FAILURE = "stem_failure"  #: failed and dropped stems by reason
    TRY = "try"  #: tries at composed songs that were thrown away, by flaw
    FINDING = "finding"  #: warnings by name
    WORK = "work"  #: total, ended: seconds of stem audio expected
    AUDIO = "audio"  #: rendered_s, render_s
    STAGE = "stage"  #: what each stage has done and cost, by `mix.done`, `mix.failed`, `mix.wall_s`, `mix.cpu_s`


#: Columns of the backlog that count stems of a state, and the seconds that they are expected to take.
_BACKLOG: Final = {
    StemState.READY: ("ready", "est_s"),
    StemState.LEASED: ("leased", "leased_est_s"),
    StemState.DONE: ("done", None),
    StemState.FAILED: ("failed", None),
    StemState.DROPPED: ("failed", None),
}
_BACKLOG_COLUMNS: Final = ("ready", "est_s", "leased", "leased_est_s", "done", "failed")


class Tx:
    """A write transaction.

    Args:
        conn: a connection inside the transaction.
    """

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self._tally: defaultdict[tuple[int, str, str], float] = defaultdict(float)
        self._backlog: defaultdict[tuple[int, str, str], defaultdict[str, float]] = defaultdict(
            lambda: defaultdict(float)
        )
        self._pace: dict[str, dict[str, float | None]] = {}

    def count(self, submission_id: int, subject: Subject, name: str, amount: float = 1) -> None:
        """Change a counter by `amount` at the end of the transaction."""
        self._tally[submission_id, subject.value, name] += amount

    def stage(self, submission_id: int, stage: str, **amounts: float) -> None:
        """Add to what a stage has done and cost: `done`, `failed` (tries), `wall_s`, `cpu_s`."""
        for name, amount in amounts.items():
            self.count(submission_id, Subject.STAGE, f"{stage}.{name}", amount)

    def stems(self, submission_id: int, load_key: str, engine: str, state: StemState, stems: int, est_s: float) -> None:
        """Change the counters of stems in `state` by `stems` (negative: they left it), `est_s` seconds in all."""
        self.count(submission_id, Subject.STEM, state.value, stems)
        if state not in _BACKLOG:
            return
        number, seconds = _BACKLOG[state]
        entry = self._backlog[submission_id, load_key, engine]
        entry[number] += stems
        if seconds is not None:
            entry[seconds] += est_s

    def measured(self, load_key: str, *, pace: float | None, load_s: float | None, rtf: float | None) -> None:
        """Note what renders of a load key took: their time over its estimate, seconds to load, time over the audio's."""
        self._pace[load_key] = {"pace": pace, "load_s": load_s, "rtf": rtf}

    def event(self, kind: EventKind, detail: str, *, submission_id: int | None = None, **about: Any) -> None:
        """Record something worth telling a person; `about` are other columns of `EventRow`."""
        row = {"submission_id": submission_id, "kind": kind.value, "detail": detail}
        self.conn.execute(insert(EventRow).values(at=db_now(), **row, **about))

    def upsert(self, table: type[DeclarativeBase]) -> Any:
        """Return an INSERT of this database's dialect, which has `on_conflict_do_...`."""
        if self.conn.dialect.name == "postgresql":
            from sqlalchemy.dialects import postgresql  # 0.02 s at the start of every command: only where it is needed

            return postgresql.insert(table)
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)

    def flush(self) -> None:
        """Write the counters; called once, as the transaction's last act."""
        self._flush_paces()
        self._flush_backlog()
        self._flush_tally()

    def _flush_paces(self) -> None:
        for load_key, measured in sorted(self._pace.items()):
            values: dict[str, Any] = {}
            for name, value in measured.items():
                if value is not None:
                    old = getattr(LoadKeyRow, name)
                    values[name] = func.coalesce(old + SMOOTHING * (value - old), value)
            if values:
                # It loads and plays: a licence was free.
                self.conn.execute(update(LoadKeyRow).where(LoadKeyRow.load_key == load_key).values(misses=0, **values))

    def _flush_backlog(self) -> None:
        rows = [
            {"submission_id": submission_id, "load_key": key, "engine": engine, **_whole(entry)}
            for (submission_id, key, engine), entry in sorted(self._backlog.items())
            if any(entry.values())
        ]
        insert_rows(self.conn, BacklogRow, rows, unless=["submission_id", "load_key"], added=_BACKLOG_COLUMNS)

    def _flush_tally(self) -> None:
        rows = [
            {"submission_id": submission_id, "subject": subject, "name": name, "amount": float(amount)}
            for (submission_id, subject, name), amount in sorted(self._tally.items())
            if amount
        ]
        insert_rows(self.conn, TallyRow, rows, unless=["submission_id", "subject", "name"], added=["amount"])


def _whole(entry: Mapping[str, float]) -> dict[str, float]:
    return {name: entry.get(name, 0.0) if "est_s" in name else int(entry.get(name, 0)) for name in _BACKLOG_COLUMNS}


def chunks(items: Sequence[_T], size: int = CHUNK) -> list[Sequence[_T]]:
    """Cut a sequence into pieces of at most `size`."""
    return [items[start : start + size] for start in range(0, len(items), size)]
