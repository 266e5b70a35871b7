"""Which engine classes this host can serve: each is tried in a process of its own, since this plane has no engine."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.errors import MissingDependencyError, PlanError
from schemas.patch import ENGINES
from schemas.tasks import ENGINE_TRIER

#: Longest time that an engine may take to start.
_TRY_S: Final = 60.0
_HINT: Final = "Run `farm doctor`: it says what is missing and the command that mends it"


@dataclass(frozen=True, slots=True)
class Tried:
    """An engine class, and what came of trying it here."""

    engine: str
    version: str = ""  #: empty where it does not work
    library: str = ""
    message: str = ""  #: why it does not work
    hint: str = ""

    @property
    def works(self) -> bool:
        """Whether this host can serve it."""
        return bool(self.version)


def try_engines(engines: Iterable[str] = ENGINES, *, longest_s: float = _TRY_S) -> list[Tried]:
    """Start an engine of each class, all at the same time and each in a process of its own that ends with it."""
    processes = {engine: _start(engine) for engine in engines}
    return [_heard(engine, process, longest_s) for engine, process in processes.items()]


def served_engines(asked: str | None, *, longest_s: float = _TRY_S) -> tuple[str, ...]:
    """Return the engine classes that this host serves: those asked for, or all that work here.

    Args:
        asked: names with commas between them; None for all that work.
        longest_s: longest time that an engine may take to start.

    Raises:
        PlanError: a name is no engine class.
        MissingDependencyError: one that was asked for does not work here, or none does.
    """
    names = ENGINES if asked is None else named(asked)
    tried = try_engines(names, longest_s=longest_s)
    broken = [one for one in tried if not one.works]
    if broken and (asked is not None or len(broken) == len(tried)):
        first = broken[0]
        raise MissingDependencyError(f"{first.engine} does not work on this host: {first.message}", hint=first.hint)
    return tuple(one.engine for one in tried if one.works)


def named(asked: str) -> tuple[str, ...]:
    """Return the engine classes in a list with commas, each once, in the order of the farm.

    Raises:
        PlanError: there is none, or one is unknown.
    """
    names = [name.strip() for name in asked.split(",") if name.strip()]
    unknown = [name for name in names if name not in ENGINES]
    if unknown or not names:
        what = f"there is no engine class {unknown[0]!r}" if unknown else "no engine class is named"
        raise PlanError(what, hint=f"Known classes: {', '.join(ENGINES)}")
    return tuple(engine for engine in ENGINES if engine in names)


def _start(engine: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", ENGINE_TRIER, engine],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tempfile.gettempdir(),
    )  # fmt: skip


def _heard(engine: str, process: subprocess.Popen[str], longest_s: float) -> Tried:
    try:
        said, complaints = process.communicate(timeout=longest_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return Tried(engine, message=f"it did not start within {longest_s:g} s", hint=_HINT)
    return judged(engine, said, complaints.strip().splitlines(), process.returncode)


def judged(engine: str, said: str, complaints: Sequence[str], code: int) -> Tried:
    """Return what a process that tried an engine has found: what it said, its complaints, and how it ended."""
    try:
        answer: dict[str, Any] = json.loads(said)
    except ValueError:
        last = f": {complaints[-1]}" if complaints else ""
        return Tried(engine, message=f"its process ended with {_how(code)}{last}", hint=_HINT)
    if "version" in answer:
        return Tried(engine, str(answer["version"]), str(answer["library"]))
    return Tried(engine, message=str(answer.get("message")), hint=str(answer.get("hint") or _HINT))


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
