"""`farm selftest`: try the installation, undisturbed or with everything that can go wrong."""

from __future__ import annotations

import logging
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich import progress
from rich.console import Console

from farm.cli.output import counted, duration, print_json
from farm.cli.screens import show, table
from farm.selftest.run import Report, Seen, Trial, run_trial
from schemas.errors import OutputError, PlanError

_QUICK_STEMS = 24
_CHAOS_STEMS = 2000
_LEDGERS = ("sqlite", "postgres")
_TERMINATED = 128 + signal.SIGTERM


def selftest_command(
    *, chaos: bool, stems: int | None, seed: int, minutes: float, ledger: str | None, keep: Path | None, as_json: bool
) -> int:
    """Do a trial and tell what came of it; returns 0 when everything is as it must be, else 1."""
    kind = ledger or ("postgres" if chaos else "sqlite")
    if kind not in _LEDGERS:
        raise PlanError(f"--ledger {kind} is no kind of ledger", hint=f"Choose one of {', '.join(_LEDGERS)}")
    logging.getLogger("farm.ledger").setLevel(logging.ERROR)  # that the database is away is part of it
    with _ended_in_order(), _folder(keep) as folder, _Line(quiet=as_json) as line:
        trial = Trial(
            folder=folder, stems=stems or (_CHAOS_STEMS if chaos else _QUICK_STEMS), seed=seed, minutes=minutes,
            postgres=kind == "postgres", chaos=chaos,
        )  # fmt: skip
        report = run_trial(trial, line.show)
    print_json(report.as_json()) if as_json else _print(report)
    return int(not report.ok)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="farm-selftest-") as name:
            yield Path(name)
        return
    folder = keep.expanduser().resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} is not an empty folder", hint="Name a new one with --keep")
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM end the trial as Ctrl-C does: what it has started ends with it."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _print(report: Report) -> None:
    trial = report.trial
    if report.hits:
        hits: list[list[object]] = [
            [f"{hit.at_s:.1f} s", hit.fault.at, hit.fault.kind.value, hit.whom] for hit in report.hits
        ]
        show(table("faults", ["at", "stems", "fault", "whom"], hits))
    cells: list[list[object]] = [["yes" if one.ok else "NO", one.name, one.detail] for one in report.verdicts]
    show(table("checks", ["ok", "what", "detail"], cells))
    means = "".join(f"; {name}: {how}" for name, how in report.means.items())
    took = f"{duration(report.disturbed_s)}" + (
        f", undisturbed {duration(report.undisturbed_s)}" if trial.chaos else ""
    )
    ledger = "PostgreSQL" if trial.postgres else "SQLite"
    verdict = "everything is as it must be" if report.ok else "something is wrong"
    sys.stdout.write(
        f"{counted(trial.all_stems, 'stem')}, seed {trial.seed}, ledger in {ledger}, {took}{means}\n{verdict}\n"
    )


class _Line:
    """The live line of a trial, on standard error."""

    def __init__(self, *, quiet: bool) -> None:
        self._bar = progress.Progress(
            progress.TextColumn("{task.description:<28}"),
            progress.BarColumn(bar_width=32),
            progress.TextColumn("{task.fields[counts]}"),
            progress.TimeElapsedColumn(),
            console=Console(stderr=True),
            disable=quiet,
        )
        self._task = self._bar.add_task("starting", total=None, counts="")

    def __enter__(self) -> _Line:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, seen: Seen) -> None:
        """Bring the line up to date."""
        counts = f"{seen.stems:,} of {counted(seen.of, 'stem')}"
        if seen.of_faults:
            counts += f" · {seen.faults} of {counted(seen.of_faults, 'fault')}" + (
                f" · {seen.last}" if seen.last else ""
            )
        self._bar.update(self._task, description=seen.phase, completed=seen.stems, total=seen.of, counts=counts)
