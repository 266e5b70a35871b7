"""Genres by name or path, as plans name them: read, merged where a song is of several at once, and made complete."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from farm.planning.genrefiles import GENRE_FILE, build_genre, read_genre
from farm.planning.genrefill import complete, defaults
from farm.planning.genremerge import merge
from schemas.errors import PlanError
from schemas.genre import Genre

_PRESETS: Final = Path(__file__).resolve().parents[1] / "_presets" / "genres"
_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})


def genre_names() -> list[str]:
    """Return the names of the farm's own genres, sorted."""
    return sorted(path.parent.name for path in _PRESETS.glob(f"*/{GENRE_FILE}"))


def load_genre(word: str, folder: Path | None = None) -> Genre:
    """Read one of the farm's genres by its name, or the genre in a folder or file, as it is written.

    Args:
        word: a name, or a path that holds a slash or ends in .yaml.
        folder: what a relative path is relative to, left out the working folder. A genre's folder in it is found by its
            name too.

    Raises:
        PlanError: there is no such genre, or it is none.
    """
    return read_genre(genre_path(word, folder))


def genre_path(word: str, folder: Path | None = None) -> Path:
    """Return where the genre lies that a name or a path means.

    Raises:
        PlanError: there is no such genre.
    """
    here = folder or Path.cwd()
    if "/" in word or Path(word).suffix.lower() in _SUFFIXES:
        path = here / Path(word).expanduser()
        if path.exists():
            return path
        raise PlanError(f"there is no genre at {path}", hint="Check the path; `farm genres` lists the farm's own")
    for place in (_PRESETS / word, here / word):
        if (place / GENRE_FILE).is_file():
            return place
    close = difflib.get_close_matches(word, genre_names(), n=1, cutoff=0.5)
    hint = f"Did you mean `{close[0]}`?" if close else f"The farm's own are {', '.join(genre_names())}."
    raise PlanError(f"there is no genre `{word}`", hint=f"{hint} A path holds a slash: ./{word}")


def genre_of(genres: Sequence[Genre]) -> Genre:
    """Return the complete genre of songs that are of some genres at once; of none, the one of songs for which none is named.

    Raises:
        PlanError: they cannot be merged, or leave nothing to draw.
    """
    return complete(merge(genres)) if genres else complete(defaults())


def with_genres(values: Mapping[str, Any], folder: Path | None, *, where: str) -> dict[str, Any]:
    """Return the values of a plan with its genres read, merged and complete, in place of their names or paths.

    So a plan that has been read says all of what it asks for, whatever becomes of the files.

    Raises:
        PlanError: as `load_genre` and `genre_of`.
    """
    asked = values.get("compose")
    if not isinstance(asked, Mapping):
        return dict(values)
    named = asked.get("genres") or []
    if not isinstance(named, list):
        return dict(values)
    genres = [_read(item, folder, where=f"{where}: `compose.genres.{number}`") for number, item in enumerate(named)]
    twice = next(
        (genre.name for number, genre in enumerate(genres) if genre.name in [g.name for g in genres[:number]]), None
    )
    if twice is not None:
        raise PlanError(f"{where}: `compose.genres` names {twice} twice", hint="Name each genre once")
    together = asked.get("together", True) is not False
    made = [genre_of(genres)] if together or not genres else [complete(genre) for genre in genres]
    shares = asked.get("shares")
    if isinstance(shares, Mapping):  # a genre that is named by its path has its share under the path or the name
        known = {item: genre.name for item, genre in zip(named, genres, strict=True) if isinstance(item, str)}
        asked = {**asked, "shares": {known.get(name, name): share for name, share in shares.items()}}
    return {**values, "compose": {**asked, "genres": made}}


def _read(item: Any, folder: Path | None, *, where: str) -> Genre:
    if isinstance(item, Genre):
        return item
    return load_genre(item, folder) if isinstance(item, str) else build_genre(item, where=where)
