"""Faults, done to a running farm."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeVar

from farm.ledger import Ledger
from farm.scheduling.broker import Broker
from farm.scheduling.doorbell import Doorbell
from farm.scheduling.postgres import Postgres
from farm.selftest.clock import JUMPS_S, TrialClock
from farm.selftest.disk import TrialDisk
from farm.selftest.parts import Parts
from farm.selftest.schedule import Fault, FaultKind
from schemas.errors import ServiceError
from schemas.patch import ENGINES
from schemas.states import EventKind, TaskKind
from schemas.words import counted

_T = TypeVar("_T")

#: How long the database is away; the disk is full until a slot has said so, and not for longer than this.
_DATABASE_S: Final = 0.7
_DISK_S: Final = 15.0
#: Tickets beyond need, and messages for song tasks of drawn numbers, most of them done or unknown.
_TICKETS: Final = 40
_TASKS: Final = 30
_SCHEDULER: Final = "scheduler"
#: How long an engine or slot is waited for to be hit: there is none for a moment after others were killed.
_TARGET_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Hit:
    """What a fault hit."""

    fault: Fault
    at_s: float  #: since the run began
    whom: str
    slots: int  #: whose work may have to be done again


@dataclass
class Villain:
    """Does faults.

    Args:
        parts: the farm's processes.
        broker: its broker.
        database: its server, None where the ledger is a file.
        disk: that everything is written to.
        clock: of one host.
    """

    parts: Parts
    broker: Broker
    database: Postgres | None
    disk: TrialDisk
    clock: TrialClock
    ledger: Ledger
    _began_s: float = field(default_factory=time.monotonic, init=False)

    def do(self, fault: Fault) -> Hit:
        """Do one fault; it is over when this returns, but for what it leads to."""
        deeds = {
            FaultKind.ENGINE_KILLED: self._kill_engine,
            FaultKind.SLOT_KILLED: self._kill_slot,
            FaultKind.WORKER_KILLED: self._kill_worker,
            FaultKind.SCHEDULER_KILLED: self._kill_scheduler,
            FaultKind.BROKER_FLUSHED: self._flush,
            FaultKind.DATABASE_CRASHED: self._crash_database,
            FaultKind.ENGINE_STOPPED: self._stop_engine,
            FaultKind.DISK_FULL: self._fill_disk,
            FaultKind.DUPLICATE_TICKETS: self._ring_in_vain,
            FaultKind.CLOCK_JUMPED: self._jump,
        }
        whom, slots = deeds[fault.kind](fault.chance)
        return Hit(fault, round(time.monotonic() - self._began_s, 1), whom, slots)

    def _kill_engine(self, chance: float) -> tuple[str, int]:
        return self._signal(self._one_of_engines(chance), signal.SIGKILL)

    def _stop_engine(self, chance: float) -> tuple[str, int]:
        return self._signal(self._one_of_engines(chance), signal.SIGSTOP)

    def _kill_slot(self, chance: float) -> tuple[str, int]:
        return self._signal(_picked(self._waited_for(slots=True), chance), signal.SIGKILL)

    def _one_of_engines(self, chance: float) -> int | None:
        return _picked(self._waited_for(slots=False), chance)

    def _waited_for(self, *, slots: bool) -> list[int]:
        deadline = time.monotonic() + _TARGET_S
        while time.monotonic() < deadline:
            found = self.parts.slots() if slots else self.parts.engines()
            if found:
                return found
            self.parts.tend()
            time.sleep(0.1)
        return []

    def _signal(self, pid: int | None, number: signal.Signals) -> tuple[str, int]:
        if pid is None:
            return "there was none", 0
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        return f"process {pid}", 1

    def _kill_worker(self, chance: float) -> tuple[str, int]:
        name = self.parts.workers[int(chance * len(self.parts.workers))]
        return name, self.parts.kill(name)

    def _kill_scheduler(self, _chance: float) -> tuple[str, int]:
        self.parts.kill(_SCHEDULER)
        return _SCHEDULER, 0

    def _flush(self, _chance: float) -> tuple[str, int]:
        with self.broker.client() as client:
            client.flushall()
        return "all keys", 0

    def _crash_database(self, _chance: float) -> tuple[str, int]:
        if self.database is None:
            raise ServiceError("a ledger in a file has no server to crash", hint="Use --ledger postgres")
        self.database.crash()
        time.sleep(_DATABASE_S)
        self.database.run()
        return "every connection", 0

    def _fill_disk(self, _chance: float) -> tuple[str, int]:
        before = self._times_full()
        deadline = time.monotonic() + _DISK_S
        try:
            while time.monotonic() < deadline and self._times_full() == before:
                self.disk.fill()
                time.sleep(0.05)
        finally:
            self.disk.empty()
        met = self._times_full() - before
        return f"{self.disk.how}, told {counted(met, 'time')}", len(self.parts.slots())

    def _times_full(self) -> int:
        return len(self.ledger.events(kind=EventKind.DISK_FULL, limit=1000))

    def _ring_in_vain(self, chance: float) -> tuple[str, int]:
        doorbell = Doorbell(self.broker.url)
        for engine in ENGINES:
            doorbell.top_up(engine, ready=_TICKETS, live_slots=_TICKETS)
        kinds = list(TaskKind)
        numbers = range(1, _TASKS + 1)
        doorbell.announce((int(chance * 1000) + number, kinds[number % len(kinds)]) for number in numbers)
        return f"{_TICKETS} tickets, {_TASKS} tasks", 0

    def _jump(self, chance: float) -> tuple[str, int]:
        seconds = JUMPS_S[int(chance * len(JUMPS_S))]
        self.clock.jump(seconds)
        return f"{self.parts.workers[-1]}: {seconds:+g} s", 0


def _picked(found: Sequence[_T], chance: float) -> _T | None:
    return found[int(chance * len(found))] if found else None
