"""Read a batch of source files into facts or named rejections."""

from __future__ import annotations

from pathlib import Path

from farm.ledger import Ledger, TaskRef
from workers.config import WorkerSettings
from workers.scanning.scan import scan_files


def run(ledger: Ledger, task: TaskRef, settings: WorkerSettings) -> None:
    """Scan the files of one batch."""
    root = Path(ledger.submission(task.submission_id).source_root)
    ledger.complete_scan(task, scan_files([(file_id, root / path) for file_id, path in ledger.task_files(task)]))
