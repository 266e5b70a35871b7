"""Whose work a dataset holds, and whether the plan's licences allow it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from schemas.assets import UNKNOWN, Credit
from schemas.errors import LicenceError
from schemas.genre import Genre
from schemas.patch import EngineFacts
from schemas.plan import DatasetPlan
from schemas.pools import EVERY_LAYER, SoundfontChoice
from schemas.words import counted

_MIDI_ONLY = "midi"


class Heard(NamedTuple):
    """Something that may be heard in a dataset, and under which licence."""

    what: str
    name: str
    licence: str


def check_facts(plan: DatasetPlan, facts: EngineFacts) -> None:
    """See to it that the licences of all that a plan may play are allowed.

    Raises:
        LicenceError: one is not; all of them are named.
    """
    check_heard(plan, [*of_the_music(plan), *of_the_sound(plan, facts)])


def check_heard(plan: DatasetPlan, heard: list[Heard]) -> None:
    """See to it that the licences of some things are allowed.

    Raises:
        LicenceError: one is not; all of them are named.
    """
    forbidden = list(dict.fromkeys(item for item in heard if not plan.licences.allows(item.licence)))
    if not forbidden:
        return
    said = "; ".join(f"{item.what} {item.name} is under {_words(item.licence)}" for item in forbidden)
    rule = " and ".join(
        f"{key}s {', '.join(patterns)}"
        for key, patterns in (("allow", plan.licences.allow), ("deny", plan.licences.deny))
        if patterns
    ).replace("denys", "denies")
    raise LicenceError(
        f"`licences` of the plan {rule}, and {said}",
        hint="Let the plan name others, or change its `licences`; `farm assets` lists the licences of what is known",
    )


def _words(licence: str) -> str:
    return "no licence that is known" if licence in ("", UNKNOWN) else licence


def of_the_music(plan: DatasetPlan) -> list[Heard]:
    """Return the corpus that a plan reads, if it reads any: of a source that is none, nobody said a licence."""
    if plan.compose is not None:
        return []
    if plan.corpus is None:
        return [Heard("the MIDI of", plan.source, UNKNOWN)]
    return [Heard("the corpus", plan.corpus.name, plan.corpus.licence)]


def of_the_sound(plan: DatasetPlan, facts: EngineFacts) -> list[Heard]:
    """Return every soundfont and patch that may play a stem, each with the licence that the plan or the file gives it."""
    if plan.output.parts == _MIDI_ONLY:
        return []
    main = facts.soundfont
    own = [Heard("the soundfont", main.name, main.licence)] if plays_its_own(plan) else []
    return [*own, *_of_the_map(plan, facts), *_of_the_pools(plan, facts), *of_the_recordings(plan)]


def plays_its_own(plan: DatasetPlan) -> bool:
    """Whether any part may be played on the plan's own soundfont."""
    if plan.mix.made_of == "song":
        return True
    if plan.pools and _pooled(plan):
        return False
    made = plan.instruments.loaded
    choices = [] if made is None else [choice for group in made.groups for choice in group.patches]
    return made is None or any(choice.soundfont is None and choice.patch is None for choice in choices)


def _pooled(plan: DatasetPlan) -> bool:
    """Whether every layer of every genre has a pool."""
    genres = [] if plan.compose is None else [genre for genre in plan.compose.genres if isinstance(genre, Genre)]
    layers = {layer for genre in genres for layer in genre.layers}
    return EVERY_LAYER in plan.pools or (bool(layers) and layers <= set(plan.pools))


def _of_the_map(plan: DatasetPlan, facts: EngineFacts) -> Iterator[Heard]:
    made = plan.instruments.loaded
    for group in [] if made is None else made.groups:
        for choice in group.patches:
            file = choice.file
            if file is not None and file.name in facts.patches:
                licence = facts.patches[file.name].asset.licence
            elif choice.soundfont is not None and choice.soundfont in facts.soundfonts:
                licence = facts.soundfonts[choice.soundfont].licence
            else:
                licence = facts.soundfont.licence
            yield Heard("the patch", f"{choice.name} of the group {group.name}", choice.licence or licence)


def _of_the_pools(plan: DatasetPlan, facts: EngineFacts) -> Iterator[Heard]:
    for layer, pool in plan.pools.items():
        for choice in [choice for choice in pool if isinstance(choice, SoundfontChoice)]:
            font = facts.soundfonts.get(choice.soundfont)
            licence = choice.licence or (UNKNOWN if font is None else font.licence)
            name = choice.name if layer == EVERY_LAYER else f"{choice.name} for {layer}"
            yield Heard("the soundfont", name, licence)


def of_the_recordings(plan: DatasetPlan) -> Iterator[Heard]:
    """Yield every recording of the plan's library."""
    library = None if plan.compose is None else plan.compose.sample_library
    for sample in [] if library is None else library.samples:
        yield Heard("the recording", sample.name, sample.licence)


def _recordings(plan: DatasetPlan) -> list[Credit]:
    """Return the recordings of the plan's library, those of one licence and attribution together."""
    library = None if plan.compose is None else plan.compose.sample_library
    if library is None:
        return []
    said = Counter((sample.licence, sample.attribution) for sample in library.samples)
    return [
        Credit(
            kind="recording",
            name=f"{library.name} ({counted(count, 'recording')})",
            licence=licence,
            attribution=attribution,
        )
        for (licence, attribution), count in sorted(said.items())
    ]


def credits_of(plan: DatasetPlan, facts: EngineFacts | None) -> list[Credit]:
    """Return whose work a dataset may hold: its music, then what may play it, by name."""
    music = [plan.corpus] if plan.corpus is not None else []
    if facts is None or plan.output.parts == _MIDI_ONLY:
        return music
    used = [facts.soundfont] if plays_its_own(plan) else []
    fonts = {font.sha256: font for font in [*used, *facts.soundfonts.values()]}
    known = {credit.sha256: credit for credit in facts.credits}
    made = [
        known.get(sha256) or Credit(kind="soundfont", name=font.name, licence=font.licence, sha256=sha256)
        for sha256, font in fonts.items()
    ]
    instruments = [
        Credit(kind="patch", name=name, licence=use.licence, sha256=use.sha256) for name, use in facts.uses.items()
    ]
    return [*music, *sorted(made, key=lambda credit: (credit.name, credit.sha256)), *instruments, *_recordings(plan)]
