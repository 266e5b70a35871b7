"""What became of a Slakh set-up: the fate of every key, what its files say, and what a person should know."""

from __future__ import annotations

from enum import StrEnum

from schemas.base import FarmModel


class Fate(StrEnum):
    """What was done with a key of the config."""

    MAPPED = "mapped"  #: the plan, or a file beside it, says the same
    CORRECTED = "corrected"  #: it contradicts itself or another file; what was done instead is said
    DEAD = "dead"  #: it had no effect in Slakh
    NOT_NEEDED = "not needed"  #: it steered something that the farm does without
    NOT_PORTABLE = "not portable"  #: it names what exists on one Mac only
    UNKNOWN = "unknown"  #: no key of Slakh's


class KeyFate(FarmModel):
    """One key of the config and what became of it."""

    key: str
    value: str | int | float | bool | list[object] | dict[str, object] | None
    fate: Fate
    became: str  #: the plan's key and value, or nothing
    why: str = ""


class NoteKind(StrEnum):
    """What a note of the import is about."""

    DOUBLE_CLAIM = "double_claim"  #: two groups claim one program
    UNMAPPED = "unmapped"  #: no group, or a group without patches, has these programs
    STAND_IN = "stand_in"  #: patches of Kontakt or a plug-in are played by a soundfont
    REPEATED = "repeated"  #: one patch stands in a list more than once, or a class in a band
    CLASS_TABLE = "class_table"  #: the class table differs from General MIDI
    RULE_LEFT_OUT = "rule_left_out"  #: a MIDI rule that is not enabled, and that Slakh ran all the same
    RULES = "rules"  #: what becomes of the MIDI rules
    SPELLING = "spelling"  #: a misspelt class was read as the one that is meant
    SELECTION = "selection"  #: songs that Slakh takes and the plan does not, or the other way round
    ABSENT = "absent"  #: a file or folder that is named is not on this machine


class Note(FarmModel):
    """One thing to know about the imported set-up."""

    kind: NoteKind
    text: str
    programs: tuple[int, ...] = ()  #: 0-based, 128 for drums, where the note is about programs


class FileFacts(FarmModel):
    """A file of the set-up as it was read."""

    role: str
    path: str
    says: str
    numbers_from: int | None = None  #: 0 or 1, of files that number programs
    evidence: str = ""  #: why so


class ImportReport(FarmModel):
    """Everything that a person should know of an import."""

    config: str
    keys: list[KeyFate]
    files: list[FileFacts]
    notes: list[Note]
    written: list[str]  #: paths of the files that were written
    command: str  #: what runs the plan
