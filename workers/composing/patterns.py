"""Drum patterns: a bar as hits that divide it evenly, `36+42, 42, 38+42!, 42.`."""

from __future__ import annotations

from typing import Final, NamedTuple

from schemas.errors import PlanError
from schemas.genre import HIT

_MAX_KEY: Final = 127
#: Velocity of a plain hit, an accent (`!`) and a ghost note (`.`).
_VELOCITIES: Final = {"": 92, "!": 114, ".": 48}


class Hit(NamedTuple):
    """One drum at one place of a bar."""

    slot: int
    key: int
    velocity: int


class Pattern(NamedTuple):
    """A bar of drums."""

    slots: int  #: into which the bar is divided
    hits: tuple[Hit, ...]


def parse_pattern(line: str) -> Pattern:
    """Read a pattern: entries separated by commas, each a place of the bar.

    An entry is 0 for a rest, or General MIDI drum keys joined by `+`; `!` accents a key, `.` makes it a ghost note.

    Raises:
        PlanError: an entry is no drum.
    """
    entries = [entry.strip() for entry in line.split(",")]
    return Pattern(len(entries), tuple(hit for slot, entry in enumerate(entries) for hit in _hits(slot, entry, line)))


def _hits(slot: int, entry: str, line: str) -> list[Hit]:
    if entry == "0":
        return []
    hits = []
    for word in entry.split("+"):
        found = HIT.match(word.strip())
        if found is None or not 0 < int(found[1]) <= _MAX_KEY:
            raise PlanError(
                f"drum pattern {line!r}: there is no drum {word.strip()!r}",
                hint="Write General MIDI drum keys such as 36 (kick), 38 (snare), 42 (hi-hat), joined by +; 0 rests",
            )
        hits.append(Hit(slot, int(found[1]), _VELOCITIES[found[2]]))
    return hits


def fits(pattern: Pattern, bar_ticks: int, numerator: int) -> bool:
    """Whether a pattern goes with a bar: it divides every one of its counts evenly."""
    return pattern.slots % numerator == 0 and bar_ticks % pattern.slots == 0
