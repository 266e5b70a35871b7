"""`farm genres new`: makes a genre to go on with, by flags or by questions."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer
import yaml

from farm.cli.output import answer
from farm.planning.genrefiles import build_genre
from farm.planning.genrefill import complete, defaults, says
from farm.planning.genremerge import merge
from farm.planning.genres import load_genre
from farm.planning.genrewrite import ABOUT, shown, write_genre
from schemas.errors import FarmError, PlanError
from schemas.genre import Genre

#: Drums to begin with, and the genre that has them; any genre's name does too.
STARTERS: Final = {
    "backbeat": "rock",
    "swing": "jazz",
    "electronic": "electronic",
    "one-drop": "reggae",
    "clave": "latin",
}
#: The simple drums of songs for which no genre is named.
_MINIMAL: Final = "minimal"
_NAME: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
#: Weights that are written as shares of one.
_SHARES: Final = ("tempos", "swings", "meters", "keys", "chord_types", "inversions", "harmonic_rhythm", "structures")


@dataclass(frozen=True, slots=True)
class NewGenre:
    """What a person asks of a new genre."""

    name: str
    out: Path | None
    bases: Sequence[str]
    settings: Sequence[str]
    drums: str | None
    chords: str | None
    ask: bool


def new_command(asked: NewGenre, *, as_json: bool) -> int:
    """Make the folder of a new genre; returns 0."""
    if not _NAME.match(asked.name):
        raise PlanError(f"{asked.name!r} is no name of a genre", hint="Letters, digits, - and _")
    values = _begin(asked)
    for setting in asked.settings:
        _set(values, setting)
    if asked.ask and not as_json and sys.stdin.isatty():
        _ask(values)
    genre = _shared(build_genre(values, where=asked.name))
    complete(genre)
    folder = (asked.out or Path(asked.name)).expanduser()
    files = write_genre(genre, folder)
    record = {"name": genre.name, "folder": str(folder), "files": [path.name for path in files]}
    names = ", ".join(path.name for path in files)
    return answer(record, f"written to {folder}: {names}\ncheck: farm genres check {folder}", as_json=as_json)


def _begin(asked: NewGenre) -> dict[str, Any]:
    """Return the values of the genre from which the new one comes, drums and chains included."""
    base = merge([load_genre(word) for word in asked.bases]) if asked.bases else None
    whole = complete(base or defaults())
    values = whole.model_dump(
        exclude={"progressions", "patterns", "chord_matrix", "minor_chord_matrix", "melody_matrix"}
    )
    values |= {"name": asked.name, "description": f"After {base.name}" if base else ""}
    chords = load_genre(asked.chords) if asked.chords else base
    melody = base or chords
    if chords is not None:
        values |= {field: getattr(chords, field) for field in ("progressions", "chord_matrix", "minor_chord_matrix")}
    if melody is not None:
        values["melody_matrix"] = melody.melody_matrix
    drums = _drums(asked.drums) if asked.drums or base is None else base.patterns
    values["patterns"] = {meter: table for meter, table in drums.items() if values["meters"].get(meter)}
    return values


def _drums(word: str | None) -> Mapping[str, Any]:
    if word in (None, _MINIMAL):
        return defaults().patterns
    return load_genre(STARTERS.get(str(word), str(word))).patterns


def _set(values: dict[str, Any], setting: str) -> None:
    """Set a field from `tempo_bpm=[90, 120]`, or a part of one: `layers.melody.programs={40: 1}`."""
    key, sign, word = setting.partition("=")
    *parents, leaf = key.strip().split(".")
    if not sign or not all([*parents, leaf]):
        raise PlanError(
            f"--set {setting}: no `=` stands between key and value", hint="Write --set tempo_bpm='[90, 120]'"
        )
    for name in parents:
        inner = values.setdefault(name, {})
        if not isinstance(inner, dict):
            raise PlanError(
                f"--set {setting}: {name} is no group of keys", hint="See `farm genres show pop` for the keys"
            )
        values = inner
    values[leaf] = _value(word)


def _value(word: str) -> Any:
    try:
        return yaml.safe_load(word)
    except yaml.YAMLError as error:
        raise PlanError(
            f"{word!r} cannot be read: {error}", hint="Write it as in YAML: [90, 120] or {C: 1, Am: 2}"
        ) from error


def _ask(values: dict[str, Any]) -> None:
    """Ask for every field; what is there is kept by Enter, and what cannot be is asked again."""
    typer.echo("Enter keeps what stands in brackets; values are written as in YAML.", err=True)
    for field, about in ABOUT.items():
        now = _one_line(field, values)
        while (typed := typer.prompt(f"{about}\n{field}", default=now, err=True)) != now:
            try:
                build_genre({**values, field: _value(typed)}, where=field)
            except FarmError as error:
                typer.echo(str(error), err=True)
                continue
            values[field] = _value(typed)
            break


def _one_line(field: str, values: Mapping[str, Any]) -> str:
    """Return a field as it is typed."""
    dumped = shown(field, Genre.model_validate(values)).partition(":")[2]
    return (
        yaml.safe_dump(yaml.safe_load(dumped), default_flow_style=True, width=float("inf"))
        .removesuffix("...\n")
        .strip()
    )


def _shared(genre: Genre) -> Genre:
    """Return a genre with its weights as shares of one."""
    shares = {}
    for field in _SHARES:
        weights = getattr(genre, field)
        if says(genre, field):
            total = sum(weights.values())
            shares[field] = {key: round(weight / total, 4) for key, weight in weights.items()}
    return genre.model_copy(update=shares)
