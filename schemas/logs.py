"""The log of a host: one JSON object a line, written by its slots, read by `farm logs` and by any log shipper.

What a record is about stands in its `extra`. The words for people on standard error, in a terminal or a service
manager's journal, have the same fields behind them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import JsonValue, ValidationError

from schemas.base import FarmModel

#: Added to the name of a log when it is full and a new one is begun; one old log is kept.
OLD: Final = ".1"

#: Longest text in a line, so that a line is one write that no other process's line gets into.
LONGEST: Final = 1500
#: The loggers of this project.
LOGGERS: Final = ("workers", "farm")

#: What every record has; everything else came as `extra`.
_USUAL: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "data"}
#: Looks back for the scheme, so that a long text without an address is read only once.
_PASSWORD: Final = re.compile(r"(?<=\w)(://[^\s/:@]*:)[^\s/@]+@")
_OTHER_CHARACTERS: Final = re.compile(r"[^A-Za-z0-9_.-]")


class LogLine(FarmModel):
    """One line of a host's log."""

    at: float  #: seconds since 1970 by the host's own clock
    host: str
    pid: int  #: of the slot
    level: str  #: debug, info, warning, error
    logger: str  #: the module that wrote it
    message: str
    fields: dict[str, JsonValue] = {}  #: what the message is about: song, stem, reason, ...


def log_file(folder: Path, host: str) -> Path:
    """Return where a host writes its log."""
    return folder / f"{_OTHER_CHARACTERS.sub('-', host)}.jsonl"


def log_files(folder: Path, host: str | None = None) -> list[Path]:
    """Return the logs that are there, of one host or of all, for each host the old one first."""
    current = [log_file(folder, host)] if host is not None else sorted(folder.glob("*.jsonl"))
    files = [path for new in current for path in (new.with_name(new.name + OLD), new)]
    return [path for path in files if path.is_file()]


def parse_line(line: str) -> LogLine | None:
    """Return a line of a log, or None for what is none, such as the last line of a host that lost its power."""
    try:
        return LogLine.model_validate_json(line)
    except ValidationError:
        return None


def fields_of(record: logging.LogRecord) -> dict[str, JsonValue]:
    """Return what a record is about: what came as its `extra`."""
    return {key: _plain(value) for key, value in vars(record).items() if key not in _USUAL}


def in_words(fields: Mapping[str, JsonValue]) -> str:
    """Return fields as people read them: `song=Track00001 stem=S03`."""
    return " ".join(f"{name}={value}" for name, value in fields.items())


def shown(text: str) -> str:
    """Return a text as it may be kept: without passwords of addresses, and not longer than a line should be."""
    return without_passwords(text)[:LONGEST]


def without_passwords(text: str) -> str:
    """Return a text in which the passwords of addresses are stars."""
    return _PASSWORD.sub(r"\1***@", text)


class WithFields(logging.Formatter):
    """Another formatter's lines without passwords, and behind the words of our own records what they are about.

    Args:
        inner: the formatter.
    """

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, or the lines of an exception."""
        if record.name.partition(".")[0] in LOGGERS:
            words = f"{shown(record.getMessage())}  {in_words(fields_of(record))}".rstrip()
            said = {"msg": words.replace("\r", "\\r").replace("\n", "\\n"), "args": None}
            record = logging.makeLogRecord({**vars(record), **said})
        return without_passwords(self._inner.format(record))


def say_fields(logger: logging.Logger) -> None:
    """Let the handlers of a logger say what records are about; a second call changes nothing."""
    for handler in logger.handlers:
        if not isinstance(handler.formatter, WithFields):
            handler.setFormatter(WithFields(handler.formatter or logging.Formatter()))


def _plain(value: object) -> JsonValue:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)
    return shown(str(value))
