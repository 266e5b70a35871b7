"""Split an admitted song into parts and put each part's MIDI into the store."""

from __future__ import annotations

import hashlib

from farm.ledger import Ledger, SongWork, TaskRef
from schemas.annotation import NO_PATCH
from schemas.choices import choices_of, is_drawn
from schemas.compose import number_of
from schemas.errors import RefusedError
from schemas.plan import DatasetPlan
from schemas.song import ComposedAnew, SplitResult
from schemas.states import FailureReason
from workers.composing.song import Composed, composed
from workers.config import WorkerSettings
from workers.midi.split import split_song
from workers.publishing.recognise import recognise
from workers.scanning.scan import scan_song
from workers.sources import of_composer, song_bytes
from workers.store import open_store
from workers.tasks.published import as_published
from workers.tasks.staging import remove_earlier_tries, track_folder


def run(ledger: Ledger, task: TaskRef, settings: WorkerSettings) -> None:
    """Split one song, unless it is found published and the plan leaves what is published as it is.

    Its source file is kept in the store too, so that later edits of the source change nothing.
    """
    job = ledger.song_for(task)
    if not job.plan.rerender_existing:
        song, published = as_published(job)
        record = recognise(track_folder(job), song, job.plan, job.engine)
        if record is not None:
            ledger.recognise(task, record, published)
            return
    remove_earlier_tries(job)
    try:
        data, written = _read(job)
    except RefusedError as error:
        if not job.song.rejected:
            raise
        ledger.reject_try(task, error.rejected)
        return
    made = None if written is None else _anew(job, written)
    if made is None and hashlib.sha256(data).hexdigest() != job.song.song_hash:
        detail = f"{job.song.source} is not the file that was scanned"
        ledger.fail_task(task, FailureReason.SOURCE_CHANGED, detail, infra=False)
        return
    result, stems = split_song(data)
    result = warn_of_patches(result if written is None else of_composer(result, written), job.plan)
    store = open_store(job.store_root, settings)
    store.put_midi(data)
    for midi in stems.values():
        store.put_midi(midi)
    ledger.complete_split(task, result, made)


def _read(job: SongWork) -> tuple[bytes, Composed | None]:
    """Return the MIDI file of a song, and what the composer knows of it."""
    if job.plan.compose is None:
        return song_bytes(job.plan, job.source_root, job.song.source), None
    written = composed(job.plan, number_of(job.song.source), job.song.rejected)
    return written.midi, written


def _anew(job: SongWork, written: Composed) -> ComposedAnew | None:
    """Return what is new of a song of which a try was thrown away since it was chosen; None where none was."""
    if not any(item.is_late for item in job.song.rejected):
        return None
    return ComposedAnew(facts=scan_song(written.midi), rejected=written.rejected)


def warn_of_patches(split: SplitResult, plan: DatasetPlan) -> SplitResult:
    """Add a warning for the parts that get no audio, since neither the plan's instrument map nor a pool has a patch for them."""
    drawn = [part for part in split.parts if is_drawn(plan, part, split.genre)]
    without = sum(not choices_of(plan, part, split.genre, part.struck) for part in drawn)
    return split.model_copy(update={"warnings": {**split.warnings, NO_PATCH: without}}) if without else split
