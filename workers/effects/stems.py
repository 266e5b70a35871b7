"""The stems of a song after their effects: files beside the song that is mixed, gone when that is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from schemas.effects import ChosenEffect
from schemas.plan import DatasetPlan
from schemas.roles import StemKind, effects_of
from workers.audio.stemfile import StemReader
from workers.effects.client import EffectsProcess, warm_effects
from workers.mixing.stems import StemInput


def through_effects(
    stems: Sequence[StemInput],
    plan: DatasetPlan,
    kinds: Mapping[str, StemKind],
    song_hash: str,
    stack: ExitStack,
    *,
    near: Path,
    genre: str = "",
) -> list[StemInput]:
    """Return the stems as they come out of the effects of their roles and of the room; others as they are.

    Args:
        stems: raw.
        plan: with the effects.
        kinds: of the stems, by name.
        song_hash: of the song.
        stack: closes and removes what is opened here.
        near: a folder; what is written goes beside it.
        genre: of a composed song.

    Raises:
        EngineError: an effect cannot be loaded, crashed or hung.
        DiskFullError, StoreError: a file cannot be written.
    """
    factors = {} if plan.compose is None else plan.compose.effect_factors(genre)
    chains = {
        stem.name: effects_of(
            plan.mix.roles, plan.mix.room, kinds[stem.name],
            seed=plan.seed, song_hash=song_hash, stem=stem.name, factors=factors,
        )
        for stem in stems
    }  # fmt: skip
    if not any(chains.values()):
        return list(stems)
    folder = Path(stack.enter_context(TemporaryDirectory(prefix=".effects-", dir=near.parent)))
    found = []
    for stem in stems:
        chain = chains[stem.name]
        if not chain or stem.measured.loudness_lufs is None:
            found.append(stem)  # silence stays silence
        elif any(chosen.effect.plugin for chosen in chain):
            with EffectsProcess() as own:  # nothing was ever loaded in it
                found.append(_through(own, stem, chain, folder, plan, stack))
        else:
            found.append(_through(warm_effects(), stem, chain, folder, plan, stack))
    return found


def _through(
    host: EffectsProcess,
    stem: StemInput,
    chain: Sequence[ChosenEffect],
    folder: Path,
    plan: DatasetPlan,
    stack: ExitStack,
) -> StemInput:
    made = host.process(
        stem.reader.path, folder / f"{stem.name}.stem", chain,
        duration_s=stem.reader.frames / stem.reader.rate_hz, tail_max_s=plan.tail_max_s,
    )  # fmt: skip
    reader = stack.enter_context(StemReader(made.path))
    applied = tuple(chosen.applied for chosen in chain)
    return stem._replace(reader=reader, measured=made.measured, effects=applied)
