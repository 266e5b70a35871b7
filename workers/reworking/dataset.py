"""A finished dataset as the reworking finds it: ours with a manifest, or one of others in Slakh's tree."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from schemas.base import canonical_json
from schemas.convert import Note, NoteCode
from schemas.dataset import (
    ANNOTATION,
    DATASET,
    FARM_FOLDER,
    MANIFEST,
    MIRDATA_INDEXES,
    SLAKH_PATHS,
    DatasetRecord,
    TrackRecord,
)
from schemas.errors import DatasetError, NoDatasetError, OutputError
from workers.audio.files import disk_errors
from workers.publishing.publish import write_documents

#: How deep tracks may lie in a dataset of others: in it, in the folder of a split, or one further down.
_DEPTH: Final = 3
#: A command that was killed a moment ago may hold the lock until its last process has gone, seconds.
_LOCK_PATIENCE_S: Final = 5.0


@dataclass(frozen=True)
class Found:
    """A dataset."""

    root: Path
    record: DatasetRecord | None  #: None where it is no dataset of the farm
    tracks: dict[str, TrackRecord | None]  #: folder, relative to the dataset's -> line of the manifest


def find_dataset(root: Path, *, top: Path | None = None) -> Found:
    """Read what a dataset is made of; `top` is its record, where that lies elsewhere.

    Raises:
        NoDatasetError: it is no dataset, or not finished.
        DatasetError: its records cannot be read.
    """
    if not root.is_dir():
        raise NoDatasetError(f"{root} is no folder", hint="Name the folder of a dataset")
    if top is None and (root / FARM_FOLDER / "convert" / DATASET).is_file():
        raise NoDatasetError(
            f"{root} is being converted in place",
            hint="Give the same `farm convert` again: it goes on where it stopped",
        )
    top = root / DATASET if top is None else top
    if top.is_file():
        try:
            record = DatasetRecord.model_validate_json(top.read_bytes())
        except ValidationError as error:
            raise DatasetError(f"{top} is damaged or of another version: {error.errors()[0]['msg']}") from error
        return Found(root, record, {track.folder: track for track in _manifest(root)})
    if (root / FARM_FOLDER / "ledger.sqlite").exists() or (root / FARM_FOLDER / "plan.json").exists():
        raise NoDatasetError(f"{root} is not finished", hint="Let its run end: the same `farm run` goes on with it")
    tracks = {folder.relative_to(root).as_posix(): None for folder in _walk(root, _DEPTH)}
    if not tracks:
        raise NoDatasetError(
            f"there are no tracks in {root}",
            hint=f"Name a folder with {DATASET}, or one of folders that hold {SLAKH_PATHS.sign} beside stems/ and a mix",
        )
    return Found(root, None, dict(sorted(tracks.items())))


def write_dataset(root: Path, record: DatasetRecord, tracks: list[TrackRecord]) -> None:
    """Write the manifest, then the record of a dataset, with the sums of `tracks`.

    Raises:
        DiskFullError, OutputError: they cannot be written.
    """
    record = record.model_copy(
        update={
            "duration_s": round(sum(track.duration_s for track in tracks), 6),
            "stem_audio_s": round(sum(track.stem_audio_s for track in tracks), 6),
        }
    )
    write_manifest(root, tracks)
    write_documents(root, {DATASET: record.text.encode()})


def write_manifest(root: Path, tracks: list[TrackRecord]) -> None:
    """Write the manifest of a dataset; it appears whole or not at all.

    Raises:
        DiskFullError, OutputError: it cannot be written.
    """
    text = "".join(canonical_json(track) + "\n" for track in tracks)
    write_documents(root, {MANIFEST: text.encode()})


def remove_indexes(root: Path) -> list[Note]:
    """Remove the indexes for mirdata in a dataset whose files are other ones than they say, and return a note of it.

    Raises:
        OutputError: one cannot be removed.
    """
    indexes = sorted(root.glob(MIRDATA_INDEXES))
    with disk_errors(root):
        for path in indexes:
            path.unlink(missing_ok=True)
    names = ", ".join(path.name for path in indexes)
    message = f"removed {names}, which held the MD5 of the old files: `farm index mirdata {root}` writes it anew"
    return [Note(track="", code=NoteCode.INDEX_REMOVED, message=message)] if indexes else []


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold a dataset's lock, the one that every command which writes there takes; the kernel frees it, however we end.

    Raises:
        OutputError: another command holds it, or the folder cannot be written.
    """
    path = root / FARM_FOLDER / "lock"
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = open(path, "a+b")  # noqa: SIM115  closed below, where no error of the disk is meant
    with handle:
        _take(handle.fileno(), root)
        yield


def _take(descriptor: int, root: Path) -> None:
    deadline = time.monotonic() + _LOCK_PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise OutputError(f"another command is working on {root}", hint="Wait for it or stop it") from error
            time.sleep(0.05)


def _manifest(root: Path) -> list[TrackRecord]:
    try:
        lines = (root / MANIFEST).read_text(encoding="utf-8").splitlines()
        return [TrackRecord.model_validate_json(line) for line in lines]
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{root / MANIFEST} cannot be read: {error}") from error
    except ValidationError as error:
        raise DatasetError(f"{root / MANIFEST} has a line that is no track: {error.errors()[0]['msg']}") from error


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if not path.is_dir() or path.name.startswith("."):
            continue
        if (path / SLAKH_PATHS.sign).is_file() or (path / ANNOTATION).is_file() or (path / "stems").is_dir():
            yield path
        elif depth > 1:
            yield from _walk(path, depth - 1)
