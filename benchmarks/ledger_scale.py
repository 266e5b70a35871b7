"""Is the ledger as quick with a million stems as with ten? On SQLite and on PostgreSQL, which is bound to one core.

python -m benchmarks.ledger_scale
python -m benchmarks.ledger_scale --stems 100000 --ledger postgres --json
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from benchmarks.farmrun import BenchError, cores
from benchmarks.ledger_fill import ENGINE, PARTS, Filled, fill
from benchmarks.ledger_looks import Server, look_at, sizes
from benchmarks.ledger_slot import BATCH, Rounds, work
from benchmarks.screen import console
from farm.ledger import Ledger, open_ledger
from farm.scheduling.postgres import Postgres
from schemas.errors import FarmError

DATABASES = ("sqlite", "postgres")
#: As a small server of one's own is set up; everything is durable.
_SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min"}
#: Live slots of the farm while leases are measured: few, and as many as a large farm has.
_FEW, _MANY = 16, 1000
_PROCESSES = 4


@dataclass(frozen=True, slots=True)
class Limit:
    """What a figure must not fall short of, or must not pass."""

    least: float | None = None
    most: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a value is within it."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        return f"≥ {self.least:,g}" if self.least is not None else f"≤ {self.most:,g}"


LIMITS = {
    "files submitted, rows/s": Limit(least=20_000),
    "stems written, rows/s": Limit(least=20_000),
    f"one slot of {_FEW}, leases and commits of {BATCH}, stems/s": Limit(least=2_000),
    f"one slot of {_MANY}, leases and commits of {BATCH}, stems/s": Limit(least=2_000),
    f"{_PROCESSES} slots at once, stems/s": Limit(least=2_000),
    "look of the reconciler, s": Limit(most=1.0),
    "longest look while planning, s": Limit(most=1.0),
    "longest look while admitting, s": Limit(most=1.0),
    "longest look while drawing, s": Limit(most=1.0),
    "ledger.status, s": Limit(most=0.5),
    "farm status, s": Limit(most=0.5),
    "farm status of one, s": Limit(most=0.5),
    "statements that read all stems": Limit(most=0),
}


@dataclass(slots=True)
class Report:
    """The figures of one database, by name."""

    database: str
    stems: int
    figures: dict[str, float] = field(default_factory=dict)
    scans: list[str] = field(default_factory=list)  #: statements that read all stems
    load: tuple[float, ...] = ()  #: of the machine at the end

    @property
    def missed(self) -> list[str]:
        """Names of figures that are not within their limits."""
        return [name for name, value in self.figures.items() if name in LIMITS and not LIMITS[name].holds(value)]


def main() -> int:
    """Measure; the exit code is 1 where a figure is not within its limit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ledger_scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stems", type=int, default=1_000_000, help=f"a multiple of {PARTS}")
    parser.add_argument("--patches", type=int, default=300, help="soundfonts among which they are divided")
    parser.add_argument("--ledger", choices=[*DATABASES, "both"], default="both")
    parser.add_argument("--rounds", type=int, default=100, help="leases and commits of each measurement")
    parser.add_argument(
        "--folder", type=Path, help="where the SQLite file lies; default: the system's temporary folder"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    chosen = DATABASES if arguments.ledger == "both" else (arguments.ledger,)
    try:
        if arguments.stems < 100 * PARTS or arguments.stems % PARTS:
            raise BenchError(
                f"--stems {arguments.stems}: songs have {PARTS} stems",
                hint=f"Give a multiple of {PARTS} from {100 * PARTS} on",
            )
        reports = [_measure(database, arguments) for database in chosen]
    except FarmError as error:
        sys.stderr.write(f"benchmarks: {error}\n")
        return 1
    if arguments.json:
        sys.stdout.write(json.dumps([_record(report) for report in reports], indent=1) + "\n")
    else:
        _print(reports)
    return 1 if any(report.missed for report in reports) else 0


def _measure(database: str, arguments: argparse.Namespace) -> Report:
    report = Report(database, arguments.stems)
    with _server(database, arguments.folder) as server:
        ledger = open_ledger(server.url)
        _note_filling(report, fill(ledger, server.url, stems=arguments.stems, load_keys=arguments.patches))
        server.settle()
        report.figures |= sizes(server)
        quiet = server.reads_of_all("stem")
        for slots in (_FEW, _MANY):
            _add_slots(ledger, slots)
            _note_rounds(report, server, ledger, slots, arguments.rounds)
        _note_processes(report, server, arguments.rounds)
        look_at(server, ledger, report.figures)
        report.figures["sequential scans of stem that took place"] = server.reads_of_all("stem") - quiet
        report.scans = server.explain(ledger)
        report.figures["statements that read all stems"] = len(report.scans)
        ledger.close()
    report.load = os.getloadavg()
    return report


@contextmanager
def _server(database: str, folder: Path | None) -> Iterator[Server]:
    """Give an empty database; PostgreSQL has the last core to itself, and this process the others."""
    if database == "sqlite":
        with tempfile.TemporaryDirectory(prefix="farm-scale-", dir=folder) as made:
            yield Server(f"sqlite:///{made}/ledger.sqlite", None)
        return
    mine = sorted(cores())
    with Postgres(_SETTINGS, cpus=frozenset(mine[-1:])) as postgres:
        if len(mine) > 1 and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, mine[:-1])
        try:
            yield Server(postgres.url(postgres.create()), postgres)
        finally:
            if hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(0, mine)


