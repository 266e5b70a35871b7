"""Submixes of a song that is being mixed: which stems go into which file, and what was measured of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from schemas.submix import Submix, SubmixGroup, SubmixRecipe
from workers.mixing.gains import decibels
from workers.mixing.write import Group, MixFigures


class Partition(NamedTuple):
    """A recipe, and the stems of a song in its groups; the residuals are one of them."""

    recipe: SubmixRecipe
    groups: Mapping[str, Sequence[str]]  #: name of the group, as its file is called -> names of stems


def groups_of(submixes: Sequence[Partition], stems: Sequence[str], file_format: str) -> list[Group]:
    """Return the files of all groups of all recipes, in their order.

    Args:
        submixes: recipes with their stems; those that are not among `stems` have no audio and are left out.
        stems: names of the stems that are mixed.
        file_format: `flac` or `wav`.
    """
    return [
        Group(recipe.audio(group, file_format), [index for index, stem in enumerate(stems) if stem in set(members)])
        for recipe, groups in submixes
        for group, members in groups.items()
    ]


def submix_records(submixes: Sequence[Partition], figures: Sequence[MixFigures], file_format: str) -> list[Submix]:
    """Return what is known of the submixes, from what was measured of the files of `groups_of`."""
    measured = iter(figures)
    return [
        Submix(
            recipe=recipe.name,
            key=recipe.key,
            groups=[_group(recipe, group, members, next(measured), file_format) for group, members in groups.items()],
        )
        for recipe, groups in submixes
    ]


def _group(
    recipe: SubmixRecipe, group: str, members: Sequence[str], figures: MixFigures, file_format: str
) -> SubmixGroup:
    return SubmixGroup(
        name=group,
        audio=recipe.audio(group, file_format),
        stems=list(members),
        peak_dbfs=decibels(figures.peak),
        loudness_lufs=figures.loudness_lufs,
    )
