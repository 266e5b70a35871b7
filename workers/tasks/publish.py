"""Publish an annotated song: complete its folder, rename it into the dataset, empty the store of it."""

from __future__ import annotations

from farm.ledger import Ledger, SongWork, TaskRef
from schemas.annotation import SongAnnotation
from schemas.dataset import ANNOTATION
from schemas.errors import LedgerError
from workers.annotating.jams import jams_text
from workers.config import WorkerSettings
from workers.midi.playing import Playing
from workers.publishing.layouts.base import TrackContents
from workers.publishing.publish import publish_song
from workers.store import Store, open_store
from workers.tasks.emptying import empty_store
from workers.tasks.staging import staging_folder, track_folder


def run(ledger: Ledger, task: TaskRef, settings: WorkerSettings) -> None:
    """Publish one song; published already, it is only recorded."""
    work = ledger.song_for(task)
    if work.mix is None:
        raise LedgerError(f"{work.song.name} is to be published before it was mixed")
    staging, final, again = staging_folder(work), track_folder(work), work.plan.rerender_existing
    # What is published of a song that is made again may be another form of it: only what was staged is taken.
    places = (staging,) if again else (staging, final)
    annotated = next((folder / ANNOTATION for folder in places if (folder / ANNOTATION).is_file()), None)
    if annotated is None:
        ledger.return_song(task, "its annotation is gone")
        return
    store = open_store(work.store_root, settings)
    annotation = SongAnnotation.model_validate_json(annotated.read_bytes())
    sounding, played = stem_files(work, store)
    contents = TrackContents(
        song=work.song,
        plan=work.plan,
        annotation=annotation,
        mix=work.mix,
        source_midi=store.get_midi(work.song.song_hash),
        stem_midi=sounding,
        played_midi=played,
        jams=jams_text(annotation) if work.plan.output.jams else None,
    )
    record = publish_song(staging, final, contents, replace=again)
    if ledger.complete_publish(task, record) and not work.plan.keep_store:
        empty_store(ledger, store, work)


def stem_files(work: SongWork, store: Store) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the MIDI files of a song's stems by name: as they sound, and as they were played where that is another."""
    sounding, played = {}, {}
    for part in work.parts:
        midi, patch = store.get_midi(part.midi_sha256), work.patch_of(part)
        playing = Playing.of(patch)
        sounding[part.name] = playing.sounding(midi)
        sent = playing.sent(midi)
        if sent != sounding[part.name]:
            played[part.name] = sent
    return sounding, played
