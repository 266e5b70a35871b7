"""Indexes for mirdata, in the form of its own indexes of Slakh: every file of every track with its MD5.

mirdata knows two of Slakh. `baby` is that of BabySlakh, whose tracks lie in one folder. `2100-redux` is that of
Slakh2100-redux, whose tracks lie in splits: its loader takes the split from the second part of each path and knows four
names. Paths begin with the name of the dataset's folder, as mirdata's do, so that its `data_home` is the folder around it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import ValidationError

from farm.dataset.folder import translated_os_errors
from farm.dataset.records import read_shelf
from schemas.annotation import SongAnnotation
from schemas.dataset import ANNOTATION, DATASET, MIRDATA_INDEXES, SLAKH_PATHS, TrackRecord
from schemas.errors import DatasetError, NoDatasetError
from schemas.machine import usable_cores

BABY: Final = "baby"
REDUX: Final = "2100-redux"
#: The splits that mirdata's loader of Slakh2100-redux knows.
REDUX_SPLITS: Final = ("train", "validation", "test", "omitted")

#: A path below `data_home` with the MD5 of the file; two times None where there is no such file.
Entry = list[str | None]


class MirdataIndex(NamedTuple):
    """An index, and the name that mirdata gives to its file."""

    version: str
    file_name: str
    tracks: int  #: single stems, in mirdata's words
    multitracks: int
    content: dict[str, object]


def mirdata_indexes(folder: Path) -> tuple[list[MirdataIndex], str]:
    """Return the indexes that a finished dataset of the slakh layout can have, and why it cannot have the other one.

    Raises:
        DatasetError: the folder is no finished dataset, or one of its files is missing or cannot be read.
    """
    folder = folder.expanduser().resolve()
    records = _records(folder)
    with ThreadPoolExecutor(min(32, usable_cores())) as pool:  # hashing is C without Python's lock
        songs = list(pool.map(lambda record: _Song.read(folder, record), records))
    unknown = sorted({record.split for record in records if record.split} - set(REDUX_SPLITS))
    known = f"mirdata's loader of {REDUX} knows {', '.join(REDUX_SPLITS)}"
    why = ""
    if unknown:
        why = f"it has the splits {', '.join(unknown)}, and {known}"
    elif not all(record.split for record in records):
        why = f"its songs lie in no split, and {known}"
    versions = [BABY] if why or not records else [BABY, REDUX]
    return [_index(version, songs) for version in versions], why


def write_index(index: MirdataIndex, folder: Path) -> Path:
    """Write an index whole or not at all; returns its path."""
    target = folder / index.file_name
    beside = target.with_name(target.name + ".part")
    beside.write_text(json.dumps(index.content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    beside.replace(target)
    return target


def remove_stale_indexes(folder: Path) -> list[str]:
    """Remove the index files in a dataset of the farm that name a song's mix where none is, or cannot be read.

    Whoever reads such an index finds files missing, and mirdata is not the one to say why. Returns their names.
    """
    folder = folder.expanduser()
    if not (folder / DATASET).is_file():
        return []  # a dataset of others, and what lies in it is theirs
    around = folder.resolve().parent
    stale = sorted(path for path in folder.glob(MIRDATA_INDEXES) if not _holds(path, around))
    with translated_os_errors(folder):
        for path in stale:
            path.unlink(missing_ok=True)
    return [path.name for path in stale]


def _holds(path: Path, around: Path) -> bool:
    try:
        songs = json.loads(path.read_text(encoding="utf-8"))["multitracks"].values()
        return all((around / song["mix"][0]).is_file() for song in songs)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


class _Song(NamedTuple):
    """The entries of one song."""

    name: str
    whole: dict[str, Entry]
    stems: dict[str, dict[str, Entry]]

    @classmethod
    def read(cls, folder: Path, record: TrackRecord) -> _Song:
        place = folder / record.folder
        try:
            song = SongAnnotation.model_validate_json((place / ANNOTATION).read_bytes())
        except (OSError, ValidationError) as error:
            raise DatasetError(
                f"{place / ANNOTATION} is missing or cannot be read", hint=f"`farm verify {folder}` says what is wrong"
            ) from error
        shared = {"metadata": _entry(folder, place / SLAKH_PATHS.sign)}
        whole = {
            "mix": _entry(folder, place / song.mix.audio),
            "midi": _entry(folder, place / SLAKH_PATHS.source_midi),
            **shared,
        }
        stems: dict[str, dict[str, Entry]] = {
            stem.name: {
                "audio": [None, None] if stem.audio is None else _entry(folder, place / stem.audio),
                "midi": _entry(folder, place / stem.midi),
                **shared,
            }
            for stem in song.stems
        }
        return cls(record.track, whole, stems)


def _index(version: str, songs: Iterable[_Song]) -> MirdataIndex:
    tracks = {f"{song.name}-{stem}": entries for song in songs for stem, entries in song.stems.items()}
    multitracks = {
        song.name: {"tracks": [f"{song.name}-{stem}" for stem in song.stems], **song.whole} for song in songs
    }
    content: dict[str, object] = {"version": version, "tracks": tracks, "multitracks": multitracks}
    return MirdataIndex(version, f"slakh_index_{version}.json", len(tracks), len(multitracks), content)


def _entry(folder: Path, path: Path) -> Entry:
    try:
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise DatasetError(
            f"{path} cannot be read ({error.strerror})", hint=f"`farm verify {folder}` says what is wrong"
        ) from error
    return [path.relative_to(folder.parent).as_posix(), digest]


def _records(folder: Path) -> list[TrackRecord]:
    shelf = read_shelf(folder)
    if shelf.record is None:
        raise NoDatasetError(
            f"{folder} is no dataset of the farm: there is no {DATASET}",
            hint="mirdata has indexes of Slakh's own releases",
        )
    if shelf.record.plan.output.layout != "slakh":
        raise DatasetError(
            f"{folder} has the layout {shelf.record.plan.output.layout}", hint="mirdata's loader reads the layout slakh"
        )
    return shelf.tracks
