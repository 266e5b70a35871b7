"""Where the time of a whole job goes, stage by stage: one more run of the farm, with timers at the stages' borders.

The whole is cores x wall time, and every second of it is in exactly one row:
* stages: CPU seconds that passed between a stage's borders, over all threads of all processes (`benchmarks.stages`);
* start-up: what each process used before its first border: the interpreter and its imports;
* other: the rest of what the farm's processes used, by the system's account of them;
* instrument: what the timers themselves cost, calibrated here and taken off the stages that they were called in;
* other programs: what the cores did for anybody else meanwhile, the kernel's own threads included;
* idle: the rest.
"""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.farmrun import ROOT, BenchError, Run, cores
from benchmarks.stages import FIELDS, HOOKS, OTHER, STAGES, STARTUP, VARIABLE, Book, HookError, find

INSTRUMENT = "instrument"
OTHERS = "other programs"
IDLE = "idle"

#: Calls by which the timers are calibrated.
_CALLS = 20_000
#: CPU clocks of threads and the system's account of processes may differ by so much.
_TOLERANCE = 0.03


@dataclass
class Stage:
    """What one stage took."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    calls: float = 0.0  #: times entered
    inner: float = 0.0  #: stages entered from it


@dataclass(frozen=True)
class Breakdown:
    """A profiled run; `rows` add up to `whole_s`."""

    wall_s: float
    cores: int
    rows: dict[str, float]
    waits: dict[str, float] = field(default_factory=dict)  #: wall less CPU seconds within a stage: locks, disks, turns
    calls: dict[str, int] = field(default_factory=dict)
    border_us: float = 0.0  #: what one entering and leaving costs

    @property
    def whole_s(self) -> float:
        """Cores x wall, seconds."""
        return self.cores * self.wall_s


def check_hooks() -> None:
    """See to it that every hook finds its function in the code as it is now.

    Raises:
        BenchError: one does not.
    """
    try:
        for targets in HOOKS.values():
            for target in targets:
                name, _, attributes = target.partition(":")
                find(importlib.import_module(name), attributes)
    except (HookError, ImportError) as error:
        raise BenchError(f"the stages cannot be timed: {error}") from error


def profiled(run: Callable[[dict[str, str]], Run]) -> Breakdown:
    """Run the farm once with timers; `run` starts it with the environment it is given.

    Raises:
        BenchError: a hook finds nothing, a stage was never entered, or the figures contradict each other.
    """
    check_hooks()
    with tempfile.TemporaryDirectory(prefix="farm-stages-") as folder:
        path = f"{ROOT / 'benchmarks' / 'hook'}:{ROOT}"
        done = run({VARIABLE: folder, "PYTHONPATH": path})
        stages = read(Path(folder))
    silent = [stage for stage in HOOKS if not stages[stage].calls]
    if silent:
        raise BenchError(
            f"no call was seen of: {', '.join(silent)}; the code goes another way now, and HOOKS in "
            "benchmarks/stages.py must follow"
        )
    return account(stages, done.wall_s, done.cpu_s, done.idle_s, len(cores()), calibrated_s())


def read(folder: Path) -> dict[str, Stage]:
    """Add up the files of all processes of a profiled run.

    Raises:
        BenchError: there are none.
    """
    files = list(folder.glob("*.stages"))
    if not files:
        raise BenchError("no process of the farm wrote figures: it does not import `sitecustomize` from PYTHONPATH")
    total = {name: Stage() for name in STAGES}
    for file in files:
        cells = memoryview(file.read_bytes()).cast("d")
        for start in range(0, len(cells), FIELDS):
            stage = total[STAGES[start // FIELDS % len(STAGES)]]
            stage.cpu_s += cells[start]
            stage.wall_s += cells[start + 1]
            stage.calls += cells[start + 2]
            stage.inner += cells[start + 3]
    return total


def account(
    stages: dict[str, Stage], wall_s: float, cpu_s: float, idle_s: float, core_count: int, border_s: float
) -> Breakdown:
    """Give every second of cores x wall to one row.

    Half of a border's cost falls to the stage that is entered, half to the one that it is entered from.

    Args:
        cpu_s: of all processes of the farm.
        idle_s: of the cores, meanwhile.
        border_s: what one entering and leaving costs.

    Raises:
        BenchError: the stages used more CPU than the processes that they ran in.
    """
    timed_s = sum(stage.cpu_s for stage in stages.values())
    if timed_s > cpu_s * (1 + _TOLERANCE) + 0.05:
        raise BenchError(
            f"the stages used {timed_s:.1f} s and the farm's processes only {cpu_s:.1f} s: a process was not waited for"
        )
    cost_s = {name: border_s / 2 * (stage.calls + stage.inner) for name, stage in stages.items()}
    rows = {name: stage.cpu_s - cost_s[name] for name, stage in stages.items() if name not in (STARTUP, OTHER)}
    rows[STARTUP] = stages[STARTUP].cpu_s
    rows[INSTRUMENT] = sum(cost_s.values()) - cost_s[STARTUP]
    used_s = max(cpu_s, timed_s)
    rows[OTHER] = used_s - sum(rows.values())
    whole_s = core_count * wall_s
    rows[OTHERS] = max(0.0, whole_s - used_s - idle_s)
    rows[IDLE] = whole_s - used_s - rows[OTHERS]
    return Breakdown(
        wall_s=wall_s,
        cores=core_count,
        rows=rows,
        waits={name: stages[name].wall_s - stages[name].cpu_s for name in HOOKS},
        calls={name: round(stages[name].calls) for name in HOOKS},
        border_us=border_s * 1e6,
    )


def calibrated_s() -> float:
    """Return what one border costs on this machine, CPU seconds: the least of five trials."""

    def nothing() -> None:
        return

    with tempfile.TemporaryDirectory() as folder:
        timed = Book(Path(folder), started=True).timed(nothing, next(iter(HOOKS)))
        return min(max(_cost_s(timed) - _cost_s(nothing), 0.0) for _ in range(5))


def _cost_s(function: Callable[[], object]) -> float:
    began = time.thread_time()
    for _ in range(_CALLS):
        function()
    return (time.thread_time() - began) / _CALLS
