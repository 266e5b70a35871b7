"""Find and read patch files: the farm's own by name, others by path; every mistake names the file and the key."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from farm.planning.yamlfile import read_keys
from schemas.errors import PlanError
from schemas.instruments import InstrumentMap, PatchChoice
from schemas.patch import FaustSettings, PluginSettings
from schemas.patchfile import PatchFile

#: Where the farm's own patch files are, in a checkout and in an installation.
FOLDER: Final = Path(__file__).resolve().parents[1] / "_presets" / "patches"
_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
_HINT: Final = "A patch file has the keys `name`, `engine` and `settings`"
_Model = TypeVar("_Model", bound=BaseModel)
_SETTINGS: Final[dict[object, type[BaseModel]]] = {"dawdreamer": PluginSettings, "faust": FaustSettings}


def patch_names() -> list[str]:
    """Return the names of the farm's own patch files."""
    return sorted(_own())


def is_patch_path(word: str) -> bool:
    """Whether a word of a map is the path of a patch file, and not the name of one."""
    return Path(word).suffix.lower() in _SUFFIXES or "/" in word


def load_patch(word: str, folder: Path | None = None) -> PatchFile:
    """Read the patch file that a name or path stands for; a path is relative to `folder`.

    Raises:
        PlanError: there is none, it cannot be read, or a key of it is unknown or wrong.
    """
    if is_patch_path(word):
        path = ((folder or Path.cwd()) / Path(word).expanduser()).resolve()
        return build_patch(read_keys(path, "patch file", hint=_HINT), where=str(path), folder=path.parent)
    own = _own()
    if word in own:
        return _read_own(own[word])
    close = difflib.get_close_matches(word, own, n=1, cutoff=0.5)
    hint = f"Did you mean `{close[0]}`?" if close else f"The farm's own are {', '.join(sorted(own)) or 'none'}."
    raise PlanError(f"there is no patch file `{word}`", hint=f"{hint} A file ends in .yaml or .json")


def build_patch(values: Any, *, where: str, folder: Path | None = None) -> PatchFile:
    """Check the values of a patch file; what it names by a path lies relative to `folder`, None for the farm's own.

    Raises:
        PlanError: with the place, the key, and what is wrong there.
    """
    if isinstance(values, Mapping):
        values = _absolute(values, folder)
        kind, settings = _SETTINGS.get(values.get("engine")), values.get("settings")
        if kind is not None and isinstance(settings, Mapping):
            # As those of the engine that is named, so that a mistake is told for that engine alone.
            values = {**values, "settings": _checked(kind, settings, where, "settings.")}
    file = _checked(PatchFile, values, where)
    return file if file.folder is not None or folder is None else file.model_copy(update={"folder": str(folder)})


def with_built(values: Any, folder: Path | None, *, where: str) -> Any:
    """Return the values of a map with the patch files that are written out in it checked; see `build_patch`."""
    if not isinstance(values, Mapping) or not isinstance(values.get("groups"), list):
        return values
    groups = [_with_built_group(group, folder, f"{where}: `groups.{at}") for at, group in enumerate(values["groups"])]
    return {**values, "groups": groups}


def _with_built_group(group: Any, folder: Path | None, where: str) -> Any:
    if not isinstance(group, Mapping) or not isinstance(group.get("patches"), list):
        return group
    patches = [
        {**choice, "patch": build_patch(choice["patch"], where=f"{where}.patches.{at}.patch`", folder=folder)}
        if isinstance(choice, Mapping) and isinstance(choice.get("patch"), Mapping)
        else choice
        for at, choice in enumerate(group["patches"])
    ]
    return {**group, "patches": patches}


def with_patches(made: InstrumentMap, folder: Path | None, *, where: str) -> InstrumentMap:
    """Return a map with the contents of its patch files in place of their names, and what they say filled in.

    Key range, octave offset and licence of a choice are its own where it gives them, else those of its patch file.

    Raises:
        PlanError: a patch file is missing or wrong, or two of the map share a name and are not the same.
    """
    read = made.with_choices(lambda choice: _filled(choice, folder, where=where))
    seen: dict[str, PatchFile] = {}
    for file in (choice.file for group in read.groups for choice in group.patches):
        if file is not None and seen.setdefault(file.name, file) != file:
            raise PlanError(
                f"{where}: two different patch files are called `{file.name}`", hint="Give one of them another name"
            )
    return read


def _filled(choice: PatchChoice, folder: Path | None, *, where: str) -> PatchChoice:
    if choice.patch is None:
        return choice
    if isinstance(choice.patch, str):
        try:
            file = load_patch(choice.patch, folder)
        except PlanError as error:
            raise PlanError(f"{where}: the patch {choice.name}: {error.message}", hint=error.hint) from error
    else:
        file = choice.patch
    own = {"key_range": file.key_range, "octave_offset": file.octave_offset, "licence": file.known_licence}
    left_out = {key: value for key, value in own.items() if key not in choice.model_fields_set}
    return choice.model_copy(update={"patch": file, **left_out})


def _own() -> dict[str, Path]:
    return {path.stem: path for path in (*FOLDER.glob("*.yaml"), *FOLDER.glob("faust/*.yaml"))}


@lru_cache(maxsize=256)
def _read_own(path: Path) -> PatchFile:
    return build_patch(read_keys(path, "patch file", hint=_HINT), where=str(path))


def _absolute(values: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """Return the values with absolute paths: of a preset, and of a plug-in that is given by a path."""
    settings = values.get("settings")
    if folder is None or not isinstance(settings, Mapping):
        return dict(values)
    paths = {}
    for key in ("preset", "plugin"):
        word = settings.get(key)
        is_uri = isinstance(word, str) and (settings.get("format") == "lv2" or "://" in word)
        if isinstance(word, str) and not is_uri and (key == "preset" or "/" in word):
            paths[key] = str((folder / Path(word).expanduser()).resolve())
    return {**values, "settings": {**settings, **paths}}


def _checked(kind: type[_Model], values: Any, where: str, prefix: str = "") -> _Model:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first, *others = error.errors()
        key = prefix + ".".join(str(part) for part in first["loc"])
        message = "unknown key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        more = f" (and {len(others)} more)" if others else ""
        close = difflib.get_close_matches(key.rpartition(".")[2], kind.model_fields, n=1, cutoff=0.6)
        hint = f"Did you mean `{close[0]}`?" if first["type"] == "extra_forbidden" and close else _HINT
        raise PlanError(f"{where}: `{key.rstrip('.')}`: {message}{more}", hint=hint) from error
