"""Several genres made into one: ranges are cut to what all allow, weights are averaged, lists are united."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from farm.planning.genrefill import says
from schemas.errors import PlanError
from schemas.genre import OCTAVE, Genre, LayerSpec, Matrix

Weights = Mapping[Any, float]

#: Values of which each genre has a lowest and a highest, and what a person is told where nothing is common.
_RANGES: Final = {"tempo_bpm": "no tempo", "swing": "no swing", "velocity": "no velocity"}
#: Weights that are shares of one another.
_SHARES: Final = ("tempos", "swings", "meters", "keys", "chord_types", "inversions", "harmonic_rhythm", "structures")
#: Numbers that are averaged as they are.
_NUMBERS: Final = ("meter_change", "chain", "rests", "humanise_ms", "variation")
_MATRICES: Final = ("chord_matrix", "minor_chord_matrix", "melody_matrix")
#: Signs between the names of merged genres.
JOINT: Final = "+"


def merge(genres: Sequence[Genre]) -> Genre:
    """Return one genre that is all of some at once; what a genre does not say, it leaves to the others.

    * Ranges (tempo, swing, velocity, the keys of a layer) are cut to what all of them allow.
    * Weights are made shares of one, and averaged. Probabilities and factors are averaged over those who name them, so
      that they do not shrink. Chains are averaged row by row.
    * Filters of chord types are united where all have one; else there is none. Layers, tags, rhythms, progressions and
      patterns are united. A layer that several have is played in the style of the first.

    Raises:
        PlanError: nothing is left of a range, or a layer has two roles; both genres are named, and what they say.
    """
    if len(genres) == 1:
        return genres[0]
    values: dict[str, Any] = {
        field: _common(genres, field, what) for field, what in _RANGES.items() if _who(genres, field)
    }
    values |= {field: _shares([getattr(g, field) for g in said]) for field in _SHARES if (said := _who(genres, field))}
    values |= {field: _mean([getattr(g, field) for g in said]) for field in _NUMBERS if (said := _who(genres, field))}
    values |= {
        field: _matrix([getattr(g, field) for g in said]) for field in _MATRICES if (said := _who(genres, field))
    }
    values |= {
        "dynamics": _means([genre.dynamics for genre in genres]),
        "effects": _means([genre.effects for genre in genres]),
        "sections": _by_name([genre.sections for genre in genres], _means),
        "section_bars": _by_name([genre.section_bars for genre in genres], _shares),
        "progressions": _by_name([genre.progressions for genre in genres], _united),
        "patterns": _by_name([genre.patterns for genre in genres], lambda tables: _by_name(tables, _united)),
        "layers": _layers(genres),
    }
    if all(says(genre, "chord_filter") for genre in genres):
        values["chord_filter"] = _united([genre.chord_filter or [] for genre in genres])
    name, about = (
        JOINT.join(genre.name for genre in genres),
        " + ".join(genre.description or genre.name for genre in genres),
    )
    return Genre.model_validate({"name": name, "description": about, **values})


def _who(genres: Sequence[Genre], field: str) -> list[Genre]:
    return [genre for genre in genres if says(genre, field)]


def _common(genres: Sequence[Genre], field: str, what: str) -> tuple[float, float]:
    """Return the part of a range that all genres share."""
    said = [(genre.name, getattr(genre, field)) for genre in _who(genres, field)]
    return _cut(said, what, 0)


def _cut(said: Sequence[tuple[str, tuple[float, float]]], what: str, least: float) -> tuple[float, float]:
    lowest, highest = max(said, key=lambda one: one[1][0]), min(said, key=lambda one: one[1][1])
    if highest[1][1] - lowest[1][0] < least:
        (high_name, high), (low_name, low) = lowest, highest
        raise PlanError(
            f"{low_name} and {high_name} cannot be merged: they have {what} in common "
            f"({low_name} {low[0]:g} to {low[1]:g}, {high_name} {high[0]:g} to {high[1]:g})",
            hint="Give each song one of them (`together: false`), or widen a range in a genre of your own: `farm genres new`",
        )
    return lowest[1][0], highest[1][1]


def _shares(tables: Sequence[Weights]) -> dict[Any, float]:
    """Return the mean of weights, each table brought to a sum of 1; what a table does not name has no weight in it."""
    totals = [sum(table.values()) for table in tables]
    keys = {key for table in tables for key in table}
    return {
        key: round(
            sum(table.get(key, 0.0) / total for table, total in zip(tables, totals, strict=True)) / len(tables), 6
        )
        for key in sorted(keys, key=str)
    }


def _mean(numbers: Sequence[float]) -> float:
    return round(sum(numbers) / len(numbers), 6)


def _means(tables: Sequence[Weights]) -> dict[Any, float]:
    """Return the mean of what the tables name, over those that name it."""
    keys = sorted({key for table in tables for key in table}, key=str)
    return {key: _mean([table[key] for table in tables if key in table]) for key in keys}


def _united(lists: Sequence[Sequence[Any]]) -> list[Any]:
    return list(dict.fromkeys(item for items in lists for item in items))


def _by_name(tables: Sequence[Mapping[str, Any]], merged: Callable[[list[Any]], Any]) -> dict[str, Any]:
    """Merge table by table what stands under one name."""
    names = sorted({name for table in tables for name in table})
    return {name: merged([table[name] for table in tables if name in table]) for name in names}


def _matrix(matrices: Sequence[Matrix]) -> Matrix:
    """Return the mean of chains: of each row over those that have it."""
    return Matrix(
        order=max(matrix.order for matrix in matrices),
        init_probs=_shares([matrix.init_probs for matrix in matrices]),
        transitions=_by_name([_rows(matrix) for matrix in matrices], _shares),
    )


def _rows(matrix: Matrix) -> dict[str, dict[str, float]]:
    return {key: row for key, row in matrix.transitions.items() if any(row.values())}


def _layers(genres: Sequence[Genre]) -> dict[str, LayerSpec]:
    names = list(dict.fromkeys(name for genre in genres for name in genre.layers))
    return {
        name: _layer(name, [(genre.name, genre.layers[name]) for genre in genres if name in genre.layers])
        for name in names
    }


def _layer(name: str, specs: Sequence[tuple[str, LayerSpec]]) -> LayerSpec:
    first, spec = specs[0]
    other = next((one for one in specs if one[1].role != spec.role), None)
    if other is not None:
        raise PlanError(
            f"{first} and {other[0]} cannot be merged: {name} is a {spec.role} layer in {first} and a {other[1].role} layer "
            f"in {other[0]}",
            hint="Give the layer another name in one of them",
        )
    values: dict[str, Any] = {"role": spec.role, "probability": _mean([one.probability for _, one in specs])}
    ranges = [(genre, one.key_range) for genre, one in specs if one.key_range is not None]
    programs = [one.programs for _, one in specs if says(one, "programs")]
    values |= {"key_range": _cut(ranges, f"less than an octave of `{name}`", OCTAVE - 1)} if ranges else {}
    values |= {"programs": _shares(programs)} if programs else {}
    values |= {field: _united([getattr(one, field) for _, one in specs]) for field in ("tags", "rhythms")}
    values["style"] = next((one.style for _, one in specs if one.style), "")
    return LayerSpec.model_validate(values)
