"""Recipes of submixes held against a whole dataset: a key that no stem has, and values that nothing ever matches."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from schemas.annotation import SongAnnotation
from schemas.convert import Note, NoteCode
from schemas.dataset import NO_PLUGIN, SLAKH_PATHS
from schemas.errors import DatasetError, PlanError
from schemas.gm import CLASSES, DRUM_PROGRAM, DRUMS, PROGRAM_NAMES
from schemas.submix import SubmixRecipe, Value, mixing_values, same_value
from workers.reworking.track import Track, read_annotation, read_metadata

#: What a stem may say of a key, where that is known: such a value may be missing from a dataset without being a mistake.
_VOCABULARY: Final[Mapping[str, tuple[Value, ...]]] = {
    "program_num": tuple(range(DRUM_PROGRAM + 1)),
    "is_drum": (True, False),
    "inst_class": CLASSES,
    "midi_program_name": (*PROGRAM_NAMES, DRUMS),
}
#: Likeness from which a value counts as the one that may be meant.
_ALIKE: Final = 0.6


def said_of_stems(track: Track) -> dict[str, dict[str, Any]]:
    """Return what a track's metadata says of each stem, or in layouts without any its annotation in the same words.

    Raises:
        DatasetError: it cannot be read.
    """
    said = _said(track.metadata) or annotated(track.annotation)
    if not said:
        raise DatasetError(f"{track.folder / SLAKH_PATHS.sign} cannot be read, and a recipe goes by what it says")
    return {name: about for name, about in said.items() if isinstance(about, dict)}


def annotated(song: SongAnnotation | None) -> dict[str, dict[str, Any]]:
    """Return what recipes can mix the stems of a song by, as its annotation has it."""
    return {
        stem.name: mixing_values(
            inst_class=stem.inst_class, is_drum=stem.is_drum, program=stem.program, program_name=stem.program_name,
            patch=stem.patch or NO_PLUGIN, preset=stem.preset,
        )
        for stem in (song.stems if song is not None else [])
    }  # fmt: skip


def check_keys(recipes: Iterable[SubmixRecipe], folders: Sequence[Path]) -> None:
    """Refuse a recipe by whose key no stem of any track can be told; looks at as few tracks as that needs.

    Raises:
        PlanError: with the keys that there are.
    """
    missing = {recipe.key: recipe.name for recipe in recipes}
    there: set[str] = set()
    for folder in folders:
        said = _said(read_metadata(folder)) or annotated(read_annotation(folder))
        keys = {key for about in said.values() if isinstance(about, dict) for key in about}
        there |= keys
        missing = {key: name for key, name in missing.items() if key not in keys}
        if not missing:
            return
    for key, name in missing.items() if there else ():  # without any metadata every track says so itself
        near = difflib.get_close_matches(key, sorted(there), n=1)
        raise PlanError(
            f"the recipe {name} mixes by {key!r}, and no stem of any track has this key",
            hint=f"Did you mean `{near[0]}`?" if near else f"Stems have {', '.join(sorted(there))}",
        )


def unknown_values(recipe: SubmixRecipe, seen: Iterable[Value]) -> Iterator[Note]:
    """Yield a note for every value of a recipe that no stem has and that is none which a stem could have."""
    known: list[Value] = [*_VOCABULARY.get(recipe.key, ()), *seen]
    for group, values in recipe.groups.items():
        for value in values:
            if not any(same_value(value, other) for other in known):
                near = _nearest(value, known)
                hint = "" if near is None else f"; the nearest that there is: {near!r}"
                message = f"recipe {recipe.name}, group {group}: no stem has the {recipe.key} {value!r}{hint}"
                yield Note(track="", code=NoteCode.UNKNOWN_VALUE, message=message)


def _nearest(value: Value, known: Iterable[Value]) -> Value | None:
    words = {str(other).casefold(): other for other in known}
    near = difflib.get_close_matches(str(value).casefold(), sorted(words), n=1, cutoff=_ALIKE)
    return words[near[0]] if near else None


def _said(metadata: dict[str, Any] | None) -> dict[str, Any]:
    """Return what metadata says of stems; the first version of Slakh's had them at the top."""
    said = (metadata or {}).get("stems", metadata)
    return said if isinstance(said, dict) else {}
