"""The Celery application of the data plane: tickets and song tasks, each a few lines over a slot.

A message carries ids only and no state: lost, repeated or forged, it does no harm, since the ledger decides what there
is to do.
"""

from __future__ import annotations

import functools
import logging
import os
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from celery import Celery
from celery.signals import worker_process_shutdown

import schemas
from farm.ledger import open_ledger
from schemas.errors import ServiceError
from schemas.patch import ENGINES
from schemas.states import TaskKind
from schemas.tasks import SONG_TASKS, TICKET_TASK, celery_settings, ticket_queue
from workers.config import WorkerSettings
from workers.slot import Slot

if getattr(schemas, "DISTRIBUTION", None) != "stemfarm":
    raise ImportError(f"another package has taken the name `schemas`: {schemas.__file__}; install stemfarm by itself")

_log = logging.getLogger(__name__)
_settings = WorkerSettings()

app = Celery("stemfarm", broker=_settings.broker_url)
app.conf.update(celery_settings())


@functools.cache
def slot() -> Slot:
    """Return this process's slot; it is registered with the first message and lives as long as the process."""
    if _settings.ledger_url is None:
        raise ServiceError("FARM_LEDGER_URL is not set", hint="Set it to the ledger's URL, see docs/operating.md")
    return Slot(open_ledger(_settings.ledger_url), _settings)


@worker_process_shutdown.connect
def _leave(**_: Any) -> None:
    if slot.cache_info().currsize:
        slot().close()


@app.task(name=TICKET_TASK)
def ticket(engine: str) -> int:
    """Lease and render a batch of one engine class; a ticket that found work puts the next one in its place."""
    if engine not in ENGINES:
        _log.warning("refused a ticket for an unknown engine")
        return 0
    stems = slot().render_batch()
    if stems:
        app.send_task(TICKET_TASK, args=[engine], queue=ticket_queue(engine))
    return stems


def _register(kind: TaskKind) -> None:
    @app.task(name=SONG_TASKS[kind])
    def song_task(task_id: object) -> bool:
        if not isinstance(task_id, int) or task_id < 1:
            _log.warning("refused a song task whose id is not a positive number")
            return False
        return slot().run_task(task_id)


for _kind in TaskKind:
    _register(_kind)
