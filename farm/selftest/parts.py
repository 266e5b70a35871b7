"""The processes of a trial's farm: started, found, killed, and started again when they end, as a service manager does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

#: Time between the end of a process and its next start, and how long all may take to stop.
_AGAIN_S: Final = 0.5
_STOP_S: Final = 20.0
#: Words on the command line of an engine process, and of a child of Celery that is a slot.
_ENGINE: Final = "workers.engines.process"
_SLOT: Final = ("spawn_main", "billiard")


class Parts:
    """Scheduler and workers, by name; one worker is one host.

    Args:
        commands: what each part runs.
        environments: of each part.
        logs: folder of what they say.
    """

    def __init__(
        self, commands: Mapping[str, list[str]], environments: Mapping[str, Mapping[str, str]], logs: Path
    ) -> None:
        self._commands = commands
        self._environments = environments
        self._logs = logs
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ended_s: dict[str, float] = {}
        self.starts = 0

    def __enter__(self) -> Parts:
        self._logs.mkdir(parents=True, exist_ok=True)
        for name in self._commands:
            self._start(name)
        return self

    def __exit__(self, *_: object) -> None:
        left = [name for name, process in self._processes.items() if process.poll() is None]
        for name in left:
            self._processes[name].terminate()
        deadline = time.monotonic() + _STOP_S
        for name in left:
            with suppress(subprocess.TimeoutExpired):
                self._processes[name].wait(max(0.1, deadline - time.monotonic()))
            self.kill(name)

    @property
    def workers(self) -> list[str]:
        """Names of the parts that render."""
        return [name for name in self._commands if name != "scheduler"]

    def tend(self) -> None:
        """Start again what has ended a moment ago."""
        now = time.monotonic()
        for name, process in self._processes.items():
            if process.poll() is None:
                continue
            if now - self._ended_s.setdefault(name, now) >= _AGAIN_S:
                del self._ended_s[name]
                self._start(name)

    def kill(self, name: str) -> int:
        """Kill a part and all its processes but engines, which must end by themselves; returns how many slots it had."""
        process = self._processes[name]
        slots = len(list(self._slots_of(name)))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return slots

    def slots(self) -> list[int]:
        """Return the process ids of all slots, sorted."""
        return sorted(pid for name in self.workers for pid in self._slots_of(name))

    def engines(self) -> list[int]:
        """Return the process ids of all engines, sorted."""
        return sorted(
            child.pid
            for name in self.workers
            for child in self._children(name)
            if any(_ENGINE in word for word in _words(child))
        )

    def _slots_of(self, name: str) -> Iterator[int]:
        for child in self._children(name):
            words = " ".join(_words(child))
            if all(word in words for word in _SLOT):
                yield child.pid

    def _children(self, name: str) -> list[psutil.Process]:
        try:
            return psutil.Process(self._processes[name].pid).children(recursive=True)
        except psutil.Error:
            return []

    def _start(self, name: str) -> None:
        with open(self._logs / f"{name}.log", "ab") as log:
            self._processes[name] = subprocess.Popen(
                self._commands[name],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(self._environments[name]),
                start_new_session=True,
            )  # fmt: skip
        self.starts += 1


def farm_command(*words: str) -> list[str]:
    """Return a command of the farm."""
    return [sys.executable, "-P", "-m", "farm", *words]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
