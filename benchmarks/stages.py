"""Timers at the borders between the stages of a running farm, set from outside: the product's code is not touched.

A profiled run has this checkout and `benchmarks/hook` on its PYTHONPATH and a folder in `BENCH_STAGES`. Every Python
process of the farm then calls `install` as it starts: whenever a module that `HOOKS` names has been imported, its
functions are wrapped before anybody can bind them. A wrapper notes CPU time and wall time of its thread where a stage is
entered and left, so that every instant of a thread counts for exactly one stage, the innermost. The figures lie in
a file that is mapped into memory, one row per thread; nothing has to be written at the end, and whatever ends the
process (`os._exit`, SIGKILL), they are there.

What a process does before the first border is start-up: the interpreter and the imports. Standard library only.
"""

from __future__ import annotations

import atexit
import functools
import mmap
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

#: The folder that the figures go to; without it nothing is timed.
VARIABLE: Final = "BENCH_STAGES"

STARTUP: Final = "start-up"
OTHER: Final = "other"

#: Stage -> where it begins: `module:function`, `module:Class.method`, or `module:Class.*` for all public methods.
#: Alternatives are separated by `|`; one of them has to be there. A hook that finds nothing is an error.
HOOKS: Final[dict[str, tuple[str, ...]]] = {
    "scan": ("workers.tasks.scan:run",),
    "split": ("workers.tasks.split:run", "workers.engines.schedule:stem_schedule"),
    "load": ("workers.tasks.probe:run", "workers.engines.base:Engine.load"),
    "synth": ("workers.engines.base:Engine.render",),
    "levels": ("workers.audio.levels:LevelMeter.*", "workers.verdict:judge"),
    "loudness": ("workers.audio.meter:LoudnessMeter.*", "workers.mixing.stems:loudness_in_song"),
    "store": ("workers.audio.recorder:Recorder.*", "workers.audio.stemfile:StemWriter.*", "workers.store:Store.*"),
    "mix": ("workers.tasks.mix:run",),
    "encode": ("workers.audio.flac:FlacEncoder.*",),
    "write": ("workers.audio.files:AudioWriter.*", "workers.audio.files:FlacWriter._put|AudioWriter._put"),
    "annotate": ("workers.tasks.annotate:run",),
    "publish": ("workers.tasks.publish:run", "farm.dataset.finish:write_dataset"),
    "ledger": ("farm.ledger.ledger:open_ledger", "farm.ledger.ledger:Ledger.*"),
    "schedule": ("farm.scheduling.reconciler:Reconciler.tick",),
    "hand-over": ("workers.engines.client:EngineProcess.render",),
}

#: Every stage by its row in a file.
STAGES: Final = (STARTUP, OTHER, *HOOKS)
#: What is kept of a stage: CPU seconds, wall seconds, times entered, and stages entered from it.
FIELDS: Final = 4

_STARTUP: Final = 0
_OTHER: Final = 1
#: Threads of a process that get rows of their own; those beyond share the last.
_THREADS: Final = 64
_CELLS: Final = len(STAGES) * FIELDS
_GENERATOR: Final = 0x20  # CO_GENERATOR


class HookError(Exception):
    """A hook that cannot be set: the code has changed, and `HOOKS` must follow."""


