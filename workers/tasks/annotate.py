"""Write the annotation of a mixed song beside its audio."""

from __future__ import annotations

from farm.ledger import Ledger, SongWork, TaskRef
from schemas.base import canonical_json
from schemas.compose import number_of
from schemas.dataset import ANNOTATION
from schemas.errors import LedgerError
from schemas.quality import AudioScore, Flaw, Rejection
from schemas.states import FailureReason
from workers.annotating.scored import scored
from workers.annotating.song import RenderedStem, annotate_song
from workers.composing.song import Composed, composed
from workers.config import WorkerSettings
from workers.publishing.publish import write_documents
from workers.store import Store, open_store
from workers.tasks.emptying import empty_store
from workers.tasks.staging import staging_folder


def run(ledger: Ledger, task: TaskRef, settings: WorkerSettings) -> None:
    """Annotate one song from its MIDI, its renders and its mix."""
    work = ledger.song_for(task)
    if work.mix is None or work.split is None:
        raise LedgerError(f"{work.song.name} is to be annotated before it was split and mixed")
    song = None if work.plan.compose is None else composed(work.plan, number_of(work.song.source), work.song.rejected)
    if not staging_folder(work).is_dir():
        ledger.return_song(task, "its staging folder is gone")
        return
    annotation = annotate_song(
        work.song,
        work.split,
        rendered_stems(work, open_store(work.store_root, settings)),
        mix=work.mix,
        plan=work.plan,
        facts=work.engine,
        source_midi=open_store(work.store_root, settings).get_midi(work.song.song_hash),
        composed=song,
    )
    if work.plan.is_scored:
        annotation = scored(annotation, staging_folder(work))
        if annotation.score is not None and annotation.score.score < work.plan.quality.min_score:
            _refuse(ledger, task, settings, work, annotation.score, song)
            return
    write_documents(staging_folder(work), {ANNOTATION: canonical_json(annotation).encode()})
    ledger.complete_annotate(task)


def _refuse(
    ledger: Ledger, task: TaskRef, settings: WorkerSettings, work: SongWork, score: AudioScore, song: Composed | None
) -> None:
    """Fail a song whose mix scores too low; of one that is composed, have the next try made, if one is left.

    What the try has in the store goes first: cut off here, the task is done again, from files that are made again.
    """
    detail = f"the mix scores {score.score:.2f}, and the plan asks for {work.plan.quality.min_score:g}"
    asked = work.plan.compose
    if song is None or asked is None:
        ledger.fail_task(task, FailureReason.LOW_SCORE, detail, infra=False)
        return
    thrown = Rejection(
        attempt=song.attempt, flaws=[Flaw.LOW_AUDIO_SCORE], score=score.score, symbolic=song.check, audio=score,
        detail=detail,
    )  # fmt: skip
    rejected = [*song.rejected, thrown]
    if len(rejected) < asked.tries:
        empty_store(ledger, open_store(work.store_root, settings), work, published=work.plan.keep_store)
    ledger.reject_try(task, rejected)


def rendered_stems(work: SongWork, store: Store) -> list[RenderedStem]:
    """Return one entry per part: the render's result, or None where the stem was dropped or has no patch."""
    results = {stem.part.name: stem.result for stem in work.stems}
    return [
        RenderedStem(
            part,
            store.get_midi(part.midi_sha256),
            work.patch_of(part),
            results.get(part.name),
            work.replaced.get(part.name, ()),
        )
        for part in work.parts
    ]
