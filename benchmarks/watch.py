"""Watch a running farm from outside: memory of its processes, size of its folders."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

_MB = 1e6
#: Modules by which a process is known.
_ENGINE = "workers.engines.process"
_EFFECTS = "workers.effects.process"
_SLOT = "workers.local"
_DRIVER = "farm"


class Watch:
    """A thread that looks again and again for as long as a `with` block lasts.

    Args:
        look: what it does.
        every_s: pause between two looks.
    """

    def __init__(self, look: Callable[[], None], every_s: float) -> None:
        self._look = look
        self._every_s = every_s
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._fault: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._done.set()
        self._thread.join()
        if self._fault is not None and kind is None:
            raise self._fault

    def _run(self) -> None:
        while not self._done.wait(self._every_s):
            try:
                self._look()
            except Exception as error:  # noqa: BLE001  raised where the block ends
                self._fault = error
                return


@dataclass
class Peak:
    """Most memory that one process had, MB."""

    role: str
    rss_mb: float = 0.0
    anonymous_mb: float = 0.0  #: of that, at its most, what is no page of a file; 0 where the system does not tell


class MemoryWatch(Watch):
    """Notes the most memory of every process below this one, and of each slot with its engine at one time.

    Pages of mapped files count as resident, too: the cache has them in any case, and takes them back when it must.
    A slot is known by its engine, whose parent it is.
    """

    def __init__(self, every_s: float = 0.05) -> None:
        super().__init__(self._measure, every_s)
        self._me = psutil.Process()
        self._peaks: dict[int, Peak] = {}
        self.pair_mb = 0.0  #: most of a slot and its engine at one time
        self.pair_anonymous_mb = 0.0

    def most(self, role: str) -> Peak:
        """Return the most that any process of a role had: `driver`, `slot`, `engine`, `effects` or `helper`."""
        found = [peak for peak in self._peaks.values() if peak.role == role]
        return Peak(
            role,
            max((peak.rss_mb for peak in found), default=0.0),
            max((peak.anonymous_mb for peak in found), default=0.0),
        )

    def _measure(self) -> None:
        now: dict[int, tuple[float, float]] = {}
        engines: list[tuple[int, int]] = []
        for process in self._me.children(recursive=True):
            pid = process.pid
            try:
                peak = self._peaks.setdefault(pid, Peak("helper"))
                if peak.role != "slot":  # what has just been forked is not yet what it will be
                    peak.role = _role(process)
                now[pid], highest_mb = _memory_mb(process)
                if peak.role == "engine":
                    engines.append((process.ppid(), pid))
            except (psutil.Error, ProcessLookupError):
                continue  # it has ended meanwhile
            peak.rss_mb = max(peak.rss_mb, highest_mb)
            peak.anonymous_mb = max(peak.anonymous_mb, now[pid][1])
        for slot, engine in engines:
            if slot in now and engine in now:
                self._peaks[slot].role = "slot"
                self.pair_mb = max(self.pair_mb, now[slot][0] + now[engine][0])
                self.pair_anonymous_mb = max(self.pair_anonymous_mb, now[slot][1] + now[engine][1])


class FolderWatch(Watch):
    """Notes the most bytes and files that a folder held.

    Args:
        folder: it need not be there yet.
    """

    def __init__(self, folder: Path, every_s: float = 0.25) -> None:
        super().__init__(self._measure, every_s)
        self._folder = folder
        self.bytes = 0
        self.files = 0

    def _measure(self) -> None:
        size, files = folder_size(self._folder)
        self.bytes, self.files = max(self.bytes, size), max(self.files, files)


def folder_size(folder: Path, *, leave_out: str | None = None) -> tuple[int, int]:
    """Return bytes and number of the files below a folder, which may change meanwhile."""
    size = files = 0
    stack = [folder]
    while stack:
        try:
            entries = list(os.scandir(stack.pop()))
        except OSError:
            continue  # removed or renamed since it was seen
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != leave_out:
                        stack.append(Path(entry.path))
                else:
                    size += entry.stat(follow_symlinks=False).st_size
                    files += 1
            except OSError:
                continue
    return size, files


def _role(process: psutil.Process) -> str:
    """Return what a process is: by its command line, or as a slot's fork that leads a session; slots' parent is a helper."""
    command = process.cmdline()
    if _ENGINE in command or (_SLOT in command and os.getsid(process.pid) == process.pid):
        return "engine"
    if _EFFECTS in command:
        return "effects"
    return "driver" if _DRIVER in command and _SLOT not in command else "helper"


def _memory_mb(process: psutil.Process) -> tuple[tuple[float, float], float]:
    """Return resident and anonymous memory now, and the most that the process has had, MB."""
    try:
        status: dict[str, Any] = dict(
            line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
        )
        rss, own, most = (int(status[key].split()[0]) * 1024 / _MB for key in ("VmRSS", "RssAnon", "VmHWM"))
    except (OSError, KeyError):  # no Linux, or the process has just ended
        rss = most = process.memory_info().rss / _MB
        own = 0.0
    return (rss, own), most
