"""The log of a host: one JSON object a line, written by its slots, read by `farm logs` and by any log shipper."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from pydantic import JsonValue, ValidationError

from schemas.base import FarmModel

#: Added to the name of a log when it is full and a new one is begun; one old log is kept.
OLD: Final = ".1"

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
