"""What the system says of a watched process: whether it lives, what it uses up, and what was killed for want of memory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import psutil

from workers.engines.clocks import Moment

_MB: Final = 1e6
_VMSTAT: Final = Path("/proc/vmstat")


def moment_of(process: psutil.Process) -> Moment:
    """Return the time, and the processor time that a process has used; none if it has just ended."""
    try:
        used = process.cpu_times()
    except psutil.Error:
        return Moment(time.monotonic(), 0.0)
    return Moment(time.monotonic(), float(used.user + used.system))


def rss_mb_of(process: psutil.Process) -> float:
    """Return the memory that a process has, MB; 0 if it has just ended."""
    try:
        return float(process.memory_info().rss) / _MB
    except psutil.Error:
        return 0.0


def is_zombie(process: psutil.Process) -> bool:
    """Whether a process has ended."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def memory_kills() -> int:
    """Return how many processes the system has killed for want of memory since it started; 0 where it does not say."""
    try:
        text = _VMSTAT.read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill ")), 0)
