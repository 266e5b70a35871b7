"""Read the records of a finished dataset, and write them anew: whole, or not at all."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from farm.dataset.places import track_folders
from schemas.base import canonical_json
from schemas.dataset import DATASET, FARM_FOLDER, FILTER, MANIFEST, RESPLIT, SLAKH_PATHS, DatasetRecord, TrackRecord
from schemas.errors import DatasetError, NoDatasetError
from schemas.layouts import SAMPLE
from schemas.musicgen import with_split

#: Journal of tracks that are being moved; there only while that is under way, or after it was broken off.
JOURNAL: Final = "journal.json"

_UUID = re.compile(rb"^UUID:[ \t]*['\"]?([^\s'\"]+)", flags=re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A dataset: where its tracks lie, and its records, where it is one of the farm and not Slakh's own."""

    folder: Path
    places: dict[str, str | None]  #: track -> split, None outside of any
    record: DatasetRecord | None
    tracks: list[TrackRecord]  #: empty without a record


def read_shelf(folder: Path) -> Shelf:
    """Read a finished dataset of the farm, or a folder of Slakh's.

    Raises:
        NoDatasetError: it is neither, or is not finished.
        DatasetError: its tracks were being moved when something broke off, or its records are damaged.
    """
    check_there(folder)
    check_whole(folder)
    if (folder / FARM_FOLDER / "plan.json").exists() and not (folder / DATASET).exists():
        raise NoDatasetError(f"{folder} is not finished: there is no {DATASET}", hint="Let its run end, then try again")
    places = _places(folder)
    if (folder / DATASET).exists():
        record, tracks = read_dataset(folder), read_manifest(folder)
        if record.plan.output.shard_width:
            places = {track.track: track.split for track in tracks}
        return Shelf(folder, places, record, tracks)
    if not places:
        raise NoDatasetError(
            f"{folder} is no dataset: neither {DATASET} nor a folder with {SLAKH_PATHS.sign} is in it",
            hint="Name what --out named, or the folder that holds Slakh's train, validation and test",
        )
    return Shelf(folder, places, None, [])


def check_there(folder: Path) -> None:
    """Refuse a folder that is not there.

    Raises:
        NoDatasetError: it is not.
    """
    if not folder.is_dir():
        raise NoDatasetError(f"there is no folder {folder}", hint="Name the folder of a dataset")


def check_whole(folder: Path) -> None:
    """Refuse a dataset some of whose tracks have been moved to another split, and some not yet.

    Raises:
        DatasetError: a move was broken off.
    """
    if (folder / RESPLIT / JOURNAL).exists():
        raise DatasetError(
            f"tracks of {folder} were being moved between splits when that was broken off",
            hint=f"`farm resplit {folder}` finishes it, `farm resplit {folder} --undo` takes it back",
        )
    if (folder / FILTER / JOURNAL).exists():
        raise DatasetError(
            f"tracks of {folder} were being moved out of it when that was broken off",
            hint=f"`farm filter {folder} --min-score 0` finishes it, `farm filter {folder} --undo` takes it back",
        )


def read_dataset(folder: Path) -> DatasetRecord:
    """Read `dataset.json`.

    Raises:
        DatasetError: it is missing or damaged.
    """
    try:
        return DatasetRecord.model_validate_json((folder / DATASET).read_bytes())
    except OSError as error:
        raise DatasetError(f"{folder / DATASET} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        message = f"{folder / DATASET} is damaged or of another version: {error.errors()[0]['msg']}"
        raise DatasetError(message, hint=f"`farm verify {folder}` lists what is wrong") from error


def read_manifest(folder: Path) -> list[TrackRecord]:
    """Read `manifest.jsonl`.

    Raises:
        DatasetError: it is missing or damaged.
    """
    hint = f"`farm verify {folder}` lists what is wrong"
    try:
        lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
        return [TrackRecord.model_validate_json(line) for line in lines]
    except OSError as error:
        raise DatasetError(f"{folder / MANIFEST} cannot be read: {error.strerror}", hint=hint) from error
    except ValueError as error:
        raise DatasetError(f"{folder / MANIFEST} is damaged: {str(error).splitlines()[0]}", hint=hint) from error


def write_records(folder: Path, tracks: list[TrackRecord], record: DatasetRecord) -> None:
    """Write the manifest, then `dataset.json`."""
    replace(folder / MANIFEST, "".join(canonical_json(track) + "\n" for track in tracks))
    replace(folder / DATASET, record.text)


def replace(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all, whenever the machine stops."""
    beside = path.with_name(path.name + ".part")
    with open(beside, "w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    beside.replace(path)


def say_split(folder: Path, split: str | None) -> None:
    """Have the `sample.json` of a song, where it has one, name the split that it is in.

    Raises:
        DatasetError: it is damaged.
    """
    path = folder / SAMPLE
    if not path.is_file():
        return
    text = path.read_text(encoding="utf-8")
    try:
        said = with_split(text, split)
    except DatasetError as error:
        raise DatasetError(f"{path} is damaged: {error.message}", hint=error.hint) from error
    if said != text:
        replace(path, said)


def slakh_uuid(folder: Path) -> str | None:
    """Return the name of the MIDI file that a track of Slakh was made from, which is its MD5; None if it does not say."""
    try:
        found = _UUID.search((folder / SLAKH_PATHS.sign).read_bytes())
    except OSError:
        return None
    return None if found is None else found[1].decode("utf-8", errors="replace")


def _places(folder: Path) -> dict[str, str | None]:
    places: dict[str, str | None] = {}
    for split, found in track_folders(folder):
        if found.name in places:
            other = places[found.name] or "the dataset's own folder"
            raise DatasetError(
                f"{found.name} is there twice, in {other} and in {split}", hint="Remove the one that does not belong"
            )
        places[found.name] = split
    return places
