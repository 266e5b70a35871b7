"""What a song was made of, as one hash of all data and one of every file that sounds in it."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.annotation import StemAnnotation
from schemas.base import content_hash
from schemas.instruments import InstrumentMap
from schemas.plan import DatasetPlan


def data_hash(plan: DatasetPlan) -> str:
    """Return the SHA-256 of the data files that a plan has read, as they stand in it.

    These are genres with their patterns and matrices, pools of soundfonts and libraries of recordings, the instrument map,
    presets of mixes with their effects, and recipes of submixes. Where they lie on this machine does not count, nor do the
    numbers of the songs that are composed: each is the same in any range.
    """
    compose = None if plan.compose is None else plan.compose.portable()
    instruments = plan.instruments.map
    return content_hash(
        {
            "compose": None if compose is None else compose.model_dump(mode="json", exclude={"first", "count"}),
            "layer_order": [] if compose is None else compose.layer_order,
            "instruments": instruments.hashed if isinstance(instruments, InstrumentMap) else instruments,
            "mix": plan.mix.model_dump(mode="json"),
            "submixes": [recipe.model_dump(mode="json") for recipe in plan.output.submixes],
        }
    )


def assets_of(stems: Iterable[StemAnnotation]) -> dict[str, str]:
    """Return every file that sounds in some stems: its SHA-256 -> kind and name, such as `soundfont TimGM6mb`.

    Kinds are `soundfont`, `plugin` (also a source in Faust), `recording` and `effect`.
    """
    found: dict[str, str] = {}
    for stem in stems:
        if not stem.is_played:
            continue
        if stem.sample is not None:
            found[stem.sample.sha256] = f"recording {stem.sample.name}"
        found |= {effect.sha256: f"effect {effect.effect}" for effect in stem.effects}
        found |= {stem.soundfont_sha256: f"soundfont {stem.soundfont}", stem.plugin_sha256: f"plugin {stem.plugin}"}
    return {sha256: found[sha256] for sha256 in sorted(found) if sha256}
