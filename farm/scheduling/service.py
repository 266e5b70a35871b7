"""The scheduler of the service: the reconciler's decisions, and a ring at the door for each piece of work."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from farm.config import Settings
from farm.ledger import Ledger
from farm.ledger.records import Expired
from farm.scheduling.doorbell import Doorbell
from farm.scheduling.metrics import Monitor
from farm.scheduling.reconciler import Reconciler, TickReport
from schemas.errors import FarmError, ServiceError
from schemas.states import EventKind

_log = logging.getLogger(__name__)


def serve(ledger: Ledger, settings: Settings, *, finish: Callable[[int], None], stop: threading.Event) -> None:
    """Look, decide and ring until `stop` is set; a fault of broker or ledger is logged and the next look tries again.

    Raises:
        ServiceError: the broker does not answer at the start.
    """
    if settings.broker_url is None:
        raise ServiceError("FARM_BROKER_URL is not set", hint="Set it to your Redis or Valkey")
    doorbell = Doorbell(settings.broker_url)
    doorbell.check()
    reconciler = Reconciler(
        ledger,
        finish=finish,
        slot_timeout_s=settings.slot_timeout_s,
        window_per_slot=settings.window_per_slot,
        window_refill=settings.window_refill,
        attended=True,
    )
    monitor = Monitor(ledger, doorbell.depths)
    if settings.metrics_port:
        monitor.start(settings.metrics_address, settings.metrics_port)
    _log.info("scheduler is up")
    voice, alarm = Voice(), Alarm(ledger, settings.slot_timeout_s)
    try:
        while not stop.is_set():
            _look(ledger, reconciler, doorbell, monitor, voice, alarm, settings.quiet_s)
            stop.wait(settings.tick_s)
    finally:
        monitor.stop()


class Voice:
    """Logs what looks did, and once that there is another scheduler."""

    def __init__(self) -> None:
        self._met = False

    def tell(self, report: TickReport) -> None:
        """Log what is worth a line of one look."""
        if not (report.leader or self._met):
            self._met = True
            _log.info("another scheduler is up, too: they take turns, one looks at a time")
        lost = report.expired
        if lost != Expired():
            about = {"slots": lost.slots, "stems": lost.stems, "tasks": lost.tasks}
            _log.warning("silent slots were given up, their work is free again", extra=about)
        for number in report.settled:
            _log.info("a pause or cancellation is through", extra={"submission": number})
        for number in report.finished:
            _log.info("ended", extra={"submission": number})


class Alarm:
    """Tells log and ledger, once, that stems wait for an engine class which nobody serves, and when that is over.

    Args:
        ledger: the open ledger.
        patience_s: how long it has to be so: workers come and go.
    """

    def __init__(self, ledger: Ledger, patience_s: float) -> None:
        self._ledger = ledger
        self._patience_s = patience_s
        self._since: dict[str, float] = {}
        self._told: set[str] = set()

    def look(self, now_s: float) -> None:
        """Look once, at a moment of a clock that only goes forward."""
        found = self._ledger.unserved()
        for engine, stems in found.items():
            late = now_s - self._since.setdefault(engine, now_s) >= self._patience_s
            if late and engine not in self._told:
                self._told.add(engine)
                _log.error(
                    "stems wait for an engine that no live slot serves", extra={"engine": engine, "stems": stems}
                )
                words = f"{engine}: {stems} stems wait, and no live slot serves it"
                self._ledger.note_event(EventKind.UNSERVED, words)
        for engine in set(self._since).difference(found):
            del self._since[engine]
            if engine in self._told:
                self._told.remove(engine)
                _log.info("no stem waits for an engine that nobody serves", extra={"engine": engine})
                self._ledger.note_event(EventKind.SERVED, f"{engine}: nothing waits without a slot any more")


def _look(
    ledger: Ledger, reconciler: Reconciler, doorbell: Doorbell, monitor: Monitor, voice: Voice, alarm: Alarm, quiet_s: float
) -> None:  # fmt: skip
    began = time.monotonic()
    try:
        report = reconciler.tick()
        voice.tell(report)
        monitor.tick(report, time.monotonic() - began)
        _ring(ledger, doorbell, quiet_s)
        if report.leader:
            alarm.look(time.monotonic())
    except FarmError as error:
        monitor.tick_failed()
        _log.error("this look failed; the next one tries again: %s", error)


def _ring(ledger: Ledger, doorbell: Doorbell, quiet_s: float) -> None:
    doorbell.announce(ledger.tasks_to_announce(quiet_s=quiet_s))
    ready = ledger.ready_by_engine()
    serving = ledger.slots_by_engine() if ready else {}
    for engine, stems in ready.items():
        doorbell.top_up(engine, ready=stems, live_slots=sum(serving.get(engine, {}).values()))
