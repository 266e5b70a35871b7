"""The slots of local mode: forked from a process with all imports done, watched, started again when they die.

The process itself and what it reads and says is `workers.local`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Final, NoReturn

from farm.ledger import Watch, open_ledger
from schemas.errors import DiskFullError, FarmError, ServiceError
from workers.config import WorkerSettings
from workers.slot import Slot

#: What an engine imports when it starts: imported here, it is there already in every fork.
_OF_ENGINES: Final = ("workers.engines.process", "workers.engines.fluidsynth")
#: How often an idle slot looks whether the ledger was written to, and how long it waits for that before it asks anyway.
_LOOK_S: Final = 0.01
_LONGEST_IDLE_S: Final = 0.5
#: How often the slots are looked after.
_TEND_S: Final = 0.05
#: Slots that end by themselves this often in all are not started again.
MAX_RESTARTS: Final = 20
#: Time that a stopped slot gets to free what it holds before it is killed.
_STOP_S: Final = 8.0
#: System libraries of macOS do not survive a fork without exec.
_FORKS: Final = sys.platform != "darwin"


class _Slots:
    """The slot processes of this host: started, watched, started again when they die, stopped at the end."""

    def __init__(self, ledger_url: str, slots: int, logs: Path) -> None:
        self._ledger_url = ledger_url
        self._logs = logs
        self._restarts = 0
        self._pids = [self._start(index) for index in range(slots)]
        _say(pids=self._pids)

    def tend(self) -> None:
        """Start dead slots again.

        Raises:
            DiskFullError, ServiceError: a new process would fare no better.
        """
        codes = {index: _exit_code(pid) for index, pid in enumerate(self._pids)}
        dead = [index for index, code in codes.items() if code is not None]
        for index in dead:
            last = self._last_words(index)
            if codes[index] == errno.ENOSPC:
                hint = "Free some space and run the same command again"
                raise DiskFullError(last or f"no room left for {self._logs.parent}", hint=hint)
            self._restarts += 1
            if self._restarts > MAX_RESTARTS:
                raise ServiceError(
                    f"slots keep dying; the last one said: {last or 'nothing'}", hint=f"See {self._log(index)}"
                )
            self._pids[index] = self._start(index)
        if dead:
            _say(pids=self._pids)

    def stop(self) -> None:
        """Ask all slots to stop, and kill those that do not in time."""
        left = [pid for pid in self._pids if _signal(pid, signal.SIGTERM)]
        deadline = time.monotonic() + _STOP_S
        while left and time.monotonic() < deadline:
            left = [pid for pid in left if _exit_code(pid) is None]
            time.sleep(0.01)
        for pid in left:
            _signal(pid, signal.SIGKILL)
            _exit_code(pid, wait=True)

    def _start(self, index: int) -> int:
        with open(self._log(index), "ab") as log:
            if not _FORKS:
                command = [sys.executable, "-P", "-m", "workers.local", "--slot-of", str(os.getpid()), self._ledger_url]
                return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log).pid
            parent, pid = os.getpid(), os.fork()
            if pid == 0:
                _become_slot(parent, self._ledger_url, log.fileno())
            return pid

    def _log(self, index: int) -> Path:
        return self._logs / f"slot-{index}.log"

    def _last_words(self, index: int) -> str:
        lines = self._log(index).read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else ""


def _become_slot(parent: int, ledger_url: str, log: int) -> NoReturn:
    """Work as a slot in a forked process, and end it."""
    code = 1
    try:
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        code = run_slot(parent, ledger_url)
    except BaseException:  # noqa: BLE001  nothing may get back into the code of the forked process
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(code)


def run_slot(parent: int, ledger_url: str) -> int:
    """Work on what the ledger holds until SIGTERM comes or the parent ends; returns the exit code, ENOSPC for no room."""
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())  # a slot that is in the ledger must leave it, however young
    try:
        ledger = open_ledger(ledger_url)
        with Slot(ledger, WorkerSettings(), forks=_FORKS) as slot, contextlib.closing(ledger.watch()) as watch:
            if os.getppid() != parent:  # it ended before the slot began to watch it
                return 0
            signal.signal(signal.SIGTERM, lambda *_: slot.stop())
            if asked.is_set():
                slot.stop()
            while not slot.stopping:
                watch.changed()
                if not slot.run_task() and not slot.render_batch():
                    _idle(slot, watch)
    except DiskFullError as error:
        with contextlib.suppress(OSError):  # there may be no room for these words either
            sys.stderr.write(f"{error.message}\n")
            sys.stderr.flush()
        return errno.ENOSPC
    except FarmError as error:
        sys.stderr.write(f"{error.reason}: {error}\n")
        return error.exit_code
    return 0


def _idle(slot: Slot, watch: Watch) -> None:
    """Wait until somebody writes to the ledger."""
    longest = time.monotonic() + _LONGEST_IDLE_S
    while not slot.stopping and not watch.changed() and time.monotonic() < longest:
        slot.wait(_LOOK_S)


def _exit_code(pid: int, *, wait: bool = False) -> int | None:
    """Return the exit code of a child that has ended, negative for a signal's number; None while it lives."""
    try:
        found, status = os.waitpid(pid, 0 if wait else os.WNOHANG)
    except ChildProcessError:
        return 0
    return os.waitstatus_to_exitcode(status) if found == pid else None


def _signal(pid: int, number: int) -> bool:
    """Send a signal; returns whether there was a process to take it."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _say(**message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def serve() -> int:
    """Wait for the order, then look after the slots until standard input is closed."""
    if _FORKS:
        for module in _OF_ENGINES:
            import_module(module)
    line = sys.stdin.readline()
    if not line:
        return 0
    order = json.loads(line)
    slots = _Slots(order["ledger"], order["slots"], Path(order["logs"]))
    try:
        while not select.select([sys.stdin], [], [], _TEND_S)[0]:
            slots.tend()
    except FarmError as error:
        _say(failed=error.reason, message=error.message, hint=error.hint)
        return error.exit_code
    finally:
        slots.stop()
    return 0
