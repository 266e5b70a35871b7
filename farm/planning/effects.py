"""Effects by one word: the farm's own and sources in files, put into a plan in place of their names."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from schemas.errors import PlanError

_PRESETS: Final = Path(__file__).resolve().parents[1] / "_presets" / "patches" / "faust" / "effects"
_SUFFIX: Final = ".dsp"


def effect_names() -> list[str]:
    """Return the names of the farm's own effects, sorted."""
    return sorted(path.stem for path in _PRESETS.glob(f"*{_SUFFIX}"))


def with_effects(values: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """Return the values of a plan with the Faust sources of its effects beside their names.

    So a plan that has been read says all of what it makes, on every host and whatever becomes of the files.

    Raises:
        PlanError: there is no effect of that name, or its file cannot be read.
    """
    mix = values.get("mix")
    if not isinstance(mix, Mapping):
        return dict(values)
    mix = dict(mix)
    if isinstance(mix.get("room"), list):
        mix["room"] = [_read(effect, folder) for effect in mix["room"]]
    if isinstance(mix.get("roles"), list):
        mix["roles"] = [_role(role, folder) for role in mix["roles"]]
    return {**values, "mix": mix}


def _role(role: Any, folder: Path | None) -> Any:
    if not isinstance(role, Mapping) or not isinstance(role.get("effects"), list):
        return role
    return {**role, "effects": [_read(effect, folder) for effect in role["effects"]]}


def _read(effect: Any, folder: Path | None) -> Any:
    """Put the source of an effect in; one word stands for an effect with its defaults."""
    values = {"effect": effect} if isinstance(effect, str) else effect
    if not isinstance(values, Mapping) or not isinstance(values.get("effect"), str):
        return effect
    if values.get("plugin") is not None or values.get("source") is not None:
        return dict(values)
    path = _find(values["effect"], folder)
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"the effect {path} cannot be read: {error}", hint="Name a Faust source (.dsp)") from error
    return {**values, "effect": path.stem, "source": source}


def _find(word: str, folder: Path | None) -> Path:
    if "/" in word or Path(word).suffix == _SUFFIX:
        return (folder or Path.cwd()) / Path(word).expanduser()
    path = _PRESETS / f"{word}{_SUFFIX}"
    if path.is_file():
        return path
    close = difflib.get_close_matches(word, effect_names(), n=1, cutoff=0.5)
    hint = f"Did you mean `{close[0]}`?" if close else f"The farm's own are {', '.join(effect_names())}."
    raise PlanError(f"there is no effect `{word}`", hint=f"{hint} A file ends in {_SUFFIX}; a plug-in needs `plugin`")
