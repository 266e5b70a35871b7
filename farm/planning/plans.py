"""Read a plan from YAML and flags; every mistake names the file, the key and the value, and the nearest known key."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from farm.planning.bands import with_band
from farm.planning.effects import with_effects
from farm.planning.instruments import inlined
from farm.planning.mixes import with_mixes
from farm.planning.submixes import with_recipes
from farm.planning.yamlfile import read_keys
from schemas.errors import PlanError
from schemas.plan import DatasetPlan
from schemas.splits import ORIGINAL

#: Values that are words, where others are paths.
_WORDS: Final = ((("splits", "file"), ORIGINAL),)

PLAN_SUFFIXES = frozenset({".yaml", ".yml"})


def is_plan(path: Path) -> bool:
    """Whether `path` looks like a plan file."""
    return path.suffix.lower() in PLAN_SUFFIXES


def load_plan(
    path: Path, overrides: Mapping[str, Any] | None = None, *, base: Mapping[str, Any] | None = None
) -> DatasetPlan:
    """Read the plan at `path`; `overrides` maps dotted keys (`output.bits`) to values that win over the file.

    `base` holds values of a plan that the file wins over, such as those of a preset.

    Paths in the plan are relative to the plan's own folder and come back absolute.

    Raises:
        PlanError: unreadable file, not YAML, unknown key, or a value out of range.
    """
    values = read_keys(path, "plan", hint="A plan is a YAML mapping such as `source: midi/`")
    for key in (("source",), ("engine", "soundfont"), ("splits", "file"), ("store", "url")):
        _absolute(values, key, path.resolve().parent)
    return build_plan(_over(base or {}, values), overrides, where=str(path), folder=path.resolve().parent)


def build_plan(
    values: Mapping[str, Any],
    overrides: Mapping[str, Any] | None = None,
    *,
    where: str = "command line",
    folder: Path | None = None,
) -> DatasetPlan:
    """Check `values` with `overrides` on top and return the plan.

    What it names by a name, or by a path relative to `folder`, is read: an instrument map, a band, recipes of
    submixes, presets of mixes.

    Raises:
        PlanError: with the file or `command line`, the dotted key, and the nearest known key.
    """
    merged = inlined(_merge(values, overrides or {}), folder, where=where)
    merged = with_recipes(with_band(merged, folder, where=where), folder)
    merged = with_effects(with_mixes(merged, folder), folder)
    try:
        return DatasetPlan.model_validate(merged)
    except ValidationError as error:
        raise _plan_error(error, where) from error


def _over(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with what only `base` has, group by group."""
    merged = copy.deepcopy(dict(base))
    for key, value in values.items():
        inner = merged.get(key)
        merged[key] = _over(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def _absolute(values: dict[str, Any], key: tuple[str, ...], folder: Path) -> None:
    *parents, leaf = key
    for name in parents:
        inner = values.get(name)
        if not isinstance(inner, dict):
            return
        values = inner
    if isinstance(values.get(leaf), str) and "://" not in values[leaf] and (key, values[leaf]) not in _WORDS:
        values[leaf] = str((folder / Path(values[leaf]).expanduser()).resolve())


def _merge(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = {key: dict(value) if isinstance(value, dict) else value for key, value in values.items()}
    for dotted, value in overrides.items():
        *parents, leaf = dotted.split(".")
        target = merged
        for name in parents:
            inner = target.setdefault(name, {})
            if not isinstance(inner, dict):
                raise PlanError(
                    f"{name}: {inner!r} is not a group of keys", hint=f"Write `{name}:` and indent its keys"
                )
            target = inner
        target[leaf] = value
    return merged


def _plan_error(error: ValidationError, where: str) -> PlanError:
    first = error.errors()[0]
    path = tuple(str(part) for part in first["loc"])
    key = ".".join(path) or "plan"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        return PlanError(f"{where}: unknown key `{key}`{more}", hint=_suggest(path))
    if first["type"] == "missing":
        return PlanError(f"{where}: the key `{key}` is missing{more}", hint="A plan needs at least `source:`")
    message = first["msg"].removeprefix("Value error, ")
    shown = first["input"]
    is_secret = path[:1] == ("store",) and "@" in str(shown)  # keys of a store, in a place where they do not belong
    value = "" if is_secret or isinstance(shown, dict | list) else f" is {shown!r}"
    return PlanError(f"{where}: `{key}`{value}: {message}{more}", hint="See docs/plan.md for every key and its range")


def _suggest(path: tuple[str, ...]) -> str:
    known = _keys_at(DatasetPlan, path[:-1])
    close = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.5)
    if close:
        return f"Did you mean `{'.'.join((*path[:-1], close[0]))}`?"
    everywhere = [dotted for dotted in _all_keys(DatasetPlan) if dotted.rsplit(".", 1)[-1] == path[-1]]
    if everywhere:
        return f"Did you mean `{everywhere[0]}`?"
    return f"Known keys here: {', '.join(sorted(known))}"


def _keys_at(model: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    for name in path:
        if name.isdigit():  # the place in a list
            continue
        field = model.model_fields.get(name)
        inner = None if field is None else _model_of(field.annotation) or _model_in_list(field.annotation)
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _all_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys = []
    for name, field in model.model_fields.items():
        keys.append(prefix + name)
        inner = _model_of(field.annotation)
        if inner is not None:
            keys.extend(_all_keys(inner, f"{prefix}{name}."))
    return keys


def _model_in_list(annotation: Any) -> type[BaseModel] | None:
    return next(filter(None, map(_model_of, get_args(annotation))), None) if get_origin(annotation) is list else None


def _model_of(annotation: Any) -> type[BaseModel] | None:
    if get_origin(annotation) in (Union, UnionType):
        return next((found for item in get_args(annotation) if (found := _model_of(item))), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
