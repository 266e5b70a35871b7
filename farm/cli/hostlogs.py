"""The logs of the hosts, read from their ends: the newest lines of any number of large files, and what is added."""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from schemas.logs import LogLine, log_files, parse_line

_BLOCK_BYTES: Final = 1 << 16

Wanted = Callable[[LogLine], bool]


def newest(folder: Path, host: str | None, wanted: Wanted, limit: int) -> list[LogLine]:
    """Return the newest `limit` wanted lines of one host's log, or of all hosts' logs, the oldest first."""
    backwards = (_wanted_backwards(path, wanted) for path in log_files(folder, host))
    merged = heapq.merge(*backwards, key=lambda line: line.at, reverse=True)
    return list(islice(merged, limit))[::-1]


def _wanted_backwards(path: Path, wanted: Wanted) -> Iterator[LogLine]:
    parsed = (parse_line(line) for line in lines_backwards(path))
    return (line for line in parsed if line is not None and wanted(line))


def lines_backwards(path: Path) -> Iterator[str]:
    """Yield the lines of a file, the last first, reading no more of it than is asked for."""
    with open(path, "rb") as handle:
        position = handle.seek(0, os.SEEK_END)
        rest = b""
        while position > 0:
            step = min(_BLOCK_BYTES, position)
            position -= step
            handle.seek(position)
            first, *whole = (handle.read(step) + rest).split(b"\n")
            yield from (line.decode(errors="replace") for line in reversed(whole) if line)
            rest = first
        if rest:
            yield rest.decode(errors="replace")


class Tail:
    """Reads what is added to the logs of the hosts after the moment of its making, new hosts' logs too.

    A log that is full is put aside under another name and a new one begun; its last lines are read all the same.
    """

    def __init__(self, folder: Path, host: str | None) -> None:
        self._folder = folder
        self._host = host
        #: File number -> how far it was read.
        self._read: dict[tuple[int, int], int] = {}
        for path in log_files(folder, host):
            found = path.stat()
            self._read[found.st_dev, found.st_ino] = found.st_size

    def more(self) -> Sequence[LogLine]:
        """Return whole lines that were added since the last call, the oldest first."""
        added = [line for path in log_files(self._folder, self._host) for line in self._added(path)]
        return sorted(added, key=lambda line: line.at)

    def _added(self, path: Path) -> Iterator[LogLine]:
        try:
            handle = open(path, "rb")  # noqa: SIM115 - closed below; it may be gone by now
        except FileNotFoundError:
            return
        with handle:
            found = os.fstat(handle.fileno())
            key = (found.st_dev, found.st_ino)
            handle.seek(self._read.get(key, 0))
            whole, newline, _ = handle.read().rpartition(b"\n")
            self._read[key] = self._read.get(key, 0) + len(whole) + len(newline)
        for text in whole.decode(errors="replace").splitlines():
            line = parse_line(text)
            if line is not None:
                yield line
