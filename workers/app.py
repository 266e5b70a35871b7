"""The Celery application of the data plane: tickets and song tasks, each a few lines over a slot.

A message carries ids only and no state: lost, repeated or forged, it does no harm, since the ledger decides what there
is to do.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from celery import Celery
from celery.signals import after_setup_logger, worker_process_shutdown
from kombu.exceptions import OperationalError

import schemas
from farm.ledger import StemLease, open_ledger
from schemas.broker import checked_broker_url
from schemas.errors import ServiceError
from schemas.logs import say_fields
from schemas.states import TaskKind
from schemas.tasks import SONG_TASKS, TICKET_TASK, QueueName, celery_settings, ticket_queue
from schemas.words import counted
from workers.config import WorkerSettings
from workers.refusals import Refused, check_flower, engine_of_ticket, id_of_task
from workers.slot import Slot
from workers.transport import install

if getattr(schemas, "DISTRIBUTION", None) != "stemfarm":
    raise ImportError(f"another package has taken the name `schemas`: {schemas.__file__}; install stemfarm by itself")

check_flower(sys.argv, os.environ)
install()

_log = logging.getLogger(__name__)
_settings = WorkerSettings()

#: How long a slot that may not work (its host is drained or full) holds on to the message that it got.
REST_S = 10.0

app = Celery("stemfarm", broker=None if _settings.broker_url is None else checked_broker_url(_settings.broker_url))
app.conf.update(celery_settings())


@after_setup_logger.connect
def _say_fields(logger: logging.Logger, **_: Any) -> None:
    say_fields(logger)


@functools.cache
def slot() -> Slot:
    """Return this process's slot; it is registered with the first message and lives as long as the process."""
    if _settings.ledger_url is None:
        raise ServiceError("FARM_LEDGER_URL is not set", hint="Set it to the ledger's URL, see docs/operating.md")
    return Slot(open_ledger(_settings.ledger_url), _settings, service=True)


@worker_process_shutdown.connect
def _leave(**_: Any) -> None:
    if slot.cache_info().currsize:
        slot().close()


@app.task(name=TICKET_TASK, bind=True)
def ticket(self: Any, *args: object, **kwargs: object) -> int:
    """Lease and render a batch of one engine class; a ticket that found work puts the next one in its place."""
    try:
        engine = engine_of_ticket(args, kwargs)
    except Refused as refusal:
        _log.warning("refused a ticket: %s", refusal)
        return 0
    stems = slot().render_batch(on_lease=functools.partial(_show, self))
    if stems:
        app.send_task(TICKET_TASK, args=[engine], queue=ticket_queue(engine))
    else:
        slot().rest(REST_S)
    return stems


def _show(task: Any, leases: list[StemLease]) -> None:
    """Let Flower show what a ticket turned out to be for: engine, patch and number of stems."""
    patch = leases[0].job.patch
    shown = [patch.engine, patch.asset.name, counted(len(leases), "stem")]
    with contextlib.suppress(OperationalError, OSError):  # a picture for people: work does not wait for it
        task.send_event("task-started", retry=False, args=repr(shown), kwargs="{}")


def _register(kind: TaskKind) -> None:
    @app.task(name=SONG_TASKS[kind])
    def song_task(*args: object, **kwargs: object) -> bool:
        try:
            task_id = id_of_task(args, kwargs)
        except Refused as refusal:
            _log.warning("refused a song task: %s", refusal)
            return False
        done = slot().run_task(task_id)
        if not done and slot().resting:
            # Somebody else should have it at once; who cannot work holds one message at a time and no more.
            app.send_task(SONG_TASKS[kind], args=[task_id], queue=QueueName.SONGS)
            slot().rest(REST_S)
        elif not done:
            _log.info("left song task %d alone: it is unknown, done, or somebody else's", task_id)
        return done


for _kind in TaskKind:
    _register(_kind)
