"""`farm genres`: the genres there are, what one says, and what is wrong with one."""

from __future__ import annotations

import sys
from typing import Any

from farm.cli.output import print_json
from farm.cli.screens import show, table
from farm.planning.genrecheck import check_genre
from farm.planning.genrefill import complete
from farm.planning.genres import genre_names, genre_path, load_genre
from farm.planning.genrewrite import ABOUT, shown
from schemas.genre import Genre

#: Exit code of a check of a genre that cannot be used.
_UNUSABLE = 1
_ROLL = "_roll"


def list_command(*, as_json: bool) -> int:
    """List the farm's genres."""
    genres = [load_genre(name) for name in genre_names()]
    if as_json:
        print_json([_summary(genre) for genre in genres])
        return 0
    rows: list[list[object]] = [
        [genre.name, _range(genre.tempo_bpm), _range(genre.swing), " ".join(genre.meters), genre.description]
        for genre in genres
    ]
    show(table("genres", ["name", "tempo", "swing", "meters", "what it is"], rows))
    return 0


def _summary(genre: Genre) -> dict[str, Any]:
    return {
        "name": genre.name,
        "description": genre.description,
        "tempo_bpm": list(genre.tempo_bpm),
        "swing": list(genre.swing),
        "meters": dict(genre.meters),
        "layers": {name: spec.role for name, spec in genre.layers.items()},
    }


def _range(values: tuple[float, float]) -> str:
    return f"{values[0]:g}-{values[1]:g}"


def show_command(word: str, *, as_json: bool) -> int:
    """Show what a genre says, what the farm's defaults say included."""
    genre = complete(load_genre(word))
    if as_json:
        print_json(genre.model_dump(mode="json"))
        return 0
    sys.stdout.write(f"{genre.name}: {genre.description}\n" if genre.description else f"{genre.name}\n")
    for field in [name for name in ABOUT if name != "description"]:
        sys.stdout.write(f"\n# {ABOUT[field]}\n{shown(field, genre)}\n")
    sys.stdout.write("\n" + "\n".join(_counts(genre)) + "\n")
    return 0


def _counts(genre: Genre) -> list[str]:
    """Say how much of the long data there is; --json has all of it."""
    lines = []
    for field in ("chord_matrix", "minor_chord_matrix", "melody_matrix"):
        matrix = getattr(genre, field)
        if matrix is not None:
            lines.append(
                f"{field}: order {matrix.order}, {len(matrix.symbols)} symbols, {len(matrix.transitions)} rows"
            )
    progressions = {line for found in genre.progressions.values() for line in found}
    lines.append(f"progressions: {len(progressions)}")
    for meter, sections in genre.patterns.items():
        rolls = {line for name, found in sections.items() if name.endswith(_ROLL) for line in found}
        bars = {line for name, found in sections.items() if not name.endswith(_ROLL) for line in found}
        lines.append(f"patterns in {meter}: {len(bars)}, and {len(rolls)} fills")
    return lines


def check_command(word: str, *, as_json: bool) -> int:
    """Say all that is wrong with a genre; returns 1 where it cannot be used."""
    found = check_genre(genre_path(word))
    if as_json:
        print_json({"name": found.name, "usable": found.usable, "errors": found.errors, "notes": found.notes})
    else:
        for kind, lines in (("error", found.errors), ("note", found.notes)):
            sys.stdout.write("".join(f"{kind}: {line}\n" for line in lines))
        sys.stdout.write(f"{found.name} can{'' if found.usable else 'not'} be used\n")
    return 0 if found.usable else _UNUSABLE
