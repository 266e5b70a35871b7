"""How answers are printed: JSON or text, durations, moments, sizes."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Mapping
from typing import Any

from schemas import words

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
_UNITS = ("B", "KB", "MB", "GB", "TB")

#: A count with its noun: `1 stem`, `2,040 stems`.
counted = words.counted


def print_json(value: Any) -> None:
    """Print records, or lists of them, as indented JSON."""
    sys.stdout.write(json.dumps(plain(value), indent=1, default=str) + "\n")


def print_json_line(value: Any) -> None:
    """Print a record as one line of JSON, at once: somebody may be reading along."""
    sys.stdout.write(json.dumps(plain(value), default=str) + "\n")
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """Return records as dictionaries, also inside lists and dictionaries."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return value


def answer(record: Mapping[str, Any], text: str, *, as_json: bool) -> int:
    """Print what a command did, for machines or for people; returns 0."""
    if as_json:
        print_json(record)
    else:
        sys.stdout.write(text + "\n")
    return 0


def duration(seconds: float | None) -> str:
    """Return a duration in its two largest units: `8 s`, `3 min 20 s`, `2 h 05 min`, `4 d 03 h`; `–` for None."""
    if seconds is None:
        return "–"
    if 0 < seconds < 1:
        return f"{seconds:.1g} s"
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S:02d} s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S:02d} min"
    return f"{whole // _DAY_S} d {whole % _DAY_S // _HOUR_S:02d} h"


def moment(at: float) -> str:
    """Return a moment, in seconds since 1970, as this machine's local date and time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def clock_time(at: float, now: float) -> str:
    """Return a moment as the local time of day, with its date when that is not today's."""
    same_day = time.localtime(at)[:3] == time.localtime(now)[:3]
    return time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M", time.localtime(at))


def size(count: float | None) -> str:
    """Return a count of bytes in the unit that suits it: `41.2 GB`; `–` for None."""
    if count is None:
        return "–"
    power = 0
    while count >= 1000 and power < len(_UNITS) - 1:
        count /= 1000
        power += 1
    return f"{count:,.1f} {_UNITS[power]}" if power else f"{count:g} {_UNITS[0]}"
