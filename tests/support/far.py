"""Engines in a process of their own, driven like those in this one: DawDreamer may crash whoever imports it.

`python -m tests.support.far FD` is that process. It answers calls that come through the socket with the number FD.
"""

from __future__ import annotations

import pickle
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import Any

from schemas.errors import EngineError, FarmError
from schemas.job import RenderJob
from schemas.patch import Patch
from schemas.result import EngineReport
from tests.support.engines import Audio
from workers.engines import engine_class
from workers.engines.base import BlockSink, Engine
from workers.engines.pipes import engine_environment


class Far:
    """A process with engines in it."""

    def __init__(self) -> None:
        here, there = socket.socketpair()
        with there:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.far", str(there.fileno())],
                pass_fds=[there.fileno()],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=engine_environment(),
            )
        self._line = Connection(here.detach())

    def engine(self, name: str) -> FarEngine:
        """Start an engine there."""
        return FarEngine(self, name)

    def ask(self, *question: object, sink: BlockSink | None = None) -> Any:
        """Return the answer to a question; what is rendered meanwhile goes to the sink."""
        self._line.send(question)
        broken: BaseException | None = None
        while True:
            kind, *answer = self._line.recv()
            if kind == "done":
                return answer[0]
            if kind == "failed":
                raise broken or _error(*answer)
            try:
                getattr(sink, kind)(*answer)
                self._line.send(None)
            except Exception as error:  # noqa: BLE001  whatever the sink raises is raised there, and then here
                broken = error
                self._line.send(str(error))

    @property
    def lives(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def close(self) -> None:
        self._line.close()
        self._process.wait(60)


class Fars:
    """One such process for each class of engine, as in the farm; a new one where the last has crashed."""

    def __init__(self) -> None:
        self._fars: dict[str, Far] = {}

    def engine(self, name: str) -> FarEngine:
        """Start an engine in the process of its class."""
        if name in self._fars and not self._fars[name].lives:
            self._fars.pop(name).close()
        return self._fars.setdefault(name, self._fars.get(name) or Far()).engine(name)

    def close(self) -> None:
        for far in self._fars.values():
            far.close()


class FarEngine(Engine):
    """An engine in another process, as if it were in this one."""

    name = "far"

    def __init__(self, far: Far, name: str) -> None:
        super().__init__()
        self._far = far
        self._number, found = far.ask("make", name)
        self.name = found["name"]  # type: ignore[misc]
        self._version, self._library = found["version"], found["library"]

    @property
    def version(self) -> str:
        return str(self._version)

    @property
    def library(self) -> str:
        return str(self._library)

    @property
    def load_key(self) -> str | None:
        key: str | None = self._far.ask("load_key", self._number)
        return key

    def load(self, patch: Patch) -> None:
        self._far.ask("load", self._number, patch)

    def render(self, job: RenderJob, midi: bytes, sink: BlockSink) -> EngineReport:
        report: EngineReport = self._far.ask("render", self._number, job, midi, sink=sink)
        return report

    def close(self) -> None:
        self._far.ask("close", self._number)

    def _load(self, patch: Patch) -> None:
        self.load(patch)

    def _render(self, job: RenderJob, midi: bytes, sink: BlockSink) -> EngineReport:
        return self.render(job, midi, sink)


def _error(kind: type[FarmError], message: str, hint: str, cause: str | None) -> FarmError:
    if issubclass(kind, EngineError):
        return kind(message, hint=hint, cause=cause or "engine_failed")
    return kind(message, hint=hint)


class _Sink:
    """Hands on to the other process, block by block, and breaks off when that does."""

    def __init__(self, line: Connection) -> None:
        self._line = line

    def expect(self, frames: int) -> None:
        self._tell("expect", frames)

    def write(self, block: Audio) -> None:
        self._tell("write", block)

    def silence(self, frames: int) -> None:
        self._tell("silence", frames)

    def _tell(self, *what: object) -> None:
        self._line.send(what)
        trouble = self._line.recv()
        if trouble is not None:
            raise OSError(trouble)


class _Server:
    def __init__(self, line: Connection) -> None:
        self._line = line
        self._engines: list[Engine] = []

    def answer(self, question: str, *rest: Any) -> object:
        if question == "make":
            engine = engine_class(rest[0])()
            self._engines.append(engine)
            found = {"name": engine.name, "version": engine.version, "library": engine.library}
            return len(self._engines) - 1, found
        engine = self._engines[rest[0]]
        if question == "render":
            return engine.render(rest[1], rest[2], _Sink(self._line))
        if question == "load_key":
            return engine.load_key
        return getattr(engine, question)(*rest[1:])

    def serve(self) -> None:
        while True:
            try:
                question = self._line.recv()
            except EOFError:
                return
            try:
                self._line.send(("done", self.answer(*question)))
            except FarmError as error:
                self._line.send(("failed", type(error), error.message, error.hint, getattr(error, "cause", None)))
            except (OSError, pickle.PickleError) as error:
                self._line.send(("failed", FarmError, str(error), "", None))


if __name__ == "__main__":
    _Server(Connection(int(sys.argv[1]))).serve()