def _note_filling(report: Report, filled: Filled) -> None:
    songs = report.stems // PARTS
    report.figures |= {
        "files submitted, rows/s": filled.files.median,
        "files sealed, s": filled.seal_s,
        "scans recorded, files/s": filled.scans.median,
        "songs planned, rows/s": songs / sum(filled.plan_ticks_s),
        "longest look while planning, s": max(filled.plan_ticks_s),
        "songs admitted, rows/s": songs / sum(filled.admit_ticks_s),
        "longest look while admitting, s": max(filled.admit_ticks_s),
        "stems drawn, rows/s": filled.drawn.median,
        "stems written, rows/s": filled.written.median,
        "stems written over all, rows/s": filled.written.overall,
        "stems drawn and written over all, rows/s": sum(filled.written.rows)
        / (sum(filled.drawn.seconds) + sum(filled.written.seconds)),
        "longest look while drawing, s": max(filled.draw_ticks_s),
    }


def _add_slots(ledger: Ledger, slots: int) -> None:
    for number in range(ledger.live_slots(), slots):
        ledger.register_slot(f"host-{number // 16:03d}", number, ENGINE)


def _note_rounds(report: Report, server: Server, ledger: Ledger, slots: int, rounds: int) -> None:
    work(ledger, 5)
    server.mark()
    found = work(ledger, rounds)
    name = f"one slot of {slots}, "
    report.figures |= {
        name + "lease, ms": 1e3 * statistics.median(found.lease_s),
        name + "commit, ms": 1e3 * statistics.median(found.commit_s),
        name + f"leases and commits of {BATCH}, stems/s": found.stems_per_s,
    }
    if server.postgres is not None:
        report.figures[name + "stems per CPU second of Postgres"] = sum(found.stems) / max(server.since_mark(), 1e-9)


def _note_processes(report: Report, server: Server, rounds: int) -> None:
    """Let several slots work at once, each in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.ledger_slot", server.url, str(rounds), str(BATCH)]
    with contextlib.ExitStack() as stack:
        slots = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(_PROCESSES)
        ]
        for slot in slots:
            _line_of(slot)  # it is ready
        server.mark()
        began = time.perf_counter()
        for slot in slots:
            print(file=slot.stdin, flush=True)
        found = [Rounds(**json.loads(_line_of(slot))) for slot in slots]
        took_s = time.perf_counter() - began
    stems = sum(sum(one.stems) for one in found)
    report.figures[f"{_PROCESSES} slots at once, stems/s"] = stems / took_s
    if server.postgres is not None:
        report.figures[f"{_PROCESSES} slots at once, share of its core that Postgres used"] = (
            server.since_mark() / took_s
        )


def _line_of(slot: subprocess.Popen[str]) -> str:
    line = "" if slot.stdout is None else slot.stdout.readline()
    if not line:
        raise BenchError("a slot that was measured ended early", hint="Its last words are above")
    return line


def _record(report: Report) -> dict[str, Any]:
    return {**asdict(report), "missed": report.missed}


def _print(reports: Sequence[Report]) -> None:
    screen = console()
    table = Table(title=f"a ledger of {reports[0].stems:,} stems", title_justify="left", box=None, pad_edge=False)
    for column in ("", *(report.database for report in reports), "limit"):
        table.add_column(column, justify="left" if not column else "right")
    for name in dict.fromkeys(name for report in reports for name in report.figures):
        cells = [_cell(report, name) for report in reports]
        table.add_row(name, *cells, str(LIMITS.get(name, "")))
    screen.print(table)
    for report in reports:
        load = ", ".join(f"{value:.1f}" for value in report.load)
        screen.print(f"{report.database}: load of the machine at the end {load} (1, 5, 15 min)")
        for statement in report.scans:
            screen.print(f"[red]reads all stems:[/red] {escape(statement)}")


def _cell(report: Report, name: str) -> str:
    value = report.figures.get(name)
    if value is None:
        return ""
    text = f"{value:,.0f}" if value >= 100 else f"{value:,.4g}"
    return f"[red]{text}[/red]" if name in report.missed else text


if __name__ == "__main__":
    sys.exit(main())
