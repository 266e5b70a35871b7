"""`farm import`: a plan from the set-up of another program, and what became of each of its keys."""

from __future__ import annotations

import sys
from pathlib import Path

from farm.cli.output import print_json
from farm.cli.screens import show, table
from farm.planning.slakh.report import ImportReport, KeyFate
from farm.planning.slakh.setup import Options
from farm.planning.slakh.write import import_slakh
from schemas.errors import PlanError


def import_command(kind: str, config: Path, out: Path, options: Options, *, as_json: bool) -> int:
    """Import a set-up and say what became of it; returns 0."""
    if kind != "slakh":
        raise PlanError(f"nothing can be imported from {kind!r}", hint="`farm import slakh CONFIG.json`")
    report = import_slakh(config, out, options)
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        _show(report)
    return 0


def _show(report: ImportReport) -> None:
    columns = ["key", "fate", "in the plan", "why"]
    show(table(f"{report.config}: every key", columns, [_row(fate) for fate in report.keys]))
    lines = ["", "files"]
    for file in report.files:
        numbers = "" if file.numbers_from is None else f"; numbers from {file.numbers_from} ({file.evidence})"
        lines.append(f"- {file.role} {Path(file.path).name}: {file.says}{numbers}")
    lines += ["", "to know", *(f"- {note.text}" for note in report.notes)]
    lines += ["", f"written: {', '.join(report.written)}", f"run it:  {report.command}"]
    sys.stdout.write("\n".join(lines) + "\n")


def _row(fate: KeyFate) -> list[object]:
    return [fate.key, fate.fate.value, fate.became, fate.why]
