"""Mixes by one word: the farm's own presets and files with keys of `mix`, put into a plan in place of their names."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from farm.planning.yamlfile import read_keys
from schemas.errors import PlanError
from schemas.mixplan import MixPlan
from schemas.roles import OtherMixPlan

_PRESETS: Final = Path(__file__).resolve().parents[1] / "_presets" / "mixes"
_SUFFIXES: Final = frozenset({".yaml", ".yml"})
_HINT: Final = "A mix has keys of `mix` in a plan, such as `roles`"
#: What a preset may say of a song's own mix, and of another.
_OWN_KEYS: Final = frozenset(MixPlan.model_fields) - {"preset", "others"}
_OTHER_KEYS: Final = frozenset(OtherMixPlan.model_fields) - {"preset", "name"}
#: What a song's own mix alone can have; presets that say it serve other mixes without it.
_OWN_ONLY: Final = frozenset({"loudness_lufs", "room"})
#: The mix of composed songs where the plan names none.
COMPOSED_MIX: Final = "composed"


def mix_names() -> list[str]:
    """Return the names of the farm's own mixes, sorted."""
    return sorted(path.stem for path in _PRESETS.glob("*.yaml"))


def read_mix(word: str, folder: Path | None = None, *, keys: frozenset[str] = _OWN_KEYS) -> dict[str, Any]:
    """Return the keys of one of the farm's mixes, or of a mix in a file.

    Args:
        word: a name, or a path that ends in .yaml or holds a slash.
        folder: what a relative path is relative to; left out, the working folder.
        keys: that a mix may have here.

    Raises:
        PlanError: there is no such mix, or it has other keys.
    """
    path = _find(word, folder)
    values = read_keys(path, "mix", hint=_HINT)
    unknown = sorted(set(map(str, values)) - keys)
    if unknown:
        raise PlanError(
            f"the mix {path} has the key `{unknown[0]}`", hint=f"It may have {', '.join(sorted(keys))} here"
        )
    return values


def with_mixes(values: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """Return the values of a plan with what its presets of mixes say in place of their names; the plan's own words win.

    Raises:
        PlanError: as `read_mix`.
    """
    mix = values.get("mix") or {}
    if not isinstance(mix, Mapping):
        return dict(values)
    mix = {**_usual(values), **mix} if _wants_usual(values, mix) else _filled(mix, folder, _OWN_KEYS)
    if not mix and "mix" not in values:
        return dict(values)
    if isinstance(mix.get("others"), list):
        others = [
            _filled(other, folder, _OTHER_KEYS | _OWN_ONLY) if isinstance(other, Mapping) else other
            for other in mix["others"]
        ]
        mix = {**mix, "others": others}
    return {**values, "mix": mix}


def _wants_usual(values: Mapping[str, Any], mix: Mapping[str, Any]) -> bool:
    """Whether a plan composes songs, has them played, and leaves it to the farm how they are mixed."""
    output = values.get("output")
    is_played = not isinstance(output, Mapping) or output.get("parts") != "midi"
    return values.get("compose") is not None and is_played and "preset" not in mix and mix.get("made_of") != "song"


def _usual(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the usual mix of composed songs; in mono nothing has a place."""
    usual = read_mix(COMPOSED_MIX)
    output = values.get("output")
    if isinstance(output, Mapping) and output.get("channels") == 1:
        usual["roles"] = [{key: value for key, value in role.items() if key != "pan"} for role in usual["roles"]]
    return usual


def _filled(mix: Mapping[str, Any], folder: Path | None, keys: frozenset[str]) -> dict[str, Any]:
    preset = mix.get("preset")
    if not isinstance(preset, str):
        return dict(mix)
    own = {key: value for key, value in mix.items() if key != "preset"}
    read = read_mix(preset, folder, keys=keys)
    return {**(read if keys == _OWN_KEYS else _for_another(read)), **own}


def _for_another(mix: Mapping[str, Any]) -> dict[str, Any]:
    """Return what another mix, which is made of the same stems, can have of a preset: no effects, no limiter."""
    found = {key: value for key, value in mix.items() if key not in _OWN_ONLY}
    if isinstance(found.get("roles"), list):
        found["roles"] = [
            {key: value for key, value in role.items() if key != "effects"} if isinstance(role, Mapping) else role
            for role in found["roles"]
        ]
    return found


def _find(word: str, folder: Path | None) -> Path:
    if "/" in word or Path(word).suffix.lower() in _SUFFIXES:
        return (folder or Path.cwd()) / Path(word).expanduser()
    path = _PRESETS / f"{word}.yaml"
    if path.is_file():
        return path
    close = difflib.get_close_matches(word, mix_names(), n=1, cutoff=0.5)
    hint = f"Did you mean `{close[0]}`?" if close else f"The farm's own are {', '.join(mix_names())}."
    raise PlanError(f"there is no mix `{word}`", hint=f"{hint} A file ends in .yaml")
