"""How a slot tells the ledger what it did; while the ledger is away it goes on, and tells later."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from farm.ledger import Ledger, SlotRef
from schemas.errors import FarmError, LedgerAwayError, LedgerError
from schemas.states import EventKind
from workers.spool import Committed, Failed, Happened, Message, Released, Spool

_log = logging.getLogger(__name__)

#: How long a message is tried while nothing waits, and how long after a vain try the next one comes.
HASTE_S: Final = 2.0
RETRY_S: Final = 5.0


class Outbox:
    """Tells the ledger, in order.

    Args:
        ledger: the open ledger.
        spool: where messages wait while the ledger is away; without one the ledger is waited for.
        host: name of this host.
        clock: seconds that never go back.
    """

    def __init__(
        self, ledger: Ledger, spool: Spool | None, host: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger = ledger
        self._hasty = ledger.hasty(HASTE_S)
        self._spool = spool
        self._host = host
        self._clock = clock
        self._lock = threading.RLock()  # the heartbeat tells, too
        self._next_try_s = 0.0
        self._waits_since_s: float | None = None

    @property
    def waiting(self) -> int:
        """How many messages the ledger has not got yet."""
        return 0 if self._spool is None else len(self._spool)

    def tell(self, message: Message) -> None:
        """Tell the ledger, or keep the message for later.

        Raises:
            LedgerError: the ledger refused, or is away and there is no spool.
            DiskFullError: the ledger is away and the spool has no room.
        """
        with self._lock:
            if self._spool is None:
                _tell(self._ledger, message)
            elif self.waiting and (self._clock() < self._next_try_s or not self.flush()):
                self._spool.append(message)
            else:
                self._tell_or_keep(self._spool, message)

    def note(self, message: Happened) -> None:
        """Tell of something that is not worth failing for."""
        try:
            self.tell(message)
        except FarmError as error:
            _log.warning("an event could not be recorded", extra={"event": message.event.value, "error": error.message})

    def flush(self) -> bool:
        """Tell what waits; returns whether the ledger knows everything now."""
        with self._lock:
            if self._spool is None or not self.waiting:
                return True
            if not self._deliver(self._spool, self._waits_since_s):
                self._next_try_s = self._clock() + RETRY_S
                return False
            self._waits_since_s = None
            return True

    def adopt(self, paths: list[Path]) -> None:
        """Tell what slots of this host that are gone have left behind."""
        for path in paths:
            spool = Spool(path)
            if spool.adopt() and not self._deliver(spool, None):
                spool.leave()

    def _deliver(self, spool: Spool, since_s: float | None) -> bool:
        slots: list[SlotRef] = []

        def tell(message: Message) -> None:
            slots.append(message.slot)
            _tell_late(self._hasty, message)

        try:
            count = spool.deliver(tell)
        except LedgerAwayError:
            return False
        if count:
            self._note_spooled(count, slots[-1], since_s)
        return True

    def close(self) -> None:
        """Tell what waits, or leave it to the next slot of this host."""
        if self._spool is not None:
            self.flush()
            self._spool.leave()

    def _tell_or_keep(self, spool: Spool, message: Message) -> None:
        try:
            _tell(self._hasty, message)
        except LedgerAwayError as error:
            _log.warning("the ledger is away; results are kept on this host", extra={"error": error.message})
            self._waits_since_s = self._clock()
            self._next_try_s = self._waits_since_s + RETRY_S
            spool.append(message)

    def _note_spooled(self, messages: int, slot: SlotRef, since_s: float | None) -> None:
        how = "left by a slot that is gone" if since_s is None else f"kept for {self._clock() - since_s:.0f} s"
        _log.info("results that had been kept have arrived", extra={"messages": messages})
        self.note(Happened(slot, EventKind.SPOOLED, f"{messages} messages, {how}, have arrived", self._host))


def _tell_late(ledger: Ledger, message: Message) -> None:
    """Tell the ledger what it can still use; what it refuses now it would refuse for ever."""
    try:
        _tell(ledger, message)
    except LedgerAwayError:
        raise
    except LedgerError as error:
        _log.error("the ledger refused a kept message", extra={"kind": message.kind, "error": error.message})


def _tell(ledger: Ledger, message: Message) -> None:
    if isinstance(message, Committed):
        fenced = ledger.commit_stems(message.slot, message.commits).count(False)
        if fenced:
            _log.warning("stems were fenced: another slot owns them now", extra={"fenced": fenced})
    elif isinstance(message, Failed):
        ledger.fail_stem(message.slot, message.lease, message.reason, message.detail, infra=message.infra)
    elif isinstance(message, Released):
        ledger.give_back(message.slot, message.stem_ids, message.detail)
    else:
        ledger.note_event(
            message.event, message.detail, slot=message.slot, submission_id=message.submission_id,
            song_id=message.song_id, stem_id=message.stem_id, load_key=message.load_key, host=message.host,
        )  # fmt: skip
