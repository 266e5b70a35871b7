"""What this machine gives a process."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Return the number of cores that this process may run on: those of its CPU set, where the system has such (Linux)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
