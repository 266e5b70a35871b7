"""Slakh's band definition, and the band of the farm that asks for the same."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from farm.planning.slakh.classes import GM_CLASSES, ClassTable
from farm.planning.slakh.jsonfile import bad, read_object
from schemas.errors import PlanError

ROLE: Final = "the band definition"
#: The only `key` that Slakh means; it never reads it.
CLASS_KEY: Final = "class"


@dataclass(frozen=True, slots=True)
class BandDefinition:
    """The classes that a song must have, as the file has them."""

    path: Path
    key: str
    classes: tuple[str, ...]

    @property
    def repeated(self) -> list[str]:
        """Classes that stand in the list more than once, which Slakh takes for once."""
        return sorted({name for name in self.classes if self.classes.count(name) > 1})


def read_band(path: Path) -> BandDefinition:
    """Read a band definition.

    Raises:
        PlanError: unreadable, or not in the form `{"key": "class", "band_def": ["Piano", ...]}`.
    """
    values = read_object(path, ROLE)
    classes = values.get("band_def")
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise _bad(path, "`band_def` is no list of classes")
    return BandDefinition(path, str(values.get("key", CLASS_KEY)), tuple(classes))


def band_members(band: BandDefinition, table: ClassTable, *, program_0_is_piano: bool) -> list[dict[str, Any]]:
    """Return the places of the band: each class once, at least one part of it.

    A class that has the farm's programs is named; one that the table makes of other programs is a list of programs.

    Raises:
        PlanError: a class that the table does not have, so that no song could ever match.
    """
    members = []
    for name in dict.fromkeys(band.classes):
        programs = table.programs(name)
        if not programs:
            raise _unknown_class(band.path, name, table)
        if not program_0_is_piano and 0 in programs:
            programs.remove(0)  # Slakh calls it Unknown then
        members.append(_member(programs))
    return members


def _member(programs: list[int]) -> dict[str, Any]:
    name = GM_CLASSES[programs[0]]
    if programs == [program for program, found in GM_CLASSES.items() if found == name]:
        return {"inst_class": name}
    return {"programs": programs}


def _unknown_class(path: Path, name: str, table: ClassTable) -> PlanError:
    close = difflib.get_close_matches(name, table.names(), n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]!r}?" if close else f"The table has {', '.join(table.names())}"
    return bad(path, ROLE, f"{name!r} is no class of {table.path.name}, so that no song could match", hint)


def _bad(path: Path, what: str) -> PlanError:
    return bad(path, ROLE, what, 'It must read like {"key": "class", "band_def": ["Piano", "Guitar"]}')
