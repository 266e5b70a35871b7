"""`farm submit`, `farm scheduler` and `farm worker`: the service's three ends."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import NoReturn

from farm.cli.door import open_service_ledger
from farm.cli.prepare import Asked, enter, prepare
from farm.config import Settings
from farm.dataset.finish import write_dataset
from farm.ledger import open_ledger
from farm.scheduling.classes import served_engines
from farm.scheduling.service import serve
from schemas.broker import checked_broker_url
from schemas.errors import ServiceError
from schemas.logs import say_fields
from schemas.machine import usable_cores
from schemas.tasks import CELERY_APP, QueueName, ticket_queue
from schemas.words import counted


def submit_command(asked: Asked, *, as_json: bool) -> int:
    """Write the submission to the ledger; returns 0."""
    ledger = open_service_ledger(Settings())
    request = prepare(asked)
    submission_id = enter(ledger, request)
    if as_json:
        report = {"submission": submission_id, "files": len(request.source.paths), "out": str(request.out)}
        sys.stdout.write(json.dumps(report) + "\n")
    else:
        files = len(request.source.paths)
        sys.stdout.write(
            f"submission {submission_id}: {counted(files, 'file')}; `farm status {submission_id} --watch` shows it\n"
        )
    return 0


def scheduler_command() -> int:
    """Serve until SIGTERM or SIGINT."""
    settings = Settings()
    if settings.broker_url is None:
        raise ServiceError("FARM_BROKER_URL is not set", hint="Set it to your Redis or Valkey, or use `farm up`")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    say_fields(logging.getLogger())
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # what it is built of concerns nobody
    ledger = open_service_ledger(settings)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    serve(ledger, settings, finish=lambda submission_id: write_dataset(ledger, submission_id), stop=stop)
    return 0


def worker_command(slots: int | None, engines: str | None = None) -> NoReturn:
    """Become a Celery worker with `slots` slots that serve engine classes, by default all that work here."""
    settings = Settings()
    if settings.broker_url is None or settings.ledger_url is None:
        raise ServiceError(
            "FARM_BROKER_URL and FARM_LEDGER_URL must be set", hint="See docs/operating.md, or use `farm up`"
        )
    checked_broker_url(settings.broker_url)
    open_ledger(settings.ledger_url)
    served = served_engines(engines or settings.engines)
    command = worker_arguments(slots or settings.slots or usable_cores(), served)
    os.execve(command[0], command, {**os.environ, **worker_environment(served)})


def worker_environment(engines: Sequence[str]) -> dict[str, str]:
    """Return what the slots of a worker are told in their environment."""
    return {"FARM_ENGINES": ",".join(engines)}


def worker_arguments(slots: int, engines: Sequence[str]) -> list[str]:
    """Return the command of a worker; it runs in a neutral folder, since Celery imports from where it stands."""
    return [
        *(sys.executable, "-P", "-m", "celery", "--app", CELERY_APP, "--workdir", tempfile.gettempdir(), "worker"),
        *(
            "--pool",
            "prefork",
            "--concurrency",
            str(slots),
            "--loglevel",
            "INFO",
            "--hostname",
            f"farm-{os.getpid()}@%h",
        ),
        *("--queues", ",".join([QueueName.SONGS, *map(ticket_queue, engines)])),
        *("--without-gossip", "--without-mingle", "--task-events"),
    ]
