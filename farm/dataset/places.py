"""Where the tracks of a dataset lie: in its folder, or in the folders of its splits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from schemas.dataset import ANNOTATION, RESPLIT, SLAKH_PATHS, TrackRecord

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
    return [record.model_copy(update={"split": places.get(record.track, record.split)}) for record in records]


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_track(folder: Path) -> bool:
    return any((folder / sign).is_file() for sign in _SIGNS)
