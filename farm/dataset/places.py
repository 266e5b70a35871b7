"""Where the tracks of a dataset lie: in its folder, or in the folders of its splits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from schemas.dataset import ANNOTATION, RESPLIT, SLAKH_PATHS, FileRecord, TrackRecord
from schemas.layouts import SAMPLE

#: Files of which a track's folder has at least one.
_SIGNS = (ANNOTATION, SLAKH_PATHS.sign)


def track_folders(out: Path) -> Iterator[tuple[str | None, Path]]:
    """Yield (split, folder) of every track in a dataset's folder, sorted; the split is None outside of them."""
    for entry in _folders(out):
        if _is_track(entry):
            yield None, entry
        else:
            yield from ((entry.name, inner) for inner in _folders(entry) if _is_track(inner))


def where_they_lie(out: Path, tracks: Iterable[TrackRecord]) -> list[TrackRecord]:
    """Return the records with the splits in which the tracks lie now, where any was moved after it was published."""
    records = list(tracks)
    if not (out / RESPLIT).is_dir():
        return records
    places = {folder.name: split for split, folder in track_folders(out)}
    return [in_split(out, record, _split_of(out, record, places)) for record in records]


def in_split(out: Path, record: TrackRecord, split: str | None) -> TrackRecord:
    """Return the record of a track that is in a split now; a `sample.json`, which names it, is looked at again."""
    moved = record.model_copy(update={"split": split})
    if split == record.split or not (out / moved.folder / SAMPLE).is_file():
        return moved
    data = (out / moved.folder / SAMPLE).read_bytes()
    said = FileRecord(path=SAMPLE, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    return moved.model_copy(update={"files": [said if file.path == SAMPLE else file for file in record.files]})


def _split_of(out: Path, record: TrackRecord, places: Mapping[str, str | None]) -> str | None:
    """Return the split of a track: its folder's name, and in shards what its `sample.json` names."""
    if not record.shard:
        return places.get(record.track, record.split)
    try:
        said = json.loads((out / record.folder / SAMPLE).read_bytes())["split"]
    except (OSError, ValueError, KeyError, TypeError):
        return record.split  # `farm verify` says what is wrong with it
    return None if said is None else str(said)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_track(folder: Path) -> bool:
    return any((folder / sign).is_file() for sign in _SIGNS)
