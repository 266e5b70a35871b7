"""`farm patches` and `farm quarantine`: what is played on, how fast, and what is held back."""

from __future__ import annotations

import sys

from farm.cli.door import service_ledger
from farm.cli.output import answer, counted, duration, print_json
from farm.cli.screens import show, table
from farm.ledger import PatchReport
from schemas.errors import PlanError

#: Characters of a load key that a table shows; any beginning that is unique will do.
KEY_LENGTH = 12


def patches_command(submission: int | None, *, as_json: bool) -> int:
    """List patches with their work."""
    with service_ledger() as ledger:
        reports = ledger.patches(submission)
    if as_json:
        print_json(reports)
    elif not reports:
        sys.stdout.write("no patches yet: they are drawn when songs are admitted\n")
    else:
        show(table("patches", _COLUMNS, [_row(report) for report in reports]))
    return 0


def quarantine_command(prefix: str | None, reason: str, *, release: bool, as_json: bool) -> int:
    """List quarantined patches, or quarantine or release one."""
    if release and prefix is None:
        raise PlanError("--release needs the key of a patch", hint="`farm quarantine` lists the quarantined ones")
    with service_ledger() as ledger:
        if prefix is None:
            return _list_held([report for report in ledger.patches() if report.quarantined], as_json=as_json)
        report = ledger.release(prefix) if release else ledger.quarantine(prefix, reason)
    key = report.load_key[:KEY_LENGTH]
    if release:
        words = f"{counted(report.ready, 'stem')} can be taken again"
    else:
        words = f"quarantined, {counted(report.ready, 'stem')} held; `farm quarantine {key} --release` gives them out"
    return answer(_record(report), f"patch {key} ({report.label}): {words}", as_json=as_json)


def _list_held(held: list[PatchReport], *, as_json: bool) -> int:
    if as_json:
        print_json(held)
    elif not held:
        sys.stdout.write("no patch is quarantined\n")
    else:
        rows: list[list[object]] = [[r.load_key[:KEY_LENGTH], r.label, r.ready, r.failed, r.reason or ""] for r in held]
        show(table("quarantined patches", ["patch", "label", "held", "failed", "reason"], rows))
    return 0


_COLUMNS = ["patch", "label", "engine", "ready", "leased", "done", "failed", "left", "load", "speed", "state"]


def _row(report: PatchReport) -> list[object]:
    return [
        report.load_key[:KEY_LENGTH], report.label, report.engine, report.ready, report.leased, report.done,
        report.failed, duration(report.est_s), duration(report.load_s), speed(report.rtf),
        "quarantined" if report.quarantined else "",
    ]  # fmt: skip


def speed(rtf: float | None) -> str:
    """Return a real-time factor (wall seconds per second of audio) as `120 ×` real time; `–` for None."""
    return f"{1 / rtf:,.0f} ×" if rtf else "–"


def _record(report: PatchReport) -> dict[str, object]:
    return {
        "load_key": report.load_key, "label": report.label, "quarantined": report.quarantined, "ready": report.ready,
        "reason": report.reason,
    }  # fmt: skip
