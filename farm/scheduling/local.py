"""The driver of local mode: one command, no broker; slots take work straight from the ledger."""

from __future__ import annotations

import contextlib
import math
import signal
import socket
import time
from collections.abc import Callable

from farm.ledger import Ledger, SubmissionStatus
from farm.scheduling.reconciler import Reconciler
from farm.scheduling.slothost import SlotHost
from schemas.errors import FarmError
from schemas.states import SUBMISSION_ENDS

#: Time between two looks whether anybody has written to the ledger; and between two looks at the whole where nobody has.
LOOK_S = 0.01
LONGEST_TICK_S = 1.0
#: Time between two pictures of the progress, and between two looks at the state where nobody sees it.
REPORT_S = 0.25
UNSEEN_S = 1.0


class Stopped(FarmError):
    """The person stopped the run; everything that was finished is kept."""

    exit_code = 130
    reason = "stopped"


def run_local(
    ledger: Ledger,
    submission_id: int,
    host: SlotHost,
    finish: Callable[[int], None],
    report: Callable[[SubmissionStatus], None] | None,
) -> SubmissionStatus:
    """Drive a sealed submission to its end with the slots of `host`.

    Args:
        finish: writes the dataset's manifest and record; called by the reconciler.
        report: shown the status a few times a second; None where nobody looks.

    Raises:
        Stopped: SIGINT or SIGTERM came; the same command resumes.
        DiskFullError: a slot found no room; nothing half-written is published.
        ServiceError: slots cannot be kept alive.
    """
    reconciler = Reconciler(ledger, finish=finish)
    every_s = UNSEEN_S if report is None else REPORT_S
    ticked_s = shown_s = -math.inf
    with _Interrupt() as interrupt, contextlib.closing(ledger.watch()) as watch:
        while True:
            if host.tend():  # also when the first slots have come: what an earlier run left behind is freed then
                ledger.expire_host_slots(socket.gethostname(), live_pids=host.pids)
            now_s, finished = time.monotonic(), False
            if watch.changed() or now_s - ticked_s >= LONGEST_TICK_S:
                ticked_s, finished = now_s, bool(reconciler.tick(submission_id).finished)
            if finished or now_s - shown_s >= every_s:
                shown_s = now_s
                status = ledger.status(submission_id)
                if report is not None:
                    report(status)
                if status.state in SUBMISSION_ENDS:
                    return status
            if interrupt.came:
                raise Stopped("stopped", hint="What was finished is kept; run the same command to go on")
            time.sleep(LOOK_S)


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
