"""`farm run`: the whole job on one machine."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from farm.cli.prepare import Asked, Request, enter, prepare, supersede
from farm.cli.room import Room, published_bytes
from farm.cli.screens import Progress, summary
from farm.dataset.finish import write_dataset
from farm.dataset.folder import farm_folder, is_finished, locked, sweep, translated_os_errors
from farm.ledger import Ledger, SubmissionStatus, open_ledger
from farm.scheduling.local import run_local
from farm.scheduling.slothost import SlotHost
from schemas.dataset import DATASET
from schemas.errors import MissingDependencyError
from schemas.machine import usable_cores
from schemas.plan import DatasetPlan
from schemas.states import SUBMISSION_ENDS


def run_command(asked: Asked, *, host: SlotHost, slots: int | None, as_json: bool) -> int:
    """Make the dataset with the slots of `host` and print a summary; returns the exit code."""
    began = time.monotonic()
    request = prepare(asked)
    check_effects(request.plan)
    with locked(request.out), translated_os_errors(request.out), Progress(quiet=as_json) as progress:
        report = _finished(request, began) if is_finished(request.out) else None
        if report is None:
            report = _make(request, host, slots or usable_cores(), progress, began)
    if as_json:
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
    else:
        summary(report)
    return int(report["exit_code"])


def check_effects(plan: DatasetPlan) -> None:
    """See to it that the effects of the mix can be made here, before a stem is rendered.

    Raises:
        MissingDependencyError: they cannot.
    """
    if plan.output.is_rendered and plan.mix.every_effect and importlib.util.find_spec("dawdreamer") is None:
        usual = (
            "; or write `mix: {preset: composed-dry}` in the plan, which has none" if plan.compose is not None else ""
        )
        raise MissingDependencyError(
            "the effects of the mix need DawDreamer, which is not installed",
            hint=f"`pip install 'stemfarm[plugins]'`{usual}",
        )


def _ledger_url(out: Path) -> str:
    return f"sqlite:///{farm_folder(out) / 'ledger.sqlite'}"


def _finished(request: Request, began: float) -> dict[str, Any] | None:
    """Return the report of a dataset that is finished already, or None when there is still something to do."""
    if request.plan.rerender_existing:
        return None
    ledger = open_ledger(_ledger_url(request.out))
    submission_id = enter(ledger, request)
    status = ledger.status(submission_id)
    if status.state not in SUBMISSION_ENDS:
        return None
    return _report(ledger, status, wall_s=time.monotonic() - began, fresh=False, out=request.out)


def _make(request: Request, host: SlotHost, slots: int, progress: Progress, began: float) -> dict[str, Any]:
    sweep(request.out)
    ledger = open_ledger(_ledger_url(request.out))
    supersede(ledger, request)
    host.begin(_ledger_url(request.out), slots=slots, logs=farm_folder(request.out) / "logs")
    submission_id = enter(ledger, request)
    (request.out / DATASET).unlink(missing_ok=True)
    room = Room(request.out, request.plan.output, progress.say)

    def report(status: SubmissionStatus) -> None:
        room.look(status)
        progress.show(status)

    status = run_local(
        ledger,
        submission_id,
        host,
        finish=lambda number: write_dataset(ledger, number),
        report=None if progress.quiet else report,
    )
    return _report(ledger, status, wall_s=time.monotonic() - began, fresh=True, out=request.out)


def _report(ledger: Ledger, status: SubmissionStatus, *, wall_s: float, fresh: bool, out: Path) -> dict[str, Any]:
    failures = ledger.failures(status.submission_id)
    failed = status.songs_failed > 0 or (status.songs_total == 0 and status.error != "")
    output = ledger.submission(status.submission_id).plan.output
    return {
        "submission": status.submission_id,
        "out": str(out),
        "parts": output.parts,
        "state": status.state.value,
        "error": status.error,
        "did_anything": fresh,
        "songs": {"published": status.songs_done, "failed": status.songs_failed, "accepted": status.songs_total},
        "stems": status.stems_done,
        "stem_audio_s": round(status.stem_audio_s, 3),
        "wall_s": round(wall_s, 3),
        "times_real_time": round(status.stem_audio_s / wall_s, 1) if fresh else None,
        "stages": [dataclasses.asdict(cost) for cost in status.stages],
        "disk": {
            "estimated_bytes": published_bytes(status.work_total, output),
            "free_bytes": shutil.disk_usage(out).free,
        },
        "rejected": dict(sorted(status.rejected.items())),
        "rejected_tries": dict(sorted(status.rejected_tries.items())),
        "warnings": dict(sorted(status.warnings.items())),
        "failures": [{"kind": f.kind, "name": f.name, "reason": f.reason, "detail": f.detail} for f in failures],
        "exit_code": 3 if failed else 0,
    }
