"""A band: which instruments a song must have, how many of each and how much they must play, and which it must not have."""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Final

from pydantic import Field, field_validator, model_validator

from schemas.base import FarmModel
from schemas.gm import CLASSES, DRUM_PROGRAM
from schemas.song import PartFacts

#: Other spellings of classes, in lower case: General MIDI's own names, and those that Slakh's files mix.
_OTHER_NAMES: Final = {
    "ensemble": "Strings (continued)", "reeds": "Reed", "pipes": "Pipe", "lead": "Synth Lead", "pad": "Synth Pad",
    "synth fx": "Synth Effects",
}  # fmt: skip
_BY_LOWER_CASE: Final = {name.lower(): name for name in CLASSES} | _OTHER_NAMES

Program = Annotated[int, Field(ge=0, le=DRUM_PROGRAM)]


def class_name(text: str) -> str:
    """Return the instrument class that `text` means, whatever its capitals.

    Raises:
        ValueError: there is no such class; the nearest is named.
    """
    found = _BY_LOWER_CASE.get(text.strip().lower())
    if found is not None:
        return found
    close = difflib.get_close_matches(text.strip().lower(), list(_BY_LOWER_CASE), n=1, cutoff=0.5)
    hint = f"did you mean {_BY_LOWER_CASE[close[0]]!r}?" if close else f"the classes are {', '.join(CLASSES)}"
    raise ValueError(f"there is no instrument class {text!r}; {hint}")


class Instruments(FarmModel):
    """Some instruments: all of a class, or some programs. The plain name of a class stands for the class."""

    #: An instrument class, such as `Guitar`.
    inst_class: str | None = None
    #: Programs, 0-based; 128 is a drum kit of any program.
    programs: list[Program] = []

    @model_validator(mode="before")
    @classmethod
    def _plain_name(cls, value: object) -> object:
        return {"inst_class": value} if isinstance(value, str) else value

    @field_validator("inst_class")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        return None if value is None else class_name(value)

    @model_validator(mode="after")
    def _says_something(self) -> Instruments:
        if (self.inst_class is None) == (not self.programs):
            raise ValueError("name either an inst_class or programs")
        return self

    def takes(self, part: PartFacts) -> bool:
        """Whether a part is one of these instruments."""
        if self.inst_class is not None:
            return part.inst_class == self.inst_class
        return (DRUM_PROGRAM if part.is_drum else part.program) in self.programs

    @property
    def words(self) -> str:
        """What people call them."""
        if self.inst_class is not None:
            return self.inst_class
        return f"program {', '.join(str(program) for program in self.programs)}"


class BandMember(FarmModel):
    """One place in a band: who may take it, how many there must be, and how much each of them must play.

    A part takes one place at most; a part that plays less than is asked does not count.
    """

    #: An instrument class, such as `Guitar`; or `programs`; or `any_of`.
    inst_class: str | None = None
    #: Programs, 0-based; 128 is a drum kit of any program.
    programs: list[Program] = []
    #: Any of these classes and programs.
    any_of: list[Instruments] = []
    #: At least so many parts; 0 is a place that may stay empty.
    count: Annotated[int, Field(ge=0, le=999)] = 1
    #: At most so many parts, those that play too little included; nothing is any number.
    max_count: Annotated[int, Field(ge=1, le=999)] | None = None
    #: Notes that each of them plays at least (Slakh's site: 50).
    min_notes: Annotated[int, Field(ge=1)] = 1
    #: Seconds during which each of them has a key down at least.
    min_active_s: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="before")
    @classmethod
    def _plain_name(cls, value: object) -> object:
        return {"inst_class": value} if isinstance(value, str) else value

    @field_validator("inst_class")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        return None if value is None else class_name(value)

    @model_validator(mode="after")
    def _consistent(self) -> BandMember:
        if sum((self.inst_class is not None, bool(self.programs), bool(self.any_of))) != 1:
            raise ValueError("name one of inst_class, programs and any_of")
        if self.max_count is not None and self.max_count < self.count:
            raise ValueError("max_count must not be below count")
        return self

    @property
    def choices(self) -> list[Instruments]:
        """The instruments that may take the place."""
        return self.any_of or [Instruments(inst_class=self.inst_class, programs=self.programs)]

    def takes(self, part: PartFacts) -> bool:
        """Whether a part is an instrument that may take the place, however much it plays."""
        return any(choice.takes(part) for choice in self.choices)

    @property
    def words(self) -> str:
        """What people call it."""
        return " or ".join(choice.words for choice in self.choices)


class Band(FarmModel):
    """The instruments that a song must have, may have and must not have. A YAML file, or written out in a plan."""

    #: What people call it.
    name: Annotated[str, Field(min_length=1, max_length=200)] = "band"
    #: Every place that must be taken; the name of a class alone is a place for one part of it.
    members: list[BandMember] = []
    #: Instruments that reject a song that has them.
    exclude: list[Instruments] = []
    #: Whether a song may have instruments that no member takes.
    allow_others: bool = True
    #: Whether a part only counts if there is a patch that can play it.
    need_patch: bool = True

    @model_validator(mode="before")
    @classmethod
    def _plain_list(cls, value: object) -> object:
        """Read a bare list of classes as Slakh reads it: at least one of each, so that repeats mean nothing."""
        if not isinstance(value, list):
            return value
        members: list[Any] = []
        for item in value:
            if not any(_same_class(item, other) for other in members):
                members.append(item)
        return {"members": members}


def _same_class(one: object, other: object) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.strip().lower() == other.strip().lower()
    return one == other
