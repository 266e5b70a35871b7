"""Export a finished dataset: written beside and renamed, so that an export is there whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from farm.dataset.exporting.base import Exporter, Progress, Source, Target
from farm.dataset.exporting.csv_ import write_csv
from farm.dataset.exporting.huggingface import write_huggingface
from farm.dataset.exporting.jsonl import write_jsonl
from farm.dataset.exporting.order import EXPORT, ExportFormat, ExportOrder, ExportRecord
from farm.dataset.exporting.parquet import write_parquet
from farm.dataset.exporting.webdataset import write_webdataset
from farm.dataset.folder import free_bytes, translated_os_errors
from farm.dataset.notice import NOTICE, notice
from farm.dataset.records import Shelf, read_shelf
from schemas.base import draw
from schemas.dataset import DATASET, MANIFEST, FileRecord, TrackRecord
from schemas.errors import DatasetError, DiskFullError, OutputError, PlanError
from schemas.splits import OMITTED, SLAKH_LAST_TRACK

EXPORTERS: Final[dict[ExportFormat, Exporter]] = {
    ExportFormat.WEBDATASET: write_webdataset,
    ExportFormat.PARQUET: write_parquet,
    ExportFormat.JSONL: write_jsonl,
    ExportFormat.CSV: write_csv,
    ExportFormat.HUGGINGFACE: write_huggingface,
}


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of an order."""

    folder: Path
    record: ExportRecord
    is_new: bool  #: it was not there before
    omitted: int  #: songs that belong to no split and were left out


def export(folder: Path, out: Path, order: ExportOrder, progress: Progress) -> Exported:
    """Export a dataset of the farm into a new folder; the same again changes nothing.

    Args:
        folder: of the dataset.
        out: the new folder; what was left of an export into it that broke off is removed.
        order: what is asked.
        progress: told (songs done, songs).

    Raises:
        DatasetError: it is no finished dataset of the farm, or a file of it is missing or damaged.
        PlanError: there is no such split.
        OutputError: `out` holds something else, or cannot be written.
        MissingDependencyError: a library is missing that writes this form.
    """
    folder, out = folder.expanduser().resolve(), out.expanduser().resolve()
    if out.is_relative_to(folder) or folder.is_relative_to(out):
        raise OutputError(f"{out} and the dataset {folder} lie in one another", hint="Name another folder with --out")
    folder, out = _from_here(folder), _from_here(out)
    shelf = read_shelf(folder)
    if shelf.record is None:
        raise DatasetError(
            f"{folder} is no dataset of the farm: there is no {DATASET}", hint="Slakh's own has no manifest"
        )
    way = Path(os.path.relpath(folder, out)).as_posix() + "/" if order.relative else ""
    source = Source(folder, shelf.record, _chosen(shelf, order), order, progress, paths_from=way)
    omitted = 0 if order.split else sum(track.split == OMITTED for track in shelf.tracks)
    with translated_os_errors(out):
        there = _existing(out, _record(source, []))
        if there is None:
            with _staged(out) as staging:
                made = _write(source, staging)
                staging.rename(out)  # an empty folder of this name gives way
            return Exported(out, made, is_new=True, omitted=omitted)
    return Exported(out, there, is_new=False, omitted=omitted)


def _from_here(path: Path) -> Path:
    """Return a path as people write it: below the working folder it begins there."""
    here = Path.cwd()
    return path.relative_to(here) if path != here and path.is_relative_to(here) else path


def _write(source: Source, staging: Path) -> ExportRecord:
    """Write everything; the record last, when it is sure that the dataset has stayed what it was."""
    need = sum(copy.file.size_bytes for track in source.tracks for copy in source.copies(track))
    if not source.order.format.is_table and need > free_bytes(staging):
        raise DiskFullError(
            f"the export needs {need / 1e9:.1f} GB, and {free_bytes(staging) / 1e9:.1f} GB are free",
            hint="Free some space, or name a folder elsewhere with --out",
        )
    before, target = _record(source, []), Target(staging)
    EXPORTERS[source.order.format](source, target)
    if source.record.credits:
        target.write(NOTICE, notice(source.record))
    if _record(source, []) != before:
        raise DatasetError(f"{source.folder} was changed while it was exported", hint="Give the same command again")
    record = _record(source, sorted(target.files, key=lambda file: file.path))
    target.write(EXPORT, record.model_dump_json(indent=1) + "\n")
    return record


