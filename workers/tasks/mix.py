"""Mix a rendered song into its staging folder."""

from __future__ import annotations

from contextlib import ExitStack

from farm.ledger import Ledger, SongWork, StemWork, TaskRef
from schemas.errors import StoreError
from schemas.machine import usable_cores
from schemas.states import FailureReason
from schemas.submix import SubmixRecipe
from workers.annotating.scored import FLOAT_MIX
from workers.annotating.song import kind_of, mixing_values_of
from workers.config import WorkerSettings
from workers.effects.stems import through_effects
from workers.mixing.mix import StemInput, mix_song, unrendered
from workers.mixing.others import orders_of, stands_of
from workers.mixing.submix import Partition
from workers.store import Store, open_store
from workers.tasks.staging import staged


def run(ledger: Ledger, task: TaskRef, settings: WorkerSettings) -> None:
    """Mix one song; stems whose files are lost or damaged are rendered anew first."""
    work = ledger.song_for(task)
    store = open_store(work.store_root, settings)
    if not work.plan.output.is_rendered:
        with staged(work, task):
            pass  # what is written about the song goes there
        ledger.complete_mix(task, unrendered(work.plan.output, duration_s=_duration_s(work)))
        return
    if work.plan.mix.made_of == "song" and (work.whole is None or not work.stems):
        lacks = (
            "every stem was dropped"
            if work.whole
            else "the whole song could not be rendered, and its mix is made of that"
        )
        ledger.fail_task(task, FailureReason.STEM_FAILED, lacks, infra=False)
        return
    lost = [stem for stem in work.renders if not _is_sound(store, stem)]
    if lost:
        ledger.return_stems(task, [stem.stem_id for stem in lost], "its file in the store is lost or damaged")
        return
    genre = "" if work.split is None else work.split.genre
    kinds = {stem.part.name: kind_of(stem.part, stem.job.patch, work.plan, genre) for stem in work.stems}
    with staged(work, task) as folder, ExitStack() as stack:
        inputs = [_input(store, stem, stack) for stem in work.stems]
        if work.plan.mix.every_effect:
            inputs = through_effects(
                inputs, work.plan, kinds, work.song.song_hash, stack,
                near=folder, genre=genre, threads=_threads(ledger),
            )  # fmt: skip
        result = mix_song(
            inputs,
            work.plan.mix,
            work.plan.output,
            folder,
            min_duration_s=_duration_s(work),
            threads=_threads(ledger),
            whole=None if work.whole is None else _input(store, work.whole, stack),
            submixes=[_partition(recipe, work) for recipe in work.plan.output.submixes],
            stands=stands_of(work.plan.mix.roles, kinds, seed=work.plan.seed, song_hash=work.song.song_hash),
            others=orders_of(work.plan, kinds, work.song.song_hash),
            copy=folder / FLOAT_MIX if work.plan.is_scored else None,
            key=(work.plan.seed, work.song.song_hash),
        )
    ledger.complete_mix(task, result)


def _partition(recipe: SubmixRecipe, work: SongWork) -> Partition:
    """Assign the song's rendered stems to the groups of a recipe, by what their metadata will say."""
    said = {
        stem.part.name: mixing_values_of(stem.part, stem.job.patch, stem.result, work.plan)[recipe.key]
        for stem in work.stems
    }
    return Partition(recipe, recipe.partition(said))


def _is_sound(store: Store, stem: StemWork) -> bool:
    """Whether the stem's file is what its name says; a damaged one is removed, so that it is never found again."""
    try:
        store.check_stem(stem.result)
    except StoreError:
        store.drop_stem(stem.job.spec_hash)
        return False
    return True


def _input(store: Store, stem: StemWork, stack: ExitStack) -> StemInput:
    reader = stack.enter_context(store.open_stem(stem.result))
    return StemInput(stem.part.name, reader, stem.result.measured)


def _duration_s(work: SongWork) -> float:
    return 0.0 if work.split is None else work.split.duration_s


def _threads(ledger: Ledger) -> int:
    """Return how many threads share a mix: one core a slot, but all of them when nothing waits for the other slots."""
    return 1 if ledger.any_waiting() else usable_cores()
