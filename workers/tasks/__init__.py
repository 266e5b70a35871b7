"""Song tasks: one file per kind, each `run(ledger, task, settings)`; the only door to the queue is the ledger."""

from __future__ import annotations

import logging
from collections.abc import Callable

from farm.ledger import Ledger, TaskRef
from schemas.errors import DiskFullError, FarmError, StoreError
from schemas.states import FailureReason, TaskKind
from workers.config import WorkerSettings
from workers.tasks import annotate, mix, probe, publish, scan, split

_log = logging.getLogger(__name__)

_RUN: dict[TaskKind, Callable[[Ledger, TaskRef, WorkerSettings], object]] = {
    TaskKind.PROBE: probe.run,
    TaskKind.SCAN: scan.run,
    TaskKind.SPLIT: split.run,
    TaskKind.MIX: mix.run,
    TaskKind.ANNOTATE: annotate.run,
    TaskKind.PUBLISH: publish.run,
}


def run_task(ledger: Ledger, task: TaskRef, settings: WorkerSettings) -> None:
    """Run a claimed task; a failure is written to the ledger under its name.

    Raises:
        DiskFullError: after the task was freed, so that the slot stops taking work.
    """
    try:
        _RUN[task.kind](ledger, task, settings)
    except DiskFullError as error:
        ledger.fail_task(task, FailureReason.DISK_FULL, str(error), infra=True)
        raise
    except StoreError as error:
        ledger.fail_task(task, FailureReason.STORE_DAMAGED, str(error), infra=True)
    except FarmError as error:
        _log.warning("task failed", extra={"task": task.kind.value, "reason": error.reason})
        ledger.fail_task(task, reason_of(error), str(error), infra=False)


def reason_of(error: FarmError) -> FailureReason:
    """Return the error's own reason where failures have one of that name, else `task_failed`."""
    try:
        return FailureReason(error.reason)
    except ValueError:
        return FailureReason.TASK_FAILED
