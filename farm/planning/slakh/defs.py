"""Slakh's instrument definitions: groups of programs with the patches that may play them, in either number base."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from farm.planning.slakh.jsonfile import bad, read_object
from farm.planning.slakh.numbers import NumberBase, family, find_base, to_program
from schemas.errors import PlanError
from schemas.gm import DRUM_PROGRAM, DRUMS, program_class

ROLE: Final = "the instrument definitions"

#: Keys of a group; Slakh reads the second and the third.
_GROUP_KEYS: Final = {"class", "program_numbers", "defs"}


@dataclass(frozen=True, slots=True)
class DefsGroup:
    """A group as its file has it."""

    name: str
    inst_class: str
    numbers: tuple[int, ...]
    defs: tuple[str, ...]

    def patches(self) -> dict[str, int]:
        """Return the distinct patches, by file name, and how often each is listed: its weight in Slakh's draw."""
        return dict(Counter(definition.rstrip("/").rsplit("/", 1)[-1] for definition in self.defs))


@dataclass(frozen=True, slots=True)
class Claim:
    """A group's wish to play a program."""

    group: DefsGroup
    number: int  #: as in the file

    def rank(self, program: int, first: int) -> tuple[bool, bool, bool]:
        """Return what makes one claim better than another, the smaller the better.

        A number of the file's own base counts for more than the 0 of a file that counts from 1; then a group with
        patches for more than one without; then one of the program's own class.
        """
        is_drum = program == DRUM_PROGRAM
        right = program_class(0 if is_drum else program, is_drum=is_drum)
        return self.number < first, not self.group.defs, family(self.group.inst_class) != family(right)


@dataclass(frozen=True, slots=True)
class Defs:
    """The instrument definitions with their number base."""

    path: Path
    groups: tuple[DefsGroup, ...]
    base: NumberBase

    def claims(self) -> dict[int, list[Claim]]:
        """Return for each 0-based program, 128 for drums, the groups that claim it, the best claim first."""
        found: dict[int, list[Claim]] = {}
        for group in self.groups:
            for number in group.numbers:
                program = to_program(number, group.inst_class, self.base.first)
                if program is None:
                    raise _bad(self.path, f"the group {group.name!r} has the number {number}, which is no program")
                _add(found.setdefault(program, []), Claim(group, number))
        for program, claims in found.items():
            claims.sort(key=lambda claim, program=program: claim.rank(program, self.base.first))  # type: ignore[misc]
        return dict(sorted(found.items()))


def _add(claims: list[Claim], claim: Claim) -> None:
    """Add a claim; of two of one group (0 and 1, in a file that counts from 1) the larger number stands."""
    same = next((known for known in claims if known.group is claim.group), None)
    if same is None:
        claims.append(claim)
    elif same.number < claim.number:
        claims[claims.index(same)] = claim


def read_defs(path: Path, *, first: int | None, otherwise: int) -> Defs:
    """Read instrument definitions.

    Args:
        path: the file.
        first: number of the first program, 0 or 1, where a person says it; else the file tells.
        otherwise: what the config says, taken where the file does not tell.

    Raises:
        PlanError: unreadable, not in Slakh's form, or with a number that is no program.
    """
    groups = tuple(_group(path, name, value) for name, value in read_object(path, ROLE).items())
    if first is not None:
        base = NumberBase(first, "as the command line says")
    else:
        base = find_base([(number, group.inst_class) for group in groups for number in group.numbers], otherwise)
    defs = Defs(path, groups, base)
    defs.claims()
    return defs


def _group(path: Path, name: str, value: Any) -> DefsGroup:
    if not isinstance(value, dict) or set(value) != _GROUP_KEYS:
        raise _bad(path, f"the group {name!r} needs the keys {', '.join(sorted(_GROUP_KEYS))}, and no others")
    numbers, defs = value["program_numbers"], value["defs"]
    if not isinstance(numbers, list) or not all(type(number) is int for number in numbers):
        raise _bad(path, f"`program_numbers` of the group {name!r} is no list of whole numbers")
    if not isinstance(defs, list) or not all(isinstance(item, str) and item.strip("/") for item in defs):
        raise _bad(path, f"`defs` of the group {name!r} is no list of names")
    if not isinstance(value["class"], str):
        raise _bad(path, f"`class` of the group {name!r} is no text")
    return DefsGroup(name, _class(value["class"]), tuple(numbers), tuple(defs))


def _class(name: str) -> str:
    """Return a class as the farm spells it, where it differs in spelling only."""
    if family(name) == DRUMS.lower():
        return DRUMS
    return "Reed" if family(name) == "reed" else name


def _bad(path: Path, what: str) -> PlanError:
    return bad(path, ROLE, what, 'A group reads {"class": "Bass", "program_numbers": [32, 33], "defs": ["a.nkm"]}')
