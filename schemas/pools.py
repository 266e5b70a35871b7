"""Pools of soundfonts: which of them may play which layer of a composed song."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from schemas.instruments import PatchChoice

#: The pool of every layer that has none of its own.
EVERY_LAYER: Final = "*"


class SoundfontChoice(PatchChoice):
    """One soundfont of a pool; bank and program left out, it plays the part's own."""

    #: Name of a known soundfont or path of a soundfont.
    soundfont: Annotated[str, Field(min_length=1)]
    #: Words that genres ask for.
    tags: list[str] = []
    #: Roles of layers that it is for; left out, all of them.
    layers: list[Literal["beat", "melody", "harmony", "bassline"]] = []


#: A pool by the name of its layer. What a plan says in words is read into choices.
Pools = dict[str, list[SoundfontChoice | str]]


def checked_pools(pools: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Check that every pool has something in it, and nothing twice.

    Raises:
        ValueError: one is empty, or has a name twice.
    """
    for layer, pool in pools.items():
        if not pool:
            raise ValueError(f"the pool of {layer} is empty; leave it out to have the plan's soundfont play")
        names = [choice if isinstance(choice, str) else choice.name for choice in pool]
        again = sorted({name for name in names if names.count(name) > 1})
        if again:
            raise ValueError(f"the pool of {layer} has {again[0]} twice")
    return pools


def pool_for(pools: Pools, layer: str, *, role: str, tags: Collection[str]) -> list[SoundfontChoice] | None:
    """Return the soundfonts that may play a layer; None where it has no pool.

    A layer's own pool is taken as it stands. Of the pool of every layer count those for the layer's role, and of these,
    where there are any, those with one of the tags that its genre asks for.

    Args:
        pools: of a plan that was read.
        layer: its name.
        role: of the layer in its genre.
        tags: of the layer in its genre.
    """
    if layer in pools:
        return _read(pools[layer])
    if EVERY_LAYER not in pools:
        return None
    fitting = [choice for choice in _read(pools[EVERY_LAYER]) if not choice.layers or role in choice.layers]
    return [choice for choice in fitting if set(choice.tags) & set(tags)] or fitting


def _read(pool: list[SoundfontChoice | str]) -> list[SoundfontChoice]:
    return [choice for choice in pool if isinstance(choice, SoundfontChoice)]
