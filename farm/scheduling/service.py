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
    voice = Voice()
    try:
        while not stop.is_set():
            _look(ledger, reconciler, doorbell, monitor, voice, settings.quiet_s)
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


def _look(
    ledger: Ledger, reconciler: Reconciler, doorbell: Doorbell, monitor: Monitor, voice: Voice, quiet_s: float
) -> None:
    began = time.monotonic()
    try:
        report = reconciler.tick()
        voice.tell(report)
        monitor.tick(report, time.monotonic() - began)
        _ring(ledger, doorbell, quiet_s)
    except FarmError as error:
        monitor.tick_failed()
        _log.error("this look failed; the next one tries again: %s", error)


def _ring(ledger: Ledger, doorbell: Doorbell, quiet_s: float) -> None:
    doorbell.announce(ledger.tasks_to_announce(quiet_s=quiet_s))
    live_slots = ledger.live_slots()
    for engine, ready in ledger.ready_by_engine().items():
        doorbell.top_up(engine, ready=ready, live_slots=live_slots)
