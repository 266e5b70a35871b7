"""Genres of musicgen: its `spec.json` in the words of the farm's own genres."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemas.errors import PlanError
from schemas.genre import ROLES

#: The file in which musicgen keeps what a genre is.
SPEC: Final = "spec.json"
_SAME: Final = {
    "name": "name",
    "description": "description",
    "time_sig_weights": "meters",
    "scale_weights": "keys",
    "chord_type_weights": "chord_types",
    "inversion_weights": "inversions",
    "chord_type_hard_filter": "chord_filter",
    "fx_profile": "effects",
}
#: Lowest and highest of what musicgen has where its file does not say it.
_RANGES: Final = {"tempo_bpm": ("tempo_min", "tempo_max", 60, 240), "swing": ("swing_min", "swing_max", 0.5, 0.75)}


def from_spec(values: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """Return the values of a genre from those of a `spec.json`; keys that musicgen does not know are left out, as it does.

    Raises:
        PlanError: a group of keys is none.
    """
    made = {own: values[key] for key, own in _SAME.items() if values.get(key) not in (None, {}, [])}
    for own, (low, high, least, most) in _RANGES.items():
        if low in values or high in values:
            made[own] = [values.get(low, least), values.get(high, most)]
    structures = _group(values, "arrangement_weights", where)
    if structures:
        made["structures"] = {key.replace(",", "-").replace(" ", ""): weight for key, weight in structures.items()}
    layers = _layers(values, where)
    return {**made, "layers": layers} if layers else made


def _layers(values: Mapping[str, Any], where: str) -> dict[str, dict[str, Any]]:
    tags, chances = _group(values, "soundfont_tags", where), _group(values, "layer_probs", where)
    if not tags and not chances:
        return {}
    layers: dict[str, dict[str, Any]] = {role: {"role": role} for role in ROLES}
    for table, key in ((tags, "tags"), (chances, "probability")):
        for name, value in table.items():
            role = {"bass": "bassline"}.get(name, name)
            if role in layers:
                layers[role][key] = value
    return layers


def _group(values: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    found: Any = values.get(key) or {}
    if not isinstance(found, Mapping):
        raise PlanError(
            f"{where}: `{key}` is no group of keys", hint="Write it as musicgen does: names and their values"
        )
    return found
