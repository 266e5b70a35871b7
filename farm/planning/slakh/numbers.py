"""Whether a file numbers programs from 0 or from 1: told by the file itself, stated, and never guessed in silence.

Slakh's files come in both bases, and its key `zero_based_midi` takes 1 off every number whatever the file's base is,
which puts every family of the free instrument map off by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from schemas.gm import DRUM_PROGRAM, DRUMS, program_class

#: Spellings of one class in Slakh's files.
_ALIASES: Final = {"reeds": "reed", "strings (continued)": "strings", "synth effects": "sound effects"}
#: The last program of a melodic part.
_LAST: Final = 127


class NumberBase(NamedTuple):
    """The number of the first program in a file, and what tells it."""

    first: int
    evidence: str


def family(inst_class: str) -> str:
    """Return a class name without the differences in spelling that Slakh's files have."""
    name = inst_class.strip().lower()
    return _ALIASES.get(name, name)


def find_base(claims: Iterable[tuple[int, str]], otherwise: int) -> NumberBase:
    """Tell the base of a file from numbers and the classes that the file gives them.

    Args:
        claims: (number as in the file, class) pairs; drums and classes that General MIDI does not have tell nothing.
        otherwise: the base to take where numbers and classes fit both, or neither.
    """
    told = [(number, family(name)) for number, name in claims if family(name) != DRUMS.lower()]
    told = [(number, name) for number, name in told if name in _FAMILIES and number > 0]
    fits = [sum(_is(number - first, name) for number, name in told) for first in (0, 1)]
    words = f"counted from 0 {fits[0]} of {len(told)} numbers fit their class, counted from 1 {fits[1]}"
    if fits[0] == fits[1]:
        return NumberBase(otherwise, f"{words}: the config decides")
    return NumberBase(int(fits[1] > fits[0]), words)


def to_program(number: int, inst_class: str, first: int) -> int | None:
    """Return the 0-based program of a number in a file that counts from `first`, 128 for drums; None if it is none.

    128 and 129 are drums in a group of drums, in either base: Slakh writes 129 in files of both. A 0 in a file that
    counts from 1 is program 0, as Slakh reads it.
    """
    if inst_class == DRUMS and number in (DRUM_PROGRAM, DRUM_PROGRAM + 1):
        return DRUM_PROGRAM
    if number - first == DRUM_PROGRAM:
        return DRUM_PROGRAM
    program = max(number - first, 0) if number >= 0 else -1
    return program if 0 <= program <= _LAST else None


def _is(program: int, name: str) -> bool:
    return 0 <= program <= _LAST and family(program_class(program, is_drum=False)) == name


_FAMILIES: Final = {family(program_class(program, is_drum=False)) for program in range(_LAST + 1)}
