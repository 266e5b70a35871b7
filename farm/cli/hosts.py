"""`farm workers` and `farm drain`: the hosts of the farm and their slots."""

from __future__ import annotations

import sys
import time

from farm.cli.door import service_ledger
from farm.cli.output import answer, counted, duration, print_json, size
from farm.cli.screens import show, table
from farm.ledger import HostReport, Ledger, SlotReport
from schemas.errors import UnknownIdError

_LOOK_S = 0.5


def workers_command(host: str | None, *, as_json: bool) -> int:
    """List hosts and slots."""
    with service_ledger() as ledger:
        known, slots = ledger.hosts(), ledger.workers()
    if host is not None and host not in (report.host for report in known):
        names = ", ".join(sorted(report.host for report in known)) or "none has ever been seen"
        raise UnknownIdError(f"no host is called {host}", hint=f"Known hosts: {names}")
    hosts = [report for report in known if host in (None, report.host)]
    slots = [slot for slot in slots if host in (None, slot.host)]
    if as_json:
        print_json({"hosts": hosts, "slots": slots})
    elif not hosts:
        sys.stdout.write("no host has ever been seen; start one with `farm worker`\n")
    else:
        _show_hosts(hosts)
        _show_slots(slots)
    return 0


def _show_hosts(hosts: list[HostReport]) -> None:
    rows: list[list[object]] = [
        [h.host, condition(h), h.slots, h.busy, f"{duration(h.last_seen_s)} ago", size(h.free_disk_bytes)]
        for h in hosts
    ]
    show(table("hosts", ["host", "state", "slots", "busy", "seen", "free disk"], rows))


def _show_slots(slots: list[SlotReport]) -> None:
    several = any(len(slot.engines) > 1 for slot in slots)  # else a column would only say what the next one says
    rows: list[list[object]] = [
        [
            s.slot_id, s.host, s.pid, s.engine, *([_others(s)] if several else []), s.state.value, s.warm_patch or "–",
            s.holding, duration(s.since_s), f"{duration(s.heartbeat_age_s)} ago",
        ]
        for s in slots
    ]  # fmt: skip
    others = ["also serves"] if several else []
    columns = ["slot", "host", "pid", "engine", *others, "state", "warm patch", "holds", "for", "heard of"]
    show(table("\nslots" if slots else "\nno slot is alive", columns, rows))


def _others(slot: SlotReport) -> str:
    return ", ".join(engine for engine in slot.engines if engine != slot.engine) or "–"


def condition(host: HostReport) -> str:
    """Return the state of a host in words."""
    words = [
        "sick" if host.sick else "",
        "" if not host.draining else "draining" if host.busy else "drained",
        "" if host.slots else "no slots",
    ]
    return ", ".join(filter(None, words)) or "well"


def drain_command(host: str, *, on: bool, wait: bool, as_json: bool) -> int:
    """Drain a host, or take it back; with `wait` return only when nothing of it is busy any more."""
    with service_ledger() as ledger:
        report = ledger.drain(host, on)
        if on and wait:
            report = _wait(ledger, report)
    return answer(_record(report), f"host {host}: {_words(report)}", as_json=as_json)


def _wait(ledger: Ledger, report: HostReport) -> HostReport:
    while report.busy and report.draining:
        time.sleep(_LOOK_S)
        report = next(found for found in ledger.hosts() if found.host == report.host)
    return report


def _record(report: HostReport) -> dict[str, object]:
    return {"host": report.host, "draining": report.draining, "slots": report.slots, "busy": report.busy}


def _words(report: HostReport) -> str:
    slots = counted(report.slots, "slot")
    if not report.draining:
        return f"takes work again, {slots}" + ("; it is sick, see `farm logs --host`" if report.sick else "")
    if report.busy:
        return f"draining, {report.busy} of {slots} still busy; `farm drain {report.host} --off` takes it back"
    return f"drained, nothing runs there; `farm drain {report.host} --off` takes it back"
