"""Local mode: one command, no broker; slots are processes that take work straight from the ledger."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from farm.ledger import Ledger, SubmissionStatus
from farm.scheduling.reconciler import Reconciler
from schemas.errors import DiskFullError, FarmError, ServiceError
from schemas.states import SUBMISSION_ENDS
from schemas.tasks import LOCAL_SLOT

#: Time between two looks of the driver after one that decided something, and at most, when there is nothing to decide.
TICK_S = 0.03
LONGEST_TICK_S = 0.2
#: Time between two pictures of the progress.
REPORT_S = 0.25
#: A slot process that ends this often is not started again.
MAX_RESTARTS = 20
#: Time that a stopped slot gets to free what it holds before it is killed.
STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """How local mode runs."""

    ledger_url: str
    logs: Path
    slots: int


class Stopped(FarmError):
    """The person stopped the run; everything that was finished is kept."""

    exit_code = 130
    reason = "stopped"


def run_local(
    ledger: Ledger,
    submission_id: int,
    slots: LocalSlots,
    finish: Callable[[int], None],
    report: Callable[[SubmissionStatus], None],
) -> SubmissionStatus:
    """Drive a sealed submission to its end with the slot processes `slots`.

    Args:
        finish: writes the dataset's manifest and record; called by the reconciler.
        report: shown the status a few times a second.

    Raises:
        Stopped: SIGINT or SIGTERM came; the same command resumes.
        DiskFullError: a slot found no room; nothing half-written is published.
        ServiceError: slots cannot be kept alive.
    """
    ledger.expire_host_slots(socket.gethostname(), live_pids=slots.pids)
    reconciler = Reconciler(ledger, finish=finish)
    with _Interrupt() as interrupt:
        shown, wait_s = 0.0, TICK_S
        while True:
            if slots.tend():
                ledger.expire_host_slots(socket.gethostname(), live_pids=slots.pids)
            look = reconciler.tick(submission_id)
            if look.finished or time.monotonic() - shown >= REPORT_S:
                shown = time.monotonic()
                status = ledger.status(submission_id)
                report(status)
                if status.state in SUBMISSION_ENDS:
                    return status
            if interrupt.came:
                raise Stopped("stopped", hint="What was finished is kept; run the same command to go on")
            wait_s = min(2 * wait_s, LONGEST_TICK_S) if look.idle else TICK_S
            time.sleep(wait_s)


class _Interrupt:
    """Notes SIGINT and SIGTERM instead of dying of them, so that slots are stopped in order."""

    def __init__(self) -> None:
        self.came = False

    def __enter__(self) -> _Interrupt:
        self._old = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _note(self, *_: object) -> None:
        self.came = True


class LocalSlots:
    """The slot processes: started, watched, started again when they die, stopped at the end.

    They need only the ledger's address, so they are started first and get ready while the submission is written.
    """

    def __init__(self, options: LocalOptions) -> None:
        self._command = [sys.executable, "-P", "-m", LOCAL_SLOT, "--ledger", options.ledger_url]
        self._options = options
        self._processes: list[subprocess.Popen[bytes]] = []
        self._restarts = 0

    def __enter__(self) -> LocalSlots:
        self._options.logs.mkdir(parents=True, exist_ok=True)
        self._processes = [self._start(index) for index in range(self._options.slots)]
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
        deadline = time.monotonic() + STOP_S
        for process in self._processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def pids(self) -> list[int]:
        """Process ids of the slots."""
        return [process.pid for process in self._processes]

    def tend(self) -> bool:
        """Start dead slots again; returns whether there were any.

        Raises:
            DiskFullError, ServiceError: when a new process would fare no better.
        """
        dead = [index for index, process in enumerate(self._processes) if process.poll() not in (None, 0)]
        for index in dead:
            last = self._last_words(index)
            if last.startswith(DiskFullError.reason):
                raise DiskFullError(last.partition(": ")[2])
            self._restarts += 1
            if self._restarts > MAX_RESTARTS:
                raise ServiceError(
                    f"slots keep dying; the last one said: {last or 'nothing'}", hint=f"See {self._log(index)}"
                )
            self._processes[index] = self._start(index)
        return bool(dead)

    def _start(self, index: int) -> subprocess.Popen[bytes]:
        with open(self._log(index), "ab") as log:
            return subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ.copy()
            )

    def _log(self, index: int) -> Path:
        return self._options.logs / f"slot-{index}.log"

    def _last_words(self, index: int) -> str:
        lines = self._log(index).read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else ""
