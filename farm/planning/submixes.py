"""Recipes of submixes: files in Slakh's form, the farm's own by name, or written out in a plan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from farm.planning.yamlfile import read_keys
from schemas.errors import PlanError
from schemas.submix import SubmixRecipe

#: The farm's own recipes.
PRESETS: Final = Path(__file__).resolve().parents[1] / "_presets" / "submixes"
_HINT: Final = "A recipe has `Mixing key: program_num` and `Recipes:` with a list of values for each group"


def known_recipes() -> list[str]:
    """Return the names of the farm's own recipes."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def read_recipe(which: str, folder: Path | None = None) -> SubmixRecipe:
    """Return the recipe of a name or of a file; a path is relative to `folder`, else to the working folder.

    Raises:
        PlanError: there is none; or it is no YAML, of another form, or contradicts itself. The message says what is wrong.
    """
    own = PRESETS / f"{which}.yaml"
    path = own if which in known_recipes() else (folder or Path()) / Path(which).expanduser()
    if not path.exists():
        hint = f"Name a recipe file, or one of {', '.join(known_recipes())}"
        raise PlanError(f"there is no recipe {which}", hint=hint)
    document = read_keys(path, "recipe", hint=_HINT)
    try:
        return SubmixRecipe.model_validate({**document, "name": path.stem})
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise PlanError(f"the recipe {path}: {message}", hint=_HINT) from error


def with_recipes(values: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """Return the values of a plan with its recipes read: names and paths become what is in the files.

    Raises:
        PlanError: as `read_recipe`.
    """
    output = values.get("output")
    listed = output.get("submixes") if isinstance(output, dict) else None
    if not isinstance(output, dict) or not isinstance(listed, list):
        return dict(values)
    recipes = [read_recipe(item, folder).model_dump() if isinstance(item, str) else item for item in listed]
    return {**values, "output": {**output, "submixes": recipes}}
