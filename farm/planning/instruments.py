"""Find and read instrument maps: the farm's own by name, others by path; every mistake names the file and the key."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from farm.planning.patchfiles import with_built, with_patches
from farm.planning.yamlfile import read_keys
from schemas.errors import PlanError
from schemas.gm import DRUM_PROGRAM, program_name
from schemas.instruments import (
    PROGRAMS,
    InstrumentGroup,
    InstrumentMap,
    PatchChoice,
    double_claims,
    unmapped_programs,
)

#: Where the farm's own maps are, in a checkout and in an installation.
_HINT: Final = "A map has the keys `name` and `groups`"
_PRESETS: Final = Path(__file__).resolve().parents[1] / "_presets" / "instruments"
_MAP_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
_FONT_SUFFIXES: Final = frozenset({".sf2", ".sf3"})


@dataclass(frozen=True)
class MapCheck:
    """What is to be said of a map: errors, which keep it from being used, and programs whose parts get no audio."""

    name: str
    groups: int = 0
    patches: int = 0
    errors: list[str] = field(default_factory=list)
    double: dict[int, list[str]] = field(default_factory=dict)  #: program -> the groups that claim it
    unmapped: list[int] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the map can be used."""
        return not self.errors and not self.double


def map_names() -> list[str]:
    """Return the names of the farm's own maps."""
    return sorted(path.stem for path in _PRESETS.glob("*.yaml"))


def is_path(word: str) -> bool:
    """Whether a word of a plan is the path of a map, and not the name of one."""
    return Path(word).suffix.lower() in _MAP_SUFFIXES or "/" in word


def load_map(word: str, folder: Path | None = None) -> InstrumentMap:
    """Read the map that a name or path stands for; a path is relative to `folder`.

    Soundfonts and patch files that the map gives as paths are relative to its own file; soundfonts come back absolute,
    patch files read.

    Raises:
        PlanError: there is none, it cannot be read, has an unknown key, or claims a program twice.
    """
    path = _find(word, folder)
    return build_map(read_keys(path, "instrument map", hint=_HINT), where=str(path), folder=path.parent)


def build_map(values: Any, *, where: str, folder: Path | None = None) -> InstrumentMap:
    """Check the values of a map and read its patch files; what it names by a path is relative to `folder`.

    Raises:
        PlanError: with the place, the key, and what is wrong there.
    """
    values = with_built(values, folder, where=where)
    try:
        made = InstrumentMap.model_validate(values)
    except ValidationError as error:
        first, *others = _errors(error)
        more = f" (and {len(others)} more)" if others else ""
        raise PlanError(
            f"{where}: {first}{more}", hint="`farm instruments --check FILE` lists all that is wrong with a map"
        ) from error
    paths = {font: _font(font, folder) for font in made.soundfonts}
    return with_patches(made.with_soundfonts(paths), folder, where=where)


def check_map(path: Path) -> MapCheck:
    """Say everything that is wrong with the map in a file, and which programs it leaves without a patch.

    Raises:
        PlanError: there is no such file, or it is not YAML.
    """
    values = read_keys(path, "instrument map", hint=_HINT)
    groups = values.get("groups")
    if not isinstance(groups, list):
        return MapCheck(path.name, errors=["`groups`: a map is a list of groups"])
    try:
        values = with_built(values, path.parent, where=str(path))
    except PlanError as error:
        return MapCheck(path.name, groups=len(groups), errors=[error.message])
    errors, read = _groups(values["groups"])
    double = double_claims(read)
    if not errors and not double:
        errors = _remaining(values, path)
    return MapCheck(
        name=str(values.get("name", path.name)),
        groups=len(read),
        patches=sum(len(group["patches"]) for group in groups if _has_patches(group)),
        errors=errors,
        double=double,
        unmapped=unmapped_programs(read),
    )


def inlined(values: Mapping[str, Any], folder: Path | None, *, where: str) -> dict[str, Any]:
    """Return the values of a plan with the contents of its instrument map in place of the name or path.

    So a plan that has been read says all of what it makes, on every host and whatever becomes of the file.

    Raises:
        PlanError: as `load_map`.
    """
    section = values.get("instruments")
    if not isinstance(section, Mapping) or section.get("map") is None or isinstance(section["map"], InstrumentMap):
        return dict(values)
    word = section["map"]
    made = load_map(word, folder) if isinstance(word, str) else _written(word, folder, where)
    return {**values, "instruments": {**section, "map": made}}


def _written(values: Any, folder: Path | None, where: str) -> InstrumentMap:
    return build_map(values, where=f"{where}: `instruments.map`", folder=folder)


def program_words(program: int) -> str:
    """Return a program with its name, such as `56 Trumpet`."""
    return f"{program} {program_name(min(program, DRUM_PROGRAM - 1), is_drum=program == DRUM_PROGRAM)}"


def _find(word: str, folder: Path | None) -> Path:
    if is_path(word):
        return (folder or Path.cwd()) / Path(word).expanduser()
    path = _PRESETS / f"{word}.yaml"
    if path.is_file():
        return path
    close = difflib.get_close_matches(word, map_names(), n=1, cutoff=0.5)
    hint = f"Did you mean `{close[0]}`?" if close else f"The farm's own are {', '.join(map_names())}."
    raise PlanError(f"there is no instrument map `{word}`", hint=f"{hint} A file ends in .yaml or .json")


def _font(font: str, folder: Path | None) -> str:
    if Path(font).suffix.lower() not in _FONT_SUFFIXES and "/" not in font:
        return font
    return str(((folder or Path.cwd()) / Path(font).expanduser()).resolve())


def _groups(values: list[Any]) -> tuple[list[str], list[InstrumentGroup]]:
    """Read the groups of a map one by one: what is wrong with one does not hide the others."""
    errors, read = [], []
    for number, value in enumerate(values):
        try:
            read.append(InstrumentGroup.model_validate(value))
        except ValidationError as error:
            errors += _errors(error, f"groups.{number}")
            read.append(_claims(number, value))
    return errors, read


def _has_patches(group: Any) -> bool:
    return isinstance(group, dict) and isinstance(group.get("patches"), list)


def _claims(number: int, value: Any) -> InstrumentGroup:
    """Return what a group that cannot be read as it stands claims all the same."""
    values = value if isinstance(value, dict) else {}
    programs, patches = values.get("programs"), values.get("patches")
    whole = {item for item in programs if type(item) is int} if isinstance(programs, list) else set()
    return InstrumentGroup(
        name=str(values.get("name") or f"groups.{number}")[:100],
        programs=sorted(whole & set(PROGRAMS)),
        patches=[PatchChoice(name="unread")] if patches else [],
    )


def _remaining(values: Any, path: Path) -> list[str]:
    """Say what is wrong with a map whose groups are sound, and with its patch files."""
    try:
        with_patches(InstrumentMap.model_validate(values), path.parent, where=str(path))
    except ValidationError as error:
        return _errors(error)
    except PlanError as error:
        return [error.message]
    return []


def _errors(error: ValidationError, prefix: str = "") -> list[str]:
    lines = []
    for item in error.errors():
        key = ".".join(filter(None, [prefix, *(str(part) for part in item["loc"])]))
        message = "unknown key" if item["type"] == "extra_forbidden" else item["msg"].removeprefix("Value error, ")
        lines.append(f"`{key}`: {message}" if key else message)
    return lines
