"""The log of this host: JSON lines in one file that all its slots share."""

from __future__ import annotations

import fcntl
import logging
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from schemas.logs import LOGGERS, OLD, LogLine, fields_of, log_file, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A log that has reached this size becomes the old one, bytes.
FULL_BYTES: Final = 32 << 20


class HostLog(logging.Handler):
    """Appends records to the log of a host.

    A disk that is full or a folder that is gone must not stop a render: lines that cannot be written are left out.

    Args:
        path: see `schemas.logs.log_file`; its folder is made.
        host: name of this host.
        full_bytes: size at which a new log is begun.
    """

    def __init__(self, path: Path, host: str, *, full_bytes: int = FULL_BYTES) -> None:
        super().__init__(logging.INFO)
        self._path = path
        self._host = host
        self._full_bytes = full_bytes
        self._handle: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Append one record."""
        line = self._line(record).model_dump_json().encode() + b"\n"
        with suppress(OSError):
            os.write(self._current(len(line)), line)

    def close(self) -> None:
        """Close the file."""
        self._forget()
        super().close()

    def _line(self, record: logging.LogRecord) -> LogLine:
        extras = fields_of(record)
        if record.exc_info is not None and record.exc_info[1] is not None:
            extras["error"] = shown(repr(record.exc_info[1]))
        return LogLine(
            at=round(record.created, 3),
            host=self._host,
            pid=os.getpid(),
            level=record.levelname.lower(),
            logger=str(record.name),
            message=shown(record.getMessage()),
            fields=extras,
        )

    def _current(self, more_bytes: int) -> int:
        """Return the open log, a new one where the last is full or was put aside by another slot."""
        if self._handle is not None and not _is_at(self._path, self._handle):
            self._forget()
        if self._handle is None:
            self._handle = self._open()
        if os.fstat(self._handle).st_size + more_bytes > self._full_bytes:
            self._put_aside(self._handle)
            self._forget()
            self._handle = self._open()
        return self._handle

    def _open(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def _put_aside(self, handle: int) -> None:
        with _locked(handle):
            if _is_at(self._path, handle):  # no other slot was faster
                self._path.replace(self._path.with_name(self._path.name + OLD))

    def _forget(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def keep_log(folder: Path, host: str) -> HostLog:
    """Begin to write what this process logs into the log of its host; `drop_log` ends it."""
    handler = HostLog(log_file(folder, host), host)
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        if not logger.isEnabledFor(logging.INFO):
            logger.setLevel(logging.INFO)
    return handler


def drop_log(handler: HostLog) -> None:
    """End what `keep_log` began."""
    for name in LOGGERS:
        logging.getLogger(name).removeHandler(handler)
    handler.close()


def _is_at(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


@contextmanager
def _locked(handle: int) -> Iterator[None]:
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)
