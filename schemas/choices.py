"""Which patches may play a part: those of its layer's pool of soundfonts, else those of the instrument map."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from schemas.instruments import PatchChoice
from schemas.plan import DatasetPlan
from schemas.pools import SoundfontChoice
from schemas.song import Part


def pool_of(plan: DatasetPlan, part: Part, genre: str) -> list[SoundfontChoice] | None:
    """Return the pool of a part of a composed song, which is named as its layer is; None where it has none."""
    return None if plan.compose is None else plan.compose.pool(part.track_name, genre)


def choices_of(plan: DatasetPlan, part: Part, genre: str, keys: Collection[int]) -> Sequence[PatchChoice]:
    """Return the patches that may play a part and have the written `keys`; none where nothing is drawn (`is_drawn`)."""
    pool = pool_of(plan, part, genre)
    if pool is None:
        return plan.instruments.choices(part.map_program, keys)
    return [choice for choice in pool if choice.fits(keys, choice.rules if plan.instruments.rules else None)]


def is_drawn(plan: DatasetPlan, part: Part, genre: str) -> bool:
    """Whether the patch of a part is drawn; if not, it is a recording, or its own program of the plan's soundfont."""
    if part.sample is not None:
        return False
    return plan.instruments.loaded is not None or pool_of(plan, part, genre) is not None
