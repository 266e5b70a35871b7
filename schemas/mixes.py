"""What `metadata.yaml` says of roles and of a song's other mixes."""

from __future__ import annotations

from typing import Any

from schemas.annotation import SongAnnotation


def mixes_block(annotation: SongAnnotation) -> dict[str, Any]:
    """Return the entries of our own block about roles and other mixes: stem -> gain and pan, name -> mix; empty without."""
    roles = {
        stem.name: {"gain_db": stem.role_gain_db, "pan": stem.pan, "balance": _list(stem.balance)}
        for stem in annotation.stems
        if stem.role_gain_db or stem.pan
    }
    mixes = {
        mix.name: {
            **mix.model_dump(mode="json", exclude={"name", "stems"}),
            "stems": {stem.name: stem.model_dump(mode="json", exclude={"name"}) for stem in mix.stems},
        }
        for mix in annotation.mixes
    }
    return {**({"roles": roles} if roles else {}), **({"mixes": mixes} if mixes else {})}


def _list(values: tuple[float, float] | None) -> list[float] | None:
    return None if values is None else list(values)
