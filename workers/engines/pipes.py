"""The pipes between a slot and its engine process: lines cut out of what comes, and the environment of the process."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from schemas.errors import EngineError
from schemas.states import FailureReason

#: The folder that holds the package `workers`: the child finds it wherever it is started.
_ROOT: Final = Path(__file__).resolve().parents[2]
_READ_BYTES: Final = 1 << 16
#: Lines of an engine's standard error that are quoted when it ends, and how much of each.
_LAST_WORDS: Final = 5
_WORD_CHARS: Final = 400


class Lines:
    """Cuts what comes through a pipe into lines."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.pipe = pipe
        self.ended = False
        self._buffer = bytearray()

    @property
    def pending(self) -> bool:
        """Whether a whole line is waiting."""
        return b"\n" in self._buffer

    def read(self) -> bool:
        """Read what is there, waiting if nothing is; returns False at the end of the pipe."""
        data = os.read(self.pipe.fileno(), _READ_BYTES)
        self._buffer += data
        self.ended = not data
        return bool(data)

    def pop(self) -> bytes | None:
        """Take the next whole line, or None."""
        line, newline, rest = self._buffer.partition(b"\n")
        if not newline:
            return None
        self._buffer = rest
        return bytes(line)


class LastWords:
    """The last lines that a process wrote to its standard error, for the report of its end."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._words: deque[str] = deque(maxlen=_LAST_WORDS)

    def take(self) -> None:
        """Keep the lines that have come."""
        self._words.extend(self._fresh())

    def _fresh(self) -> Iterator[str]:
        while (line := self._lines.pop()) is not None:
            text = line.decode(errors="replace").strip()
            if text:
                yield text[:_WORD_CHARS]

    def __str__(self) -> str:
        """Return them in one line."""
        return "; ".join(self._words)


def pipe_of(stream: IO[bytes] | None) -> IO[bytes]:
    """Return a process's pipe.

    Raises:
        EngineError: it has none.
    """
    if stream is None:
        raise EngineError("the engine process has no pipe", cause=FailureReason.ENGINE_CRASH)
    return stream


def close_pipe(stream: IO[bytes] | None) -> None:
    """Close a process's pipe, whatever state the other end is in."""
    if stream is not None:
        with suppress(BrokenPipeError):
            stream.close()


def engine_environment() -> dict[str, str]:
    """Return the environment of an engine process: one thread per library, this package on its path, no address.

    The ledger's and the broker's addresses may hold passwords, and native code of third parties has no use for them.
    """
    path = os.environ.get("PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if name not in ("FARM_LEDGER_URL", "FARM_BROKER_URL")}
    return {
        **kept,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYDANTIC_DISABLE_PLUGINS": "1",  # the search for plug-ins costs a tenth of the start
        "PYTHONPATH": os.pathsep.join([str(_ROOT), *([path] if path else [])]),
    }
