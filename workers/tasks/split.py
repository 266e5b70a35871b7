"""Split an admitted song into parts and put each part's MIDI into the store."""

from __future__ import annotations

import hashlib

from farm.ledger import Ledger, TaskRef
from schemas.annotation import NO_PATCH
from schemas.choices import choices_of, is_drawn
from schemas.plan import DatasetPlan
from schemas.song import SplitResult
from schemas.states import FailureReason
from workers.config import WorkerSettings
from workers.midi.split import split_song
from workers.publishing.recognise import recognise
from workers.sources import song_bytes, song_genre, with_cues
from workers.store import open_store
from workers.tasks.staging import track_folder


def run(ledger: Ledger, task: TaskRef, settings: WorkerSettings) -> None:
    """Split one song, unless it is found published and the plan leaves what is published as it is.

    Its source file is kept in the store too, so that later edits of the source change nothing.
    """
    job = ledger.song_for(task)
    if not job.plan.rerender_existing:
        record = recognise(track_folder(job), job.song, job.plan, job.engine)
        if record is not None:
            ledger.recognise(task, record)
            return
    data = song_bytes(job.plan, job.source_root, job.song.source)
    if hashlib.sha256(data).hexdigest() != job.song.song_hash:
        detail = f"{job.song.source} is not the file that was scanned"
        ledger.fail_task(task, FailureReason.SOURCE_CHANGED, detail, infra=False)
        return
    result, stems = split_song(data)
    result = result.model_copy(update={"genre": song_genre(job.plan, job.song.source)})
    result = warn_of_patches(with_cues(result, job.plan, job.song.source), job.plan)
    store = open_store(job.store_root, settings)
    store.put_midi(data)
    for midi in stems.values():
        store.put_midi(midi)
    ledger.complete_split(task, result)


def warn_of_patches(split: SplitResult, plan: DatasetPlan) -> SplitResult:
    """Add a warning for the parts that get no audio, since neither the plan's instrument map nor a pool has a patch for them."""
    drawn = [part for part in split.parts if is_drawn(plan, part, split.genre)]
    without = sum(not choices_of(plan, part, split.genre, part.struck) for part in drawn)
    return split.model_copy(update={"warnings": {**split.warnings, NO_PATCH: without}}) if without else split
