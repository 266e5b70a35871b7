"""`farm verify`: hand a dataset to the verifier, a process of the data plane started by name, and make some songs anew."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from farm.dataset.records import check_there, check_whole
from farm.dataset.remade import USUAL, how_many
from schemas.dataset import DATASET
from schemas.errors import DatasetError
from schemas.tasks import VERIFIER
from schemas.verifying import NotRemade, Remake, VerifyReport, report_text

_NO_DATASET = 2


def verify_command(dataset: Path, *, fast: bool, again: str | None, as_json: bool) -> int:
    """Verify the dataset and return 0 as claimed, 1 not, 2 no dataset.

    Args:
        dataset: its folder.
        fast: leave the audio undecoded.
        again: which songs are made anew and compared; None for what is usual.
        as_json: print the report as JSON.
    """
    if again is not None:
        how_many(again, 1)
    check_there(dataset)
    check_whole(dataset)
    command = [sys.executable, "-P", "-m", VERIFIER, str(dataset), *(["--fast"] if fast else [])]
    asked = _usual(dataset, fast=fast) if again is None else again
    if not how_many(asked, 1):
        return subprocess.run([*command, *(["--json"] if as_json else [])], check=False).returncode
    done = subprocess.run([*command, "--json"], check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode >= _NO_DATASET or not done.stdout:
        return done.returncode
    report = _with_remake(VerifyReport.model_validate_json(done.stdout), dataset, asked, quiet=as_json)
    sys.stdout.write(report.model_dump_json(indent=1) + "\n" if as_json else report_text(report))
    return 0 if report.ok else 1


def _usual(dataset: Path, *, fast: bool) -> str:
    """Return what is made anew where nobody says: some of the songs that the farm has written, nothing of a corpus."""
    try:
        found: dict[str, Any] = json.loads((dataset / DATASET).read_bytes())
        is_composed = found["plan"]["compose"] is not None
    except (OSError, ValueError, LookupError, TypeError):
        return "0"  # the verifier says what is wrong
    return USUAL if is_composed and not fast else "0"


def _with_remake(report: VerifyReport, dataset: Path, asked: str, *, quiet: bool) -> VerifyReport:
    from farm.cli.remake import remake

    try:
        made, findings = remake(dataset, asked, quiet=quiet)
    except DatasetError as error:  # its records are damaged, as the findings say
        left = NotRemade(track="", reason=error.reason, message=error.message)
        made, findings = Remake(
            asked=asked, songs=0, tracks=[], files=0, size_bytes=0, differing=0, skipped={error.reason: 1},
            not_remade=[left],
        ), []  # fmt: skip
    every = [*report.findings, *findings]
    return report.model_copy(update={"findings": every, "ok": not every, "remake": made})
