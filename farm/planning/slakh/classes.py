"""Slakh's class tables (`general_midi_inst_0.json`, `_1.json`): program -> class and name, in either number base.

Slakh looks a program up by its 0-based byte whatever the table's base is, so that `_1` names everything one off. Here
the table's own base counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from farm.planning.slakh.jsonfile import bad, read_object
from farm.planning.slakh.numbers import NumberBase, family, find_base
from schemas.errors import PlanError
from schemas.gm import DRUM_PROGRAM, DRUMS, PROGRAM_NAMES, program_class

ROLE: Final = "the class table"

#: The farm's own class of each program, 128 for drums.
GM_CLASSES: Final = {
    **{program: program_class(program, is_drum=False) for program in range(DRUM_PROGRAM)}, DRUM_PROGRAM: DRUMS,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClassTable:
    """A class table with 0-based programs, 128 for drums."""

    path: Path
    base: NumberBase
    classes: dict[int, str]

    def programs(self, name: str) -> list[int]:
        """Return the programs of a class, also where it is spelt with other capitals."""
        return sorted(number for number, found in self.classes.items() if found.lower() == name.lower())

    def spellings(self, name: str) -> list[str]:
        """Return how the table spells a class."""
        return sorted({found for found in self.classes.values() if found.lower() == name.lower()})

    def names(self) -> list[str]:
        """Return all classes, in the order of programs."""
        return list(dict.fromkeys(self.classes[number] for number in sorted(self.classes)))

    def missing(self) -> list[int]:
        """Return the programs that the table leaves out."""
        return [program for program in range(DRUM_PROGRAM + 1) if program not in self.classes]

    def other_than_gm(self) -> list[int]:
        """Return the programs whose class is another than the farm's, spelling aside."""
        return [
            program for program, name in sorted(self.classes.items()) if family(name) != family(GM_CLASSES[program])
        ]


def read_classes(path: Path) -> ClassTable:
    """Read a class table.

    Raises:
        PlanError: unreadable, or not in the form `{"0": {"class": ..., "name": ...}, ...}`.
    """
    entries = {_number(path, key): _entry(path, key, value) for key, value in read_object(path, ROLE).items()}
    base = _base(entries)
    classes = {
        number - base.first: name for number, (name, _) in entries.items() if 0 <= number - base.first < DRUM_PROGRAM
    }
    return ClassTable(path, base, {**classes, DRUM_PROGRAM: DRUMS})


def _base(entries: dict[int, tuple[str, str]]) -> NumberBase:
    """Tell the base by the names of the programs, else by the first and last number, else by the classes."""
    fits = [sum(_names(number - first, name) for number, (_, name) in entries.items()) for first in (0, 1)]
    if fits[0] != fits[1]:
        words = f"counted from 0 {fits[0]} of {len(entries)} names are those of General MIDI, counted from 1 {fits[1]}"
        return NumberBase(int(fits[1] > fits[0]), words)
    if (0 in entries) != (DRUM_PROGRAM in entries):
        words = f"it has {'0 and no 128' if 0 in entries else '128 and no 0'}, and no names"
        return NumberBase(int(0 not in entries), words)
    return find_base([(number, name) for number, (name, _) in entries.items()], otherwise=0)


def _names(program: int, name: str) -> bool:
    return 0 <= program < DRUM_PROGRAM and _plain(name) == _plain(PROGRAM_NAMES[program])


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _number(path: Path, key: str) -> int:
    try:
        return int(key)
    except ValueError as error:
        raise _bad(path, f"the key {key!r} is no program number") from error


def _entry(path: Path, key: str, value: Any) -> tuple[str, str]:
    if not isinstance(value, dict) or not isinstance(value.get("class"), str):
        raise _bad(path, f"program {key} has no class")
    return value["class"], str(value.get("name", ""))


def _bad(path: Path, what: str) -> PlanError:
    return bad(path, ROLE, what, 'It must read like {"0": {"class": "Piano", "name": "Acoustic Grand Piano"}}')
