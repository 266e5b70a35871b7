"""`farm status`, `farm songs` and `farm failures`: read the ledger, change nothing."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from rich.table import Table

from farm.cli.door import service_ledger
from farm.cli.output import print_json
from farm.cli.picture import View, listing, picture, stages
from farm.cli.screens import show, table
from farm.ledger import Ledger, open_ledger
from schemas.dataset import FARM_FOLDER
from schemas.errors import PlanError, UnknownIdError


def status_command(submission: str | None, *, watch: bool, as_json: bool) -> int:
    """Show one submission or list all, once or until it has ended; one may be the folder of a local run."""
    if watch:
        from farm.cli.watch import watch_command

        return watch_command(_number(submission), as_json=as_json)
    if submission is not None:
        with opened(submission) as (ledger, number):
            status = ledger.status(number)
        print_json(status) if as_json else show(picture(View(status)), *stages(status.stages))
        return 0
    with service_ledger() as ledger:
        rows = [ledger.status(row.id) for row in ledger.submissions()]
    print_json(rows) if as_json else show(listing(rows))
    return 0


def songs_command(submission: str, *, as_json: bool) -> int:
    """List the songs of a submission; `submission` is a number, or the folder of a local run."""
    with opened(submission) as (ledger, number):
        rows, rejected = ledger.songs(number), ledger.status(number).rejected
    if as_json:
        print_json(rows)
        return 0
    cells: list[list[object]] = [
        [r.name, r.state.value, f"{r.stems_done}/{r.stems_total}", r.source, r.reason or ""] for r in rows
    ]
    show(table(f"submission {submission}", ["track", "state", "stems", "source", "reason"], cells))
    if rejected:
        show("", by_rule(rejected), f"every one of them: farm failures {submission}")
    return 0


def failures_command(submission: str, *, as_json: bool) -> int:
    """List what was rejected or failed; `submission` is a number, or the folder of a local run."""
    with opened(submission) as (ledger, number):
        rows = ledger.failures(number)
    if as_json:
        print_json(rows)
        return 0
    if not rows:
        sys.stdout.write("nothing was rejected or failed\n")
        return 0
    cells: list[list[object]] = [[row.kind, row.name, row.reason, row.detail] for row in rows]
    show(table("rejected and failed", ["what", "name", "reason", "detail"], cells))
    rejected = Counter(row.reason or "" for row in rows if row.kind == "file")
    if rejected:
        show("", by_rule(rejected))
    return 0


def by_rule(counts: Mapping[str, int]) -> Table:
    """Return a table of how many files each rule rejected, the most first."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return table("", ["rejected", "by rule"], [[count, reason] for reason, count in ranked])


def _number(submission: str | None) -> int | None:
    if submission is None or submission.isdigit():
        return None if submission is None else int(submission)
    raise PlanError(
        f"--watch goes with the number of a submission, not with {submission}",
        hint="A local run shows its progress itself; `farm status` lists the submissions of a service",
    )


@contextmanager
def opened(submission: str) -> Iterator[tuple[Ledger, int]]:
    if submission.isdigit():
        with service_ledger() as ledger:
            yield ledger, int(submission)
        return
    path = Path(submission).expanduser().resolve() / FARM_FOLDER / "ledger.sqlite"
    if not path.is_file():
        raise UnknownIdError(
            f"{submission} is neither a submission's number nor the folder of a local run", hint="See `farm status`"
        )
    with closing(open_ledger(f"sqlite:///{path}")) as ledger:
        yield ledger, ledger.submissions()[-1].id