def _chosen(shelf: Shelf, order: ExportOrder) -> list[TrackRecord]:
    """Return the songs that are wanted, in their order."""
    splits = sorted({track.split for track in shelf.tracks if track.split})
    if order.split is not None and order.split not in splits:
        raise PlanError(
            f"{shelf.folder} has no split {order.split}",
            hint=f"It has {', '.join(splits)}" if splits else "It has none",
        )
    tracks = [
        track
        for track in shelf.tracks
        if (track.split == order.split if order.split is not None else track.split != OMITTED)
    ]
    if not tracks:
        raise DatasetError(f"{shelf.folder} has no song to export", hint="`farm stats` says what it holds")
    if order.shuffle is None:
        return sorted(tracks, key=lambda track: (_rank(track.split), track.track))
    return sorted(
        tracks, key=lambda track: (_rank(track.split), draw(order.shuffle, track.song_sha256, "export"), track.track)
    )


def _rank(split: str | None) -> tuple[int, str]:
    """Return the place of a split among the others: the usual ones come first, in their usual order."""
    usual = list(SLAKH_LAST_TRACK)
    return (usual.index(split) if split in usual else len(usual), split or "")


def _record(source: Source, files: list[FileRecord]) -> ExportRecord:
    """Return the record of an export of the dataset as it is now."""
    return ExportRecord(
        order=source.order,
        paths_from=source.paths_from,
        dataset=source.record.name,
        plan_sha256=source.record.plan_sha256,
        dataset_sha256=_sha256(source.folder / DATASET),
        manifest_sha256=_sha256(source.folder / MANIFEST),
        farm_version=source.record.farm_version,
        songs=len(source.tracks),
        stems=sum(track.stems for track in source.tracks),
        files=files,
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _existing(out: Path, wanted: ExportRecord) -> ExportRecord | None:
    """Return the record of the export that is in `out` already; None where there is nothing."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    other = "Name another folder with --out, or remove it"
    if not (out / EXPORT).is_file():
        raise OutputError(f"{out} is there and holds no export", hint="Name another folder with --out")
    try:
        record = ExportRecord.model_validate_json((out / EXPORT).read_bytes())
    except ValidationError as error:
        raise OutputError(f"{out / EXPORT} is damaged or of another version of the farm", hint=other) from error
    if record.order != wanted.order or record.paths_from != wanted.paths_from:
        raise OutputError(f"{out} holds an export with other options", hint=other)
    if record.model_copy(update={"files": []}) != wanted:
        raise OutputError(f"{out} holds an export of the dataset as it was before, or of another", hint=other)
    broken = [file.path for file in record.files if not _is_there(out / file.path, file.size_bytes)]
    if broken:
        raise OutputError(f"{out} is damaged: {broken[0]} is missing or has another size", hint=other)
    return record


def _is_there(path: Path, size_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == size_bytes


@contextlib.contextmanager
def _staged(out: Path) -> Iterator[Path]:
    """Yield an empty folder beside `out` that no other command writes to; what is left there after an error is removed."""
    staging = out.with_name(out.name + ".part")
    staging.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(staging, os.O_RDONLY)
    try:
        _lock(descriptor, staging, out)
        _clear(staging)
        try:
            yield staging
        except BaseException:
            shutil.rmtree(staging)
            raise
    finally:
        os.close(descriptor)


def _lock(descriptor: int, staging: Path, out: Path) -> None:
    """Hold the folder until the descriptor is closed; the kernel does so when the process ends, however it ends."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = staging.exists() and os.path.samestat(os.fstat(descriptor), staging.stat())
    except BlockingIOError:
        is_ours = False
    if not is_ours:
        raise OutputError(f"another command is exporting into {out}", hint="Wait for it or stop it")


def _clear(folder: Path) -> None:
    for entry in folder.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
