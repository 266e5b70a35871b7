"""Score the mixes of songs that are published, and write the scores into annotation, metadata and manifest."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from schemas.convert import Note, ReworkReport, ScoreOrder
from schemas.dataset import ANNOTATION, DATASET, FARM_FOLDER, PAPERS, SLAKH_PATHS, FileRecord, TrackRecord
from schemas.errors import DatasetError, FarmError
from schemas.layouts import SAMPLE
from schemas.quality import SCORE_VERSION, AudioScore
from workers.annotating.scored import scored
from workers.publishing.publish import write_documents
from workers.reworking.dataset import find_dataset, locked, remove_indexes, write_manifest
from workers.reworking.documents import documents
from workers.reworking.pool import each_track
from workers.reworking.track import file_record, read_track

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Scored:
    """A song with its score."""

    score: AudioScore
    is_new: bool  #: it was scored now
    files: list[FileRecord]


def score_dataset(order: ScoreOrder, progress: Progress) -> ReworkReport:
    """Score the mixes of a dataset; those that have a score are left as they are, unless the order says otherwise.

    Raises:
        NoDatasetError: it is no finished dataset of the farm.
        DatasetError: its records are damaged.
        DiskFullError, OutputError: it cannot be written.
    """
    root = Path(order.folder).resolve()
    found = find_dataset(root)
    records = {track: record for track, record in found.tracks.items() if record is not None}
    if found.record is None:
        raise DatasetError(
            f"{root} is no dataset of the farm: there is no {DATASET}", hint="Scores are written into its annotations"
        )
    is_new = not (root / FARM_FOLDER).is_dir()
    calls = {
        track: partial(score_track, root / track, record=record, force=order.force) for track, record in records.items()
    }
    done: dict[str, Scored] = {}
    failed: list[Note] = []
    notes: list[Note] = []
    with locked(root):
        for track, result in each_track(calls, order.jobs):
            if isinstance(result, FarmError):
                failed.append(Note(track=track, code=result.reason, message=str(result)))
            else:
                done[track] = result
            progress(len(done) + len(failed), len(records))
        lines = [_line(record, done.get(track)) for track, record in records.items()]
        if lines != list(records.values()):
            write_manifest(root, lines)
            notes += remove_indexes(root)
    if is_new:
        shutil.rmtree(root / FARM_FOLDER, ignore_errors=True)
    return ReworkReport(
        folder=str(root), tracks=len(records), reworked=sum(result.is_new for result in done.values()),
        verifiable=True, notes=notes, failed=failed,
        scores={records[track].track: result.score.score for track, result in sorted(done.items(), key=_name)},
    )  # fmt: skip


def score_track(folder: Path, *, record: TrackRecord, force: bool) -> Scored:
    """Score one song, and write that down in its folder.

    Raises:
        DatasetError: its files are not those of the manifest, or it has no mix.
        DiskFullError, OutputError: the folder cannot be written.
    """
    own = set(PAPERS)  # which a killed one may have written already
    sound = record.model_copy(update={"files": [file for file in record.files if file.path not in own]})
    track = read_track(folder, sound)
    song = track.annotation
    if song is None:
        raise DatasetError(f"{folder / ANNOTATION} is missing", hint="`farm verify` lists what is wrong")
    before = song.score
    is_new = force or before is None or before.version != SCORE_VERSION
    if is_new:
        song = scored(song, folder)
    if song.score is None:
        raise DatasetError(f"{folder} has no mix to score", hint="Its plan publishes stems or MIDI alone")
    papers = documents(track, song, None)
    changed = {path: data for path, data in papers.items() if (folder / path).read_bytes() != data}
    if song.score != before or {SLAKH_PATHS.sign, SAMPLE} & changed.keys():
        write_documents(folder, dict(sorted(changed.items(), key=lambda item: item[0] == ANNOTATION)))
    kept = {file.path: file for file in sound.files}
    files = [kept.get(file.path) or file_record(folder, file.path) for file in record.files]
    return Scored(song.score, is_new, files)


def _name(item: tuple[str, Scored]) -> str:
    return Path(item[0]).name


def _line(record: TrackRecord, done: Scored | None) -> TrackRecord:
    return record if done is None else record.model_copy(update={"files": done.files, "score": done.score.score})
