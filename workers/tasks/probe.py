"""Find the engine, its version and the soundfonts that a submission will be rendered with."""

from __future__ import annotations

from farm.ledger import Ledger, TaskRef
from workers.config import WorkerSettings
from workers.probing import probe
from workers.store import open_store


def run(ledger: Ledger, task: TaskRef, settings: WorkerSettings) -> None:
    """Probe this host and record what was found for the whole submission.

    The store is tried too: what is wrong with it is said once, before a song fails of it.
    """
    submission = ledger.submission(task.submission_id)
    open_store(submission.store_root, settings).check()
    plan = submission.plan
    facts = probe(plan.engine, library=settings.fluidsynth, instruments=plan.instruments.loaded)
    ledger.complete_probe(task, facts)
