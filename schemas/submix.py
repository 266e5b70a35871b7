"""Submixes: stems gathered in named groups after a recipe file of Slakh's form, and what is left as residuals.

A recipe file names a key of the stems' metadata and, for each group, the values that belong to it:

    Mixing key: program_num
    Recipes:
      Piano: [0, 1, 2, 3, 4, 5, 6, 7]
      Drums: [128]
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from schemas.base import FarmModel
from schemas.gm import DRUM_PROGRAM

#: Group of every stem that no recipe names.
RESIDUALS: Final = "residuals"
#: Folder of all submixes in a track's folder.
SUBMIXES: Final = "submixes"
#: Keys that the metadata of a stem has before it is published.
MIXING_KEYS: Final = (
    "inst_class", "is_drum", "midi_program_name", "program_num", "plugin_name", "plugin_preset_name",
)  # fmt: skip

_KEY_WORD: Final = "Mixing key"
_RECIPES_WORD: Final = "Recipes"
#: What a group or a recipe may be called once it is the name of a file.
_FILE_NAME: Final = re.compile(r"[^\W_][\w .,&'()+-]{0,99}")

Value = StrictBool | StrictInt | StrictFloat | StrictStr


def file_name(text: str) -> str:
    """Return the name of a recipe or a group as its folder or file is called: `Synth Lead` is `synth_lead`."""
    return text.replace(" ", "_").lower()


class SubmixRecipe(FarmModel):
    """A recipe: which stems are summed into which group."""

    #: Name of the recipe, and of its folder below `submixes`; that of its file.
    name: Annotated[str, Field(min_length=1, max_length=100)]
    #: Key of a stem's metadata by which it is assigned, such as `program_num` or `inst_class`.
    key: Annotated[str, Field(min_length=1)]
    #: Name of each group -> values of the key; a stem with any other value goes to `residuals`.
    groups: Annotated[dict[str, list[Value]], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _slakhs_form(cls, document: object) -> object:
        """Read what a recipe file holds, with the name of the file added."""
        if not isinstance(document, dict) or {"key", "groups"} <= document.keys():
            return document
        words = {str(word).strip().lower(): word for word in document}
        unknown = words.keys() - {"name", _KEY_WORD.lower(), _RECIPES_WORD.lower()}
        if unknown:
            raise ValueError(
                f"it has the key `{words[min(unknown)]}`; a recipe has `{_KEY_WORD}` and `{_RECIPES_WORD}`"
            )
        for word in (_KEY_WORD, _RECIPES_WORD):
            if word.lower() not in words:
                raise ValueError(f"it has no `{word}`")
        key, groups = document[words[_KEY_WORD.lower()]], document[words[_RECIPES_WORD.lower()]]
        if not isinstance(key, str):
            raise ValueError(f"`{_KEY_WORD}` is {key!r}, and must be a key of a stem's metadata, such as program_num")  # noqa: TRY004  pydantic reports these
        return {"name": document.get("name"), "key": key, "groups": _checked_groups(groups)}

    @model_validator(mode="after")
    def _sound(self) -> SubmixRecipe:
        if not _FILE_NAME.fullmatch(self.folder):
            raise ValueError(f"a recipe cannot be called {self.name!r}: its name becomes that of a folder")
        files: dict[str, str] = {RESIDUALS: ""}
        for group in self.groups:
            file = file_name(group)
            if file == RESIDUALS:
                raise ValueError(f"the group {group!r} has the name of what is left over; choose another")
            if file in files:
                raise ValueError(f"the groups {files[file]!r} and {group!r} would be one file, {file}")
            if not _FILE_NAME.fullmatch(file):
                raise ValueError(f"a group cannot be called {group!r}: its name becomes that of a file")
            files[file] = group
        uses = Counter(_exact(value) for values in self.groups.values() for value in values)
        twice = [value for (_, value), count in uses.items() if count > 1]
        if twice:
            owners = [group for group, values in self.groups.items() if twice[0] in values]
            raise ValueError(f"the value {twice[0]!r} is used more than once (in {', '.join(owners)})")
        return self

    @property
    def folder(self) -> str:
        """Name of the recipe's folder."""
        return file_name(self.name)

    def partition(self, values: Mapping[str, object]) -> dict[str, list[str]]:
        """Assign every stem to one group: group, as its file is called -> stems; the residuals come last.

        Args:
            values: stem -> what its metadata says of the recipe's key.
        """
        owner = {_exact(value): file_name(group) for group, listed in self.groups.items() for value in listed}
        found: dict[str, list[str]] = {group: [] for group in (*map(file_name, self.groups), RESIDUALS)}
        for stem, value in values.items():
            found[owner.get(_exact(value), RESIDUALS)].append(stem)
        return found

    def audio(self, group: str, file_format: str) -> str:
        """Return the path of a group's audio in the track's folder."""
        return f"{SUBMIXES}/{self.folder}/{group}.{file_format}"


class SubmixGroup(FarmModel):
    """One group of a submix: the exact sum of its stems."""

    name: str
    audio: str
    stems: list[str]
    peak_dbfs: float | None  #: None for digital silence, as where a song has no stem of the group
    loudness_lufs: float | None


class Submix(FarmModel):
    """The groups of one recipe; each stem with audio is in one of them, and so they sum to what the stems sum to."""

    recipe: str
    key: str
    groups: list[SubmixGroup]


def mixing_values(
    *, inst_class: str, is_drum: bool, program: int, program_name: str, patch: str, preset: str
) -> dict[str, Any]:
    """Return what the metadata of a stem will say of every one of `MIXING_KEYS`."""
    number = DRUM_PROGRAM if is_drum else program
    return dict(zip(MIXING_KEYS, (inst_class, is_drum, program_name, number, patch, preset), strict=True))


def same_value(one: Value, other: Value) -> bool:
    """Whether two values of a recipe or of metadata are one: `true` is not 1."""
    return _exact(one) == _exact(other)


def _exact(value: object) -> tuple[bool, object]:
    """Tell `true` from 1, which Python takes for equal; lists and the like equal nothing."""
    return isinstance(value, bool), value if isinstance(value, bool | int | float | str) else None


def _checked_groups(groups: object) -> object:
    if not isinstance(groups, dict) or not groups:
        raise ValueError(f"`{_RECIPES_WORD}` must name at least one group, each with a list of values")
    for group, values in groups.items():
        if not isinstance(group, str):
            raise ValueError(f"the name of the group {group!r} is no text; put it between quotes")  # noqa: TRY004
        if not isinstance(values, list) or not all(isinstance(value, bool | int | float | str) for value in values):
            raise ValueError(f"the group {group!r} must be a list of values, such as [0, 1] or [Piano]")
    return groups
