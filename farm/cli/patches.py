"""`farm patches` and `farm quarantine`: what is played on, how fast, and what is held back."""

from __future__ import annotations

import sys

from farm.cli.door import service_ledger
from farm.cli.output import answer, counted, duration, plain, print_json
from farm.cli.screens import show, table
from farm.ledger import HoldReport, PatchReport, PresetReport
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
        held = [hold for report in reports for hold in report.held_patches]
        if held:
            show(table("\nquarantined patches", _HELD_COLUMNS, [_held_row(hold) for hold in held]))
    return 0


def presets_command(submission: int | None, *, as_json: bool) -> int:
    """List patches one by one, presets of one soundfont too."""
    with service_ledger() as ledger:
        reports = ledger.presets(submission)
    if as_json:
        print_json(reports)
    elif not reports:
        sys.stdout.write("no patches yet: they are drawn when songs are admitted\n")
    else:
        show(table("patches", _PRESET_COLUMNS, [_preset_row(report) for report in reports]))
    return 0


_PRESET_COLUMNS = ["patch", "loaded with", "engine", "ready", "leased", "done", "failed", "state"]


def _preset_row(report: PresetReport) -> list[object]:
    return [
        report.patch, report.load_key[:KEY_LENGTH], report.engine, report.ready, report.leased, report.done,
        report.failed, "quarantined" if report.quarantined else "",
    ]  # fmt: skip


def quarantine_command(prefix: str | None, reason: str, *, release: bool, as_json: bool) -> int:
    """List quarantined patches, or quarantine or release one."""
    if release and prefix is None:
        raise PlanError("--release needs the name of a patch", hint="`farm quarantine` lists the quarantined ones")
    with service_ledger() as ledger:
        if prefix is None:
            return _list_held(ledger.holds(), as_json=as_json)
        report = ledger.release(prefix) if release else ledger.quarantine(prefix, reason)
    key = report.load_key[:KEY_LENGTH]
    name = report.patch or key
    if release:
        words = f"{counted(report.ready, 'stem')} can be taken again"
    else:
        words = f"quarantined, {counted(report.ready, 'stem')} held; `farm quarantine {name} --release` gives them out"
    other = key if report.patch else report.label
    return answer(plain(report), f"patch {name} ({other}): {words}", as_json=as_json)


def _list_held(held: list[HoldReport], *, as_json: bool) -> int:
    if as_json:
        print_json(held)
    elif not held:
        sys.stdout.write("no patch is quarantined\n")
    else:
        show(table("quarantined patches", _HELD_COLUMNS, [_held_row(hold) for hold in held]))
    return 0


_HELD_COLUMNS = ["patch", "label", "held", "reason"]


def _held_row(hold: HoldReport) -> list[object]:
    return [hold.load_key[:KEY_LENGTH], hold.label, hold.ready, hold.reason]


_COLUMNS = ["patch", "label", "engine", "ready", "leased", "done", "failed", "left", "load", "speed", "state"]


def _row(report: PatchReport) -> list[object]:
    return [
        report.load_key[:KEY_LENGTH], report.label, report.engine, report.ready, report.leased, report.done,
        report.failed, duration(report.est_s), duration(report.load_s), speed(report.rtf),
        condition(report),
    ]  # fmt: skip


def condition(report: PatchReport) -> str:
    """Return what is held of a load key, in words; empty for nothing."""
    if report.quarantined:
        return "quarantined"
    return f"{counted(report.held, 'stem')} held" if report.held_patches else ""


def speed(rtf: float | None) -> str:
    """Return a real-time factor (wall seconds per second of audio) as `120 ×` real time; `–` for None."""
    return f"{1 / rtf:,.0f} ×" if rtf else "–"
