"""Find the engine, its version and the soundfont that a submission will be rendered with."""

from __future__ import annotations

from farm.ledger import Ledger, TaskRef
from workers.config import WorkerSettings
from workers.probing import probe


def run(ledger: Ledger, task: TaskRef, settings: WorkerSettings) -> None:
    """Probe this host and record what was found for the whole submission."""
    plan = ledger.submission(task.submission_id).plan
    ledger.complete_probe(task, probe(plan.engine, library=settings.fluidsynth))
