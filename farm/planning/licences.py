"""What a plan says by name is checked against its licences before anything is begun; the rest, when the files were seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from farm.config import Settings
from schemas.assets import Registry
from schemas.permits import Heard, check_heard, of_the_music, of_the_recordings
from schemas.plan import DatasetPlan
from schemas.pools import EVERY_LAYER, SoundfontChoice
from schemas.registry import known_soundfont, read_registry


def check_named(plan: DatasetPlan) -> None:
    """See to it that the licences of the music, and of the sounds whose licences the registries know, are allowed.

    Raises:
        LicenceError: one is not; all of them are named.
    """
    sounds = [] if plan.output.parts == "midi" else [*_sounds(plan), *of_the_recordings(plan)]
    check_heard(plan, [*of_the_music(plan), *sounds])


def _sounds(plan: DatasetPlan) -> Iterator[Heard]:
    registry = read_registry(Settings().asset_folder)
    made = plan.instruments.loaded
    mapped = [] if made is None else [(choice, group.name) for group in made.groups for choice in group.patches]
    for choice, group in mapped:
        licence = choice.licence or _licence(registry, choice.soundfont)
        if licence is not None:
            yield Heard("the patch", f"{choice.name} of the group {group}", licence)
    for layer, pool in plan.pools.items():
        for font in [choice for choice in pool if isinstance(choice, SoundfontChoice)]:
            licence = font.licence or _licence(registry, font.soundfont)
            if licence is not None:
                yield Heard("the soundfont", font.name if layer == EVERY_LAYER else f"{font.name} for {layer}", licence)


def _licence(registry: Registry, word: str | None) -> str | None:
    """Return the licence of a known soundfont; None of one that is known by its content at best."""
    if word is None:
        return None
    named = registry.named(word)
    found = named if named is not None and named.kind == "soundfont" else known_soundfont(registry, Path(word).name)
    return None if found is None else found.licence
