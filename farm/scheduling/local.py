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
from schemas.errors import FarmError, MissingDependencyError
from schemas.states import SUBMISSION_ENDS, SongState, StemState

#: Time between two looks whether anybody has written to the ledger: from the first, while somebody does, to the last, while
#: nobody does; and between two looks at the whole where nobody has.
LOOK_S = 0.01
LONGEST_LOOK_S = 0.03
LONGEST_TICK_S = 1.0
#: Time between two pictures of the progress, and between two looks at the state where nobody sees it.
REPORT_S = 0.5
UNSEEN_S = 1.0
#: Time between two looks whether an engine is missing.
GUARD_S = 2.0
#: Songs that somebody works on, or is about to.
_MOVING = (
    SongState.SPLITTING, SongState.DRAWING, SongState.MIXING, SongState.ANNOTATING, SongState.PUBLISHING,
)  # fmt: skip


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
        MissingDependencyError: stems are left for an engine that this machine does not have.
    """
    reconciler, guard = Reconciler(ledger, finish=finish), _Guard(ledger, submission_id)
    every_s = UNSEEN_S if report is None else REPORT_S
    ticked_s = shown_s = -math.inf
    look_s = LOOK_S
    with _Interrupt() as interrupt, contextlib.closing(ledger.watch()) as watch:
        while True:
            if host.tend():  # also when the first slots have come: what an earlier run left behind is freed then
                ledger.expire_host_slots(socket.gethostname(), live_pids=host.pids)
            now_s, finished = time.monotonic(), False
            changed = watch.changed()
            look_s = LOOK_S if changed else min(1.1 * look_s, LONGEST_LOOK_S)
            if changed or now_s - ticked_s >= LONGEST_TICK_S:
                ticked_s, finished = now_s, bool(reconciler.tick(submission_id).finished)
                guard.look(now_s)
            if finished or now_s - shown_s >= every_s:
                shown_s = now_s
                status = ledger.status(submission_id)
                if report is not None:
                    report(status)
                if status.state in SUBMISSION_ENDS:
                    return status
            if interrupt.came:
                raise Stopped("stopped", hint="What was finished is kept; run the same command to go on")
            time.sleep(look_s)


class _Guard:
    """Ends a run that would wait for ever: its slots have done all that they can, and no other will come."""

    def __init__(self, ledger: Ledger, submission_id: int) -> None:
        self._ledger = ledger
        self._submission_id = submission_id
        self._next_s = -math.inf

    def look(self, now_s: float) -> None:
        """Look now and then whether stems wait for an engine that no slot serves, and nothing else is left to do."""
        if now_s < self._next_s:
            return
        self._next_s = now_s + GUARD_S
        status = self._ledger.status(self._submission_id)
        stems = sum(status.unserved.values())
        busy = status.stems.get(StemState.LEASED, 0) + sum(status.songs.get(state, 0) for state in _MOVING)
        others = self._ledger.ready_by_engine().keys() - status.unserved.keys()
        if not stems or not status.live_slots or busy or others:
            return
        engines = " and ".join(status.unserved)
        raise MissingDependencyError(
            f"{stems} stems wait for {engines}, which the slots of this machine do not serve",
            hint="`farm doctor` says what is missing; then run the same command again, and it goes on",
        )


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
