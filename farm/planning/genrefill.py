"""What holds where a genre says nothing: the data in `presets/compose`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from farm.planning.genrefiles import PROGRESSIONS_FILE, build_genre, read_lines, read_patterns
from farm.planning.yamlfile import read_keys
from schemas.errors import PlanError
from schemas.genre import MINOR_MODES, Genre, LayerSpec, key_mode, progression_modes

_FOLDER: Final = Path(__file__).resolve().parents[1] / "_presets" / "compose"
#: Name of the genre of songs for which none was named.
ANY: Final = "any"
#: The section whose data hold for sections that the defaults do not know.
_USUAL: Final = "verse"
_ROLL: Final = "_roll"
#: Fields that belong to another: they are not filled where that one is said.
_WITH: Final = {"tempos": "tempo_bpm", "swings": "swing"}
#: Fields that are filled section by section.
_PARTED: Final = frozenset({"sections", "section_bars", "progressions", "patterns", "layers"})

Lines = dict[str, list[str]]


@cache
def defaults() -> Genre:
    """Return the genre of songs for which none was named; it says everything."""
    values: dict[str, Any] = {"name": ANY, "description": "Whatever there is: all keys, meters and structures"}
    for path in sorted(_FOLDER.glob("*.yaml")):
        values |= read_keys(path, "defaults", hint="The files in presets/compose hold keys of genres")
    values |= {"progressions": read_lines(_FOLDER / PROGRESSIONS_FILE), "patterns": read_patterns(_FOLDER)}
    return build_genre(values, where=str(_FOLDER))


def says(genre: Genre | LayerSpec, field: str) -> bool:
    """Whether a genre, or a layer of one, says something about a field: an empty table says nothing."""
    return field in genre.model_fields_set and getattr(genre, field) not in (None, {}, [], "")


def complete(genre: Genre) -> Genre:
    """Return a genre with everything filled that it does not say; a complete one comes back as it is.

    Raises:
        PlanError: nothing is left to draw, such as no chord type that its filter lets through.
    """
    base = defaults()
    values = {
        field: getattr(genre if _decides(genre, field) else base, field)
        for field in Genre.model_fields
        if field not in _PARTED
    }
    made = Genre.model_validate(
        {
            **values,
            "name": genre.name,
            "description": genre.description,
            "layers": {name: _layer(spec, base) for name, spec in (genre.layers or base.layers).items()},
        }
    )
    _something_left(made)
    names = sorted(
        {name for structure, weight in made.structures.items() if weight > 0 for name in structure.split("-")}
    )
    return made.model_copy(
        update={
            "sections": {name: genre.sections.get(name) or _of(base.sections, name) for name in names},
            "section_bars": {name: genre.section_bars.get(name) or _of(base.section_bars, name) for name in names},
            "progressions": _progressions(genre, made, names, base),
            "patterns": _patterns(genre, made, names, base),
        }
    )


def _decides(genre: Genre, field: str) -> bool:
    return says(genre, field) or (field in _WITH and says(genre, _WITH[field]))


def _of(table: Mapping[str, Any], name: str) -> Any:
    return table[name] if name in table else table[_USUAL]


def _layer(spec: LayerSpec, base: Genre) -> LayerSpec:
    """Fill what a layer does not say with what is usual in its role: its rhythms only where it has no style of its own."""
    usual = next(layer for layer in base.layers.values() if layer.role == spec.role)
    fields = [field for field in ("programs", "tags", "key_range") if not says(spec, field)]
    if not says(spec, "style") and not says(spec, "rhythms"):
        fields += ["style", "rhythms"]
    return LayerSpec.model_validate({**spec.model_dump(), **{field: getattr(usual, field) for field in fields}})


def _something_left(genre: Genre) -> None:
    allowed = genre.chord_filter
    if allowed is not None and not any(genre.chord_types.get(kind, 0) for kind in allowed):
        raise PlanError(
            f"{genre.name}: `chord_filter` leaves nothing to draw: of {', '.join(allowed)} none has a weight in "
            "`chord_types`",
            hint="Give one of them a weight, or widen the filter",
        )


def _progressions(genre: Genre, made: Genre, names: list[str], base: Genre) -> Lines:
    """Give every section progressions for the modes of the genre's keys, but those for which the genre has a chain only."""
    filled: Lines = {name: list(genre.progressions.get(name, [])) for name in names}
    modes = {"minor" if key_mode(key) in MINOR_MODES else "major" for key, weight in made.keys.items() if weight > 0}
    for mode in sorted(modes):
        if (made.minor_chord_matrix if mode == "minor" else made.chord_matrix) is not None:
            continue
        for name, lines in filled.items():
            own = [line for others in genre.progressions.values() for line in others]
            if not _in_mode(lines, mode):
                lines += _unique(_in_mode(own, mode) or _in_mode(_of(base.progressions, name), mode))
    return {name: lines for name, lines in filled.items() if lines}


def _in_mode(lines: list[str], mode: str) -> list[str]:
    return [line for line in lines if progression_modes(line) == {mode}]


def _patterns(genre: Genre, made: Genre, names: list[str], base: Genre) -> dict[str, Lines]:
    """Give every meter that can be drawn patterns for every section and its last bar: the genre's, where it has any."""
    meters = [meter for meter, weight in sorted(made.meters.items()) if weight > 0]
    return {meter: _of_meter(genre.patterns.get(meter, {}), names, base.patterns[meter]) for meter in meters}


def _of_meter(own: Mapping[str, list[str]], names: list[str], usual: Lines) -> Lines:
    layers = {key: lines for key, lines in own.items() if "/" in key}
    table: Lines = {}
    for end in ("", _ROLL):
        others = _unique(
            [
                line
                for key, lines in own.items()
                if key.endswith(_ROLL) == bool(end) and "/" not in key
                for line in lines
            ]
        )
        for name in names:
            table[name + end] = own.get(name + end) or others or _of_with(usual, name, end)
    return {**table, **layers}


def _of_with(usual: Lines, name: str, end: str) -> list[str]:
    return usual[name + end] if name + end in usual else usual[_USUAL + end]


def _unique(lines: list[str]) -> list[str]:
    return list(dict.fromkeys(lines))
