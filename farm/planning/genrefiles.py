"""Genres as files: a folder with `genre.yaml` and chains, progressions and drum patterns beside it, or one YAML file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from farm.planning.genrespec import SPEC, from_spec
from farm.planning.yamlfile import read_keys
from schemas.errors import PlanError
from schemas.genre import METERS, SECTIONS, Genre

GENRE_FILE: Final = "genre.yaml"
PROGRESSIONS_FILE: Final = "progressions.txt"
#: Fields that are chains, and the names of their files; the first is written, the others are read as well.
CHAIN_FILES: Final = {
    "chord_matrix": ("chords.json", "chord_transitions.json"),
    "minor_chord_matrix": ("chords_minor.json",),
    "melody_matrix": ("melody.json", "melody_transitions.json"),
}
#: How a meter is written in the name of a file of patterns.
METER_WORDS: Final = {meter.replace("/", ""): meter for meter in METERS}
#: In a file of patterns or progressions: every section.
_ALL: Final = "all"
_ROLL: Final = "_roll"


def read_genre(path: Path) -> Genre:
    """Read a genre from its folder, or from one file that holds all of it.

    Raises:
        PlanError: a file cannot be read, or says what a genre cannot be; it is named with the key or the line.
    """
    return build_genre(genre_values(path), where=str(path), folder=path)


def genre_values(path: Path) -> dict[str, Any]:
    """Return what the files of a genre say, unchecked.

    Raises:
        PlanError: there is no such file or folder, or one that cannot be read.
    """
    if not path.is_dir():
        return {"name": path.stem, **_keys(path)}
    main = next((path / name for name in (GENRE_FILE, "genre.yml", SPEC) if (path / name).is_file()), None)
    if main is None:
        raise PlanError(
            f"{path} is no genre: it has no {GENRE_FILE}", hint="`farm genres new NAME` makes a folder to begin with"
        )
    return {"name": path.name, **_keys(main), **_beside(path)}


def _keys(path: Path) -> dict[str, Any]:
    values = read_keys(
        path, "genre", hint="A genre has keys such as `tempo_bpm: [90, 120]`; see `farm genres show pop`"
    )
    return from_spec(values, where=str(path)) if path.name == SPEC else values


def _beside(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field, names in CHAIN_FILES.items():
        found = next((folder / name for name in names if (folder / name).is_file()), None)
        if found is not None:
            values[field] = _json(found)
    if (folder / PROGRESSIONS_FILE).is_file():
        values["progressions"] = read_lines(folder / PROGRESSIONS_FILE)
    patterns = read_patterns(folder)
    return {**values, "patterns": patterns} if patterns else values


def read_patterns(folder: Path) -> dict[str, dict[str, list[str]]]:
    """Return the drum patterns of a folder by meter and section: `patterns_44.txt`, of one layer `patterns_44_congas.txt`.

    Raises:
        PlanError: a file is of no known meter, or has a line that belongs to no section.
    """
    patterns: dict[str, dict[str, list[str]]] = {}
    for path in sorted(folder.glob("patterns_*.txt")):
        word, _, layer = path.stem.removeprefix("patterns_").partition("_")
        if word not in METER_WORDS:
            raise PlanError(
                f"{path}: {word} is no meter",
                hint=f"The name ends in the meter without its stroke: {', '.join(METER_WORDS)}",
            )
        table = patterns.setdefault(METER_WORDS[word], {})
        for section, lines in read_lines(path).items():
            table[f"{layer}/{section}" if layer else section] = lines
    return patterns


def read_lines(path: Path) -> dict[str, list[str]]:
    """Return the lines of a text file by section: `verse chorus: I, V, vi, IV`; `all` is every section.

    Raises:
        PlanError: the file cannot be read, or a line names no section.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"cannot read {path}: {error}", hint="Check the path and its permissions") from error
    found: dict[str, list[str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        names, colon, rest = line.partition(":")
        if not colon or not names.split() or not rest.strip():
            raise PlanError(
                f"{path}, line {number}: no section stands before `{line[:40]}`",
                hint="Write `verse: ` and then its entries",
            )
        for name in _expanded(names.split()):
            found.setdefault(name, []).append(", ".join(word.strip() for word in rest.split(",")))
    return found


def _expanded(names: list[str]) -> list[str]:
    expanded: list[str] = []
    for name in names:
        if name.removesuffix(_ROLL) == _ALL:
            expanded += [section + name.removeprefix(_ALL) for section in SECTIONS]
        else:
            expanded.append(name)
    return expanded


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise PlanError(f"{path} is no JSON: {error}", hint="Mend the place it names") from error


def build_genre(values: Any, *, where: str, folder: Path | None = None) -> Genre:
    """Check the values of a genre, which were read from a folder or written in a plan.

    Raises:
        PlanError: with the place, the key, and what is wrong there.
    """
    try:
        return Genre.model_validate(values)
    except ValidationError as error:
        wrong = genre_errors(error, folder)
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise PlanError(f"{where}: {wrong[0]}{more}", hint="`farm genres check` lists all that is wrong") from error


def genre_errors(error: ValidationError, folder: Path | None = None) -> list[str]:
    """Return every mistake with the key that it is in, its value, and which file of the genre's folder says it."""
    return [_error(record, folder) for record in error.errors()]


def _error(record: Mapping[str, Any], folder: Path | None) -> str:
    words = [str(part) for part in record["loc"] if part != "[key]"]
    key, file = ".".join(words) or "genre", _file_of(words, folder)
    if record["type"] == "extra_forbidden":
        return f"{file}`{key}`: there is no such key"
    said = record["msg"].removeprefix("Value error, ")
    value = (
        ""
        if record["type"] == "value_error" or isinstance(record["input"], dict | list)
        else f" is {record['input']!r}"
    )
    return f"{file}`{key}`{value}: {said}"


def _file_of(key: Sequence[str], folder: Path | None) -> str:
    """Return which file beside `genre.yaml` a key was read from, with a colon; nothing for those of `genre.yaml` itself."""
    if folder is None or not key:
        return ""
    names = CHAIN_FILES.get(key[0], ())
    if key[0] == "progressions":
        names = (PROGRESSIONS_FILE,)
    elif key[0] == "patterns":
        names = (f"patterns_{key[1].replace('/', '') if len(key) > 1 else '*'}.txt",)
    return next((f"{name}: " for name in names if any(folder.glob(name))), "")
