"""The stems of a song after their effects: files beside the song that is mixed, gone when that is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory

from schemas.effects import ChosenEffect
from schemas.plan import DatasetPlan
from schemas.roles import StemKind, effects_of
from workers.audio.stemfile import StemReader
from workers.effects.client import EffectsProcess, Processed, warm_effects
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
    threads: int = 1,
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
        threads: as many stems go through effects at a time, each in a process of its own.

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
    sent = [stem for stem in stems if chains[stem.name] and stem.measured.loudness_lufs is not None]
    hosts: Queue[EffectsProcess] = Queue()
    for host in warm_effects(min(threads, len(sent))):
        hosts.put(host)

    def through(stem: StemInput) -> Processed:
        chain = chains[stem.name]
        if any(chosen.effect.plugin for chosen in chain):
            with EffectsProcess() as own:  # nothing was ever loaded in it
                return _through(own, stem, chain, folder, plan)
        host = hosts.get()
        try:
            return _through(host, stem, chain, folder, plan)
        finally:
            hosts.put(host)

    with ThreadPoolExecutor(max(1, threads)) as pool:
        made = dict(zip((stem.name for stem in sent), pool.map(through, sent), strict=True))
    return [  # silence stays silence
        stem if stem.name not in made else _after(stem, made[stem.name], chains[stem.name], stack) for stem in stems
    ]


def _after(stem: StemInput, made: Processed, chain: Sequence[ChosenEffect], stack: ExitStack) -> StemInput:
    reader = stack.enter_context(StemReader(made.path))
    applied = tuple(chosen.applied.model_copy(update={"processor": made.processor}) for chosen in chain)
    return stem._replace(reader=reader, measured=made.measured, effects=applied)


def _through(
    host: EffectsProcess,
    stem: StemInput,
    chain: Sequence[ChosenEffect],
    folder: Path,
    plan: DatasetPlan,
) -> Processed:
    return host.process(
        stem.reader.path, folder / f"{stem.name}.stem", chain,
        duration_s=stem.reader.frames / stem.reader.rate_hz, tail_max_s=plan.tail_max_s,
    )  # fmt: skip
