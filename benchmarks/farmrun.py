"""Run the `farm` command as a person does, and measure it from outside: wall time, CPU time of its whole tree."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from schemas.errors import FarmError

FARM = (sys.executable, "-P", "-m", "farm")
#: A share of the cores in other hands that makes wall times doubtful.
_BUSY = 0.05
ROOT = Path(__file__).resolve().parents[1]


class BenchError(FarmError):
    """A measurement that cannot be made; the text says why and what to do."""

    exit_code = 1
    reason = "bench_failed"


@dataclass(frozen=True)
class Run:
    """A command that has ended."""

    wall_s: float
    cpu_s: float  #: of all its processes, user and system
    idle_s: float  #: of the cores, meanwhile
    report: dict[str, Any]  #: what it printed as JSON; empty where it prints none

    @property
    def others_s(self) -> float:
        """Seconds of the cores that went to other programs meanwhile, the kernel's own threads included."""
        return max(0.0, len(cores()) * self.wall_s - self.cpu_s - self.idle_s)

    @property
    def others_share(self) -> float:
        """The same as a share of all that the cores had to give."""
        return self.others_s / (len(cores()) * self.wall_s)


def run_farm(*arguments: object, env: Mapping[str, str] | None = None, as_json: bool = True) -> Run:
    """Run a `farm` command to its end.

    Raises:
        BenchError: it failed; the text has what it said.
    """
    command = [*FARM, *map(str, arguments), *(["--json"] if as_json else [])]
    cpu_s, idle_s, began = children_cpu_s(), cores_idle_s(), time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment(env))
    wall_s = time.perf_counter() - began
    if done.returncode:
        raise BenchError(
            f"`{' '.join(command[2:])}` ended with {done.returncode}: {(done.stderr + done.stdout)[-2000:]}"
        )
    report = json.loads(done.stdout) if as_json else {}
    return Run(wall_s, children_cpu_s() - cpu_s, cores_idle_s() - idle_s, report)


def busy_line(shares: Iterable[float]) -> str | None:
    """Warn where other programs took a share of the cores that matters; None where they did not."""
    most = max(shares, default=0.0)
    if most < _BUSY:
        return None
    return f"The machine was busy: other programs took up to {most:.0%} of the cores. Wall times are worth little."


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without what configures a farm, and with `extra`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FARM_")}
    return {**kept, **(extra or {})}


def children_cpu_s() -> float:
    """Return the CPU seconds of all descendants that have ended and been waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cores_idle_s() -> float:
    """Return for how long the cores have had nothing to do since the machine's start, seconds, over all of them."""
    times = psutil.cpu_times(percpu=True)
    return sum(times[core].idle + getattr(times[core], "iowait", 0.0) for core in cores() if core < len(times))


def cores() -> list[int]:
    """Return the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
