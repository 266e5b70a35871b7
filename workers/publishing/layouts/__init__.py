"""Layouts: how a dataset's folders look; one file per layout."""

from __future__ import annotations

from schemas.errors import PlanError
from workers.publishing.layouts.base import Layout
from workers.publishing.layouts.musicgen import MusicgenLayout
from workers.publishing.layouts.slakh import SlakhLayout

LAYOUTS: dict[str, type[Layout]] = {layout.name: layout for layout in (SlakhLayout, MusicgenLayout)}


def layout_named(name: str) -> Layout:
    """Return the layout that a plan names.

    Raises:
        PlanError: there is none of that name.
    """
    if name not in LAYOUTS:
        raise PlanError(f"no layout `{name}`", hint=f"Choose one of {', '.join(sorted(LAYOUTS))}")
    return LAYOUTS[name]()
