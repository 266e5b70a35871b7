"""Song tasks: one file per kind, each `run(ledger, task, settings)`; the only door to the queue is the ledger."""

from __future__ import annotations

import logging
from collections.abc import Callable

from farm.ledger import Ledger, TaskRef
from schemas.errors import DiskFullError, FarmError, StoreAwayError, StoreError
from schemas.states import FailureReason, TaskKind
from workers.config import WorkerSettings
from workers.effects.client import close_effects
from workers.store import close_stores
from workers.tasks import annotate, mix, probe, publish, scan, split
from workers.tasks.mending import mend_song

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
    except (StoreError, StoreAwayError) as error:
        _log.warning("task lost", extra={"task": task.kind.value, "reason": error.reason})
        if task.song_id is not None and isinstance(error, StoreError):
            mend_song(ledger, task.song_id, settings)
        ledger.fail_task(task, reason_of(error), str(error), infra=True)
    except FarmError as error:
        _log.warning("task failed", extra={"task": task.kind.value, "reason": error.reason})
        ledger.fail_task(task, reason_of(error), str(error), infra=False)
    except Exception as error:  # noqa: BLE001  what nobody foresaw is named too, and not taken for a lost slot
        _log.exception("task broke", extra={"task": task.kind.value})
        ledger.fail_task(task, FailureReason.TASK_FAILED, f"{type(error).__name__}: {error}", infra=False)


def let_go() -> None:
    """Let go of what tasks keep from one to the next: open stores, and the warm effects process."""
    close_stores()
    close_effects()


def reason_of(error: FarmError) -> FailureReason:
    """Return the error's own reason where failures have one of that name, else `task_failed`."""
    try:
        return FailureReason(error.reason)
    except ValueError:
        return FailureReason.TASK_FAILED
