"""The database under a measured ledger: its CPU time, sizes and plans; and looks at the ledger, as commands take them."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine

from benchmarks.farmrun import FARM
from benchmarks.ledger_fill import ENGINE
from benchmarks.ledger_plans import overhear, scans_of
from benchmarks.ledger_slot import BATCH, commit_of
from farm.ledger import Ledger
from farm.ledger.database import parse_url
from farm.scheduling.postgres import Postgres
from farm.scheduling.reconciler import Reconciler

_LOOKS = 9
_MB = 1e6
_TABLES = ("stem", "attempt", "song", "source_file", "task")


class Server:
    """The database of a ledger.

    Args:
        url: of the ledger.
        postgres: the server; None for an SQLite file.
    """

    def __init__(self, url: str, postgres: Postgres | None) -> None:
        self.url = url
        self.postgres = postgres
        self._marked_s = 0.0

    def mark(self) -> None:
        """Begin to count CPU time."""
        self._marked_s = self._cpu_s()

    def since_mark(self) -> float:
        """Return the CPU seconds that the server's processes have used since the mark."""
        return self._cpu_s() - self._marked_s

    def _cpu_s(self) -> float:
        if self.postgres is None:
            return 0.0
        chief = psutil.Process(self.postgres.pid)
        used_s = 0.0
        for child in chief.children():
            with contextlib.suppress(psutil.NoSuchProcess):  # it has ended since, and counts with its chief
                used_s += sum(child.cpu_times()[:2])
        return used_s + sum(chief.cpu_times()[:4])

    def settle(self) -> None:
        """Do now what PostgreSQL does by itself within minutes; nothing for SQLite, which does nothing by itself."""
        if self.postgres is not None:
            for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
                self._ask(statement)

    def reads_of_all(self, table: str) -> float:
        """Return how often PostgreSQL has read the whole of a table; 0 for SQLite, which does not count."""
        if self.postgres is None:
            return 0.0
        rows = self._ask(f"SELECT seq_scan FROM pg_stat_user_tables WHERE relname = '{table}'")
        return float(rows[0][0])

    def ask_number(self, query: str) -> float:
        """Return the number that a query asks for."""
        return float(self._ask(query)[0][0])

    def explain(self, ledger: Ledger) -> list[str]:
        """Return the statements of leases, commits and looks for which all stems would be read."""
        with overhear() as heard:
            slot = ledger.register_slot("explained", 1, ENGINE)
            leases = ledger.lease_stems(slot, engine=ENGINE, warm_key=None, limit=BATCH)
            ledger.heartbeat(slot, None)
            ledger.commit_stems(slot, [commit_of(lease) for lease in leases])
            ledger.expire_leases(3600.0)
            for look in (ledger.status, ledger.stem_times, ledger.patches):
                look(1)
            _reconciler(ledger).tick()
            ledger.gauges()
            ledger.retire_slot(slot)
        return scans_of(self.url, heard, "stem")

    def _ask(self, statement: str) -> list[tuple[Any, ...]]:
        engine = create_engine(parse_url(self.url), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as conn:
                result = conn.exec_driver_sql(statement)
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()


def sizes(server: Server) -> dict[str, float]:
    """Return the megabytes of the database, and with PostgreSQL of its large tables and their indexes."""
    if server.postgres is None:
        return {"database, MB": Path(parse_url(server.url).database or "").stat().st_size / _MB}
    found = {"database, MB": server.ask_number("SELECT pg_database_size(current_database())") / _MB}
    for table in _TABLES:
        found[f"table {table}, MB"] = server.ask_number(f"SELECT pg_table_size('{table}')") / _MB
        found[f"indexes of {table}, MB"] = server.ask_number(f"SELECT pg_indexes_size('{table}')") / _MB
    return found


def look_at(server: Server, ledger: Ledger, figures: dict[str, float]) -> None:
    """Take every look that is taken at a farm, and note the median of some."""
    chief = _reconciler(ledger)
    slot = ledger.register_slot("looked-at", 1, ENGINE)
    environment = {**os.environ, "FARM_LEDGER_URL": server.url}

    def command(*words: str) -> None:
        subprocess.run([*FARM, *words], env=environment, check=True, stdout=subprocess.DEVNULL, stderr=sys.stderr)

    looks: dict[str, Callable[[], object]] = {
        "look of the reconciler, s": lambda: _tick(ledger, chief),
        "ready_by_engine, s": ledger.ready_by_engine,
        "tasks_to_announce, s": lambda: ledger.tasks_to_announce(quiet_s=3600.0),
        "gauges, s": ledger.gauges,
        "heartbeat, s": lambda: ledger.heartbeat(slot, None),
        "ledger.status, s": lambda: ledger.status(1),
        "ledger.patches, s": lambda: ledger.patches(1),
        "ledger.stem_times, s": lambda: ledger.stem_times(1),
        "farm status, s": lambda: command("status"),
        "farm status of one, s": lambda: command("status", "1"),
        "farm --help, for comparison, s": lambda: command("--help"),
    }
    for name, look in looks.items():
        figures[name] = median_s(look)
    ledger.retire_slot(slot)


def median_s(look: Callable[[], object]) -> float:
    """Return the seconds of the median look."""
    took: list[float] = []
    for _ in range(_LOOKS):
        began = time.perf_counter()
        look()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def _reconciler(ledger: Ledger) -> Reconciler:
    return Reconciler(ledger, finish=lambda _number: None, attended=True)


def _tick(ledger: Ledger, chief: Reconciler) -> None:
    """Take a whole look; a reconciler that was just started does not ask for the silent yet."""
    chief.tick()
    ledger.expire_slots(3600.0)
    ledger.expire_leases(3600.0)
