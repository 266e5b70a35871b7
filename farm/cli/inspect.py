"""`farm status`, `farm songs` and `farm failures`: read the ledger, change nothing."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from farm.cli.screens import table
from farm.cli.service import open_service_ledger
from farm.config import Settings
from farm.dataset.folder import farm_folder
from farm.ledger import Ledger, SubmissionStatus, open_ledger
from schemas.errors import UnknownIdError
from schemas.states import SUBMISSION_ENDS

_WATCH_S = 1.0


def status_command(submission: int | None, *, watch: bool, as_json: bool) -> int:
    """Show one submission or list all."""
    ledger = open_service_ledger(Settings())
    if submission is None:
        return _list(ledger, as_json=as_json)
    if as_json:
        _print_json(dataclasses.asdict(ledger.status(submission)))
    elif watch:
        _watch(ledger, submission)
    else:
        Console().print(_picture(ledger.status(submission)))
    return 0


def songs_command(submission: int, *, as_json: bool) -> int:
    """List the songs of a submission."""
    rows = open_service_ledger(Settings()).songs(submission)
    if as_json:
        _print_json([dataclasses.asdict(row) for row in rows])
        return 0
    cells: list[list[object]] = [
        [r.name, r.state.value, f"{r.stems_done}/{r.stems_total}", r.source, r.reason or ""] for r in rows
    ]
    Console().print(table(f"submission {submission}", ["track", "state", "stems", "source", "reason"], cells))
    return 0


def failures_command(submission: str, *, as_json: bool) -> int:
    """List what was rejected or failed; `submission` is a number, or the folder of a local run."""
    ledger, number = _find(submission)
    rows = ledger.failures(number)
    if as_json:
        _print_json([dataclasses.asdict(row) for row in rows])
        return 0
    cells: list[list[object]] = [[r.kind, r.name, r.reason, r.detail] for r in rows]
    Console().print(
        table(
            "rejected and failed" if rows else "nothing was rejected or failed",
            ["what", "name", "reason", "detail"],
            cells,
        )
    )
    return 0


def _find(submission: str) -> tuple[Ledger, int]:
    if submission.isdigit():
        return open_service_ledger(Settings()), int(submission)
    path = farm_folder(Path(submission).expanduser().resolve()) / "ledger.sqlite"
    if not path.is_file():
        raise UnknownIdError(
            f"{submission} is neither a submission's number nor the folder of a local run", hint="See `farm status`"
        )
    ledger = open_ledger(f"sqlite:///{path}")
    return ledger, ledger.submissions()[-1].id


def _list(ledger: Ledger, *, as_json: bool) -> int:
    rows = [ledger.status(row.id) for row in ledger.submissions()]
    if as_json:
        _print_json([dataclasses.asdict(row) for row in rows])
        return 0
    cells: list[list[object]] = [
        [r.submission_id, r.name, r.state.value, f"{r.songs_done}/{r.songs_total}", r.songs_failed, r.stems_done]
        for r in rows
    ]
    Console().print(table("submissions", ["id", "name", "state", "songs", "failed", "stems"], cells))
    return 0


def _watch(ledger: Ledger, submission: int) -> None:
    with Live(_picture(ledger.status(submission)), console=Console(), refresh_per_second=4) as live:
        while True:
            status = ledger.status(submission)
            live.update(_picture(status))
            if status.state in SUBMISSION_ENDS:
                return
            time.sleep(_WATCH_S)


def _picture(status: SubmissionStatus) -> Group:
    songs = f"{status.songs_done}/{status.songs_total}"
    stems = f"{status.stems_done}/{status.stems_total}"
    files = f"{status.files_scanned}/{status.files_total}"
    row: list[object] = [status.state.value, files, songs, status.songs_failed, stems, f"{status.stem_audio_s:,.0f} s"]
    columns = ["state", "files", "songs", "failed", "stems", "stem audio"]
    head = table(f"submission {status.submission_id}: {status.name}", columns, [row])
    return Group(head, *_counts("rejected", status.rejected), *_counts("warnings", status.warnings))


def _counts(title: str, counts: dict[str, int]) -> list[Table]:
    if not counts:
        return []
    return [table("", [title, "count"], [[reason, count] for reason, count in sorted(counts.items())])]


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=1, default=str) + "\n")
