"""Find the engine, its version and the soundfonts that a submission will be rendered with."""

from __future__ import annotations

from farm.ledger import Ledger, TaskRef
from schemas.permits import check_facts
from workers.config import WorkerSettings
from workers.probing import probe
from workers.store import open_store


def run(ledger: Ledger, task: TaskRef, settings: WorkerSettings) -> None:
    """Probe this host and record what was found for the whole submission.

    The store is tried too: what is wrong with it is said once, before a song fails of it. So are the licences of all that
    the plan may play.
    """
    submission = ledger.submission(task.submission_id)
    open_store(submission.store_root, settings).check()
    plan = submission.plan
    words = [] if plan.compose is None else plan.compose.soundfont_words
    samples = None if plan.compose is None else plan.compose.sample_library
    facts = probe(
        plan.engine,
        library=settings.fluidsynth,
        instruments=plan.instruments.loaded,
        soundfonts=words,
        samples=samples,
    )
    check_facts(plan, facts)
    ledger.complete_probe(task, facts)