class Book:
    """The figures of this process.

    Args:
        folder: where the process writes its file.
        started: whether the process is up already, so that nothing counts as start-up.
    """

    def __init__(self, folder: Path, *, started: bool = False) -> None:
        self._folder = folder
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open()
        if not started:
            self._local.row = self._row(_STARTUP)
            self._local.row.cpu = 0.0  # the thread's clock started with the process
        os.register_at_fork(before=self._settle, after_in_child=self._forked)
        atexit.register(self._settle)

    def timed(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        """Return `function` with a border around it: what passes inside counts for `stage`."""
        number, local = STAGES.index(stage), self._local

        @functools.wraps(function)
        def timed(*args: object, **kwargs: object) -> object:
            row = getattr(local, "row", None) or self._join()
            outer: int = row.stage
            if outer == number:
                return function(*args, **kwargs)
            row.enter(number)
            try:
                return function(*args, **kwargs)
            finally:
                row.leave(outer or _OTHER)  # whatever follows the first border is no start-up any more

        return timed

    def _open(self) -> None:
        path = self._folder / f"{os.getpid()}-{time.monotonic_ns()}.stages"
        with path.open("w+b") as file:
            file.truncate(_THREADS * _CELLS * 8)
            self._map = mmap.mmap(file.fileno(), 0)
        self._cells = memoryview(self._map).cast("d")
        self._rows = 0

    def _row(self, stage: int) -> _Row:
        with self._lock:
            number = min(self._rows, _THREADS - 1)
            self._rows += 1
        return _Row(self._cells[number * _CELLS : (number + 1) * _CELLS], stage)

    def _join(self) -> _Row:
        row = self._local.row = self._row(_OTHER)
        return row

    def _settle(self) -> None:
        """Write down what this thread has used so far; what a process does before it forks is its start-up."""
        row = getattr(self._local, "row", None)
        if row is not None:
            row.leave(row.stage or _OTHER)

    def _forked(self) -> None:
        """Give a forked process a file of its own; its clocks begin at zero, its stage is its parent's."""
        row = getattr(self._local, "row", None)
        self._lock = threading.Lock()
        self._open()
        if row is not None:
            self._local.row = self._row(row.stage)


class _Row:
    """One thread's figures, and the stage it is in since when."""

    __slots__ = ("cells", "cpu", "stage", "wall")

    def __init__(self, cells: memoryview[float], stage: int) -> None:
        self.cells = cells
        self.stage = stage
        self.cpu = time.thread_time()
        self.wall = time.perf_counter()

    def enter(
        self,
        stage: int,
        cpu_clock: Callable[[], float] = time.thread_time,
        wall_clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        cpu, wall, cells, at = cpu_clock(), wall_clock(), self.cells, FIELDS * self.stage
        cells[at] += cpu - self.cpu
        cells[at + 1] += wall - self.wall
        cells[at + 3] += 1
        cells[FIELDS * stage + 2] += 1
        self.stage, self.cpu, self.wall = stage, cpu, wall

    def leave(
        self,
        outer: int,
        cpu_clock: Callable[[], float] = time.thread_time,
        wall_clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        cpu, wall, cells, at = cpu_clock(), wall_clock(), self.cells, FIELDS * self.stage
        cells[at] += cpu - self.cpu
        cells[at + 1] += wall - self.wall
        self.stage, self.cpu, self.wall = outer, cpu, wall


def install() -> None:
    """Set the timers of this process if it belongs to a profiled run; called while Python starts."""
    folder = os.environ.get(VARIABLE)
    if folder is None:
        return
    book = Book(Path(folder))
    sys.meta_path.insert(0, _Finder(lambda module: set_hooks(module, book)))


def modules() -> frozenset[str]:
    """Return the names of all modules that have hooks."""
    return frozenset(target.partition(":")[0] for targets in HOOKS.values() for target in targets)


def set_hooks(module: ModuleType, book: Book) -> int:
    """Wrap everything that `HOOKS` names in a module that was just imported; return how many functions.

    Raises:
        HookError: a hook finds nothing.
    """
    count = 0
    for stage, targets in HOOKS.items():
        for target in targets:
            name, _, attributes = target.partition(":")
            if name == module.__name__:
                for owner, attribute in find(module, attributes):
                    setattr(owner, attribute, book.timed(getattr(owner, attribute), stage))
                    count += 1
    return count


def find(module: ModuleType, attributes: str) -> list[tuple[Any, str]]:
    """Return owner and name of every function that a hook stands for: those of the first alternative that is there.

    Raises:
        HookError: there is none.
    """
    for alternative in attributes.split("|"):
        found = list(_functions(module, alternative))
        if found:
            return found
    raise HookError(
        f"{module.__name__} has no {attributes.replace('|', ' or ')} that can be timed; "
        "let HOOKS in benchmarks/stages.py follow the code"
    )


def _functions(module: ModuleType, path: str) -> Iterable[tuple[Any, str]]:
    *owners, last = path.split(".")
    owner: Any = module
    for name in owners:
        owner = getattr(owner, name, None)
    names = [name for name in vars(owner) if not name.startswith("_")] if owner and last == "*" else [last]
    for name in names:
        function = vars(owner).get(name) if owner else None
        if isinstance(function, FunctionType) and not function.__code__.co_flags & _GENERATOR:
            yield owner, name


class _Finder(MetaPathFinder):
    """Finds modules as Python would, and has the wanted ones hooked when they have been executed."""

    def __init__(self, hook: Callable[[ModuleType], object]) -> None:
        self._hook = hook
        self._wanted = modules()

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in self._wanted:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        found = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _HookingLoader(spec.loader, self._hook)
        return spec


class _HookingLoader(Loader):
    """Another loader, and the hooks of the module once it is loaded."""

    def __init__(self, loader: Any, hook: Callable[[ModuleType], object]) -> None:
        self._loader = loader
        self._hook = hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._hook(module)
