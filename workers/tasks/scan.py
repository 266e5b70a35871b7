"""Read a batch of source files into facts or named rejections."""

from __future__ import annotations

from pathlib import Path

from farm.ledger import Ledger, TaskRef
from schemas.compose import number_of
from schemas.errors import RefusedError
from schemas.plan import DatasetPlan
from schemas.song import ScanResult
from schemas.states import RejectReason
from workers.composing.song import composed
from workers.config import WorkerSettings
from workers.scanning.scan import scan_files, scan_song


def run(ledger: Ledger, task: TaskRef, settings: WorkerSettings) -> None:
    """Scan the files of one batch."""
    submission, files = ledger.submission(task.submission_id), ledger.task_files(task)
    if submission.plan.compose is not None:
        results = [scan_composed(submission.plan, file_id, path) for file_id, path in files]
    else:
        root = Path(submission.source_root)
        results = scan_files([(file_id, root / path) for file_id, path in files])
    ledger.complete_scan(task, results)


def scan_composed(plan: DatasetPlan, file_id: int, path: str) -> ScanResult:
    """Compose one song for its facts; one that was never good enough is rejected as `low_score`."""
    try:
        song = composed(plan, number_of(path))
    except RefusedError as error:
        reason = RejectReason(error.reason)
        return ScanResult(file_id=file_id, reason=reason, detail=error.message, rejected=error.rejected)
    return ScanResult(file_id=file_id, facts=scan_song(song.midi), rejected=song.rejected)
