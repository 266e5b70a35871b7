"""Move tracks with low scores out of a finished dataset: rename by rename, with a journal, so that it can be taken back.

It is done as a resplit is: what is to be moved is written down before the first folder is renamed, whatever ends the process the
next call brings it to its end, and no step does harm when it is done again. Nothing is deleted. The manifest, the
sums and splits of `dataset.json` and its list of what is not in the dataset follow.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from farm.dataset.folder import farm_folder, locked, translated_os_errors
from farm.dataset.mirdata import remove_stale_indexes
from farm.dataset.records import (
    JOURNAL,
    check_there,
    check_whole,
    read_dataset,
    read_manifest,
    read_shelf,
    replace,
    write_records,
)
from schemas.base import FarmModel, canonical_json
from schemas.dataset import DATASET, FILTER, MANIFEST, RejectedRecord, SplitsRecord, TrackRecord
from schemas.errors import DatasetError, NoDatasetError, OutputError
from schemas.states import RejectReason
from schemas.words import counted


class FilterChange(FarmModel):
    """Tracks that were moved out together."""

    number: int
    min_score: float
    folder: str  #: that they were moved to
    tracks: list[TrackRecord]
    takes_back: bool = False  #: it is the change of this number, backwards


class Filtered(FarmModel):
    """What a call did, or would do."""

    resumed: int = 0  #: tracks of a change that had been broken off, and was finished or taken back first
    moved: list[str]  #: names
    scores: dict[str, float]  #: of those
    folder: str = ""  #: where they went
    kept: int  #: tracks that are in the dataset now, or would be
    removed_indexes: list[str]


def default_folder(out: Path) -> Path:
    """Return where tracks go when nothing else is said: beside the dataset, so that it holds nothing but itself."""
    whole = out.resolve()
    return whole.with_name(f"{whole.name}-rejected")


def filter_tracks(out: Path, min_score: float, folder: Path | None, *, dry_run: bool = False) -> Filtered:
    """Move the tracks of a dataset that score less out of it.

    Args:
        out: folder of the dataset.
        min_score: tracks below are moved.
        folder: where they go; None for `default_folder`.
        dry_run: move nothing, and say what would be.

    Raises:
        NoDatasetError: it is no finished dataset of the farm.
        DatasetError: tracks have no score, or are not where they were left.
        OutputError: another command works on it, or they cannot be moved there.
    """
    target = (folder or default_folder(out)).expanduser().resolve()
    if dry_run:
        return _would(out, min_score, target)
    with _held(out):
        resumed = _resume(out)
        low, kept = _below(out, min_score)
        _check_target(out, target)
        if low:
            number = max(_numbers(out), default=0) + 1
            _begin(out, FilterChange(number=number, min_score=min_score, folder=str(target), tracks=low))
        indexes = remove_stale_indexes(out)
        return Filtered(
            resumed=resumed, moved=[track.track for track in low], scores=_scores(low),
            folder=str(target) if low else "", kept=kept, removed_indexes=indexes,
        )  # fmt: skip


def undo(out: Path) -> Filtered:
    """Bring back what was moved out last, or was being moved when that broke off.

    Raises:
        NoDatasetError, DatasetError, OutputError: as of `filter_tracks`.
    """
    with _held(out):
        change, broken_off = _journal(out), True
        if change is None and (numbers := _numbers(out)):
            change, broken_off = _read(_history(out, max(numbers))), False
        if change is not None:
            _begin(out, change if change.takes_back else change.model_copy(update={"takes_back": True}))
        tracks = [] if change is None else change.tracks
        return Filtered(
            resumed=len(tracks) if broken_off else 0, moved=[track.track for track in tracks],
            scores=_scores(tracks), folder="" if change is None else change.folder, kept=len(read_manifest(out)),
            removed_indexes=remove_stale_indexes(out),
        )  # fmt: skip


def moved_out(out: Path) -> dict[str, RejectedRecord]:
    """Return the tracks that were moved out of a dataset, with what is said of them; none where none was."""
    if not (out / FILTER).is_dir():
        return {}
    changes = [_read(_history(out, number)) for number in sorted(_numbers(out))]
    return {track.track: _rejected(change, track) for change in changes for track in change.tracks}


def _would(out: Path, min_score: float, target: Path) -> Filtered:
    check_there(out)
    check_whole(out)
    low, kept = _below(out, min_score)
    return Filtered(
        moved=[track.track for track in low],
        scores=_scores(low),
        folder=str(target) if low else "",
        kept=kept,
        removed_indexes=[],
    )


def _below(out: Path, min_score: float) -> tuple[list[TrackRecord], int]:
    shelf = read_shelf(out)
    if shelf.record is None:
        raise NoDatasetError(f"{out} is no dataset of the farm: there is no {DATASET}", hint="It has no scores")
    without = [track.track for track in shelf.tracks if track.score is None]
    if without:
        raise DatasetError(
            f"{counted(len(without), 'track')} of {out} have no score, {without[0]} first",
            hint=f"`farm score {out}` gives them",
        )
    low = [track for track in shelf.tracks if track.score is not None and track.score < min_score]
    return low, len(shelf.tracks) - len(low)


def _scores(tracks: Sequence[TrackRecord]) -> dict[str, float]:
    return {track.track: track.score for track in tracks if track.score is not None}


@contextlib.contextmanager
def _held(out: Path) -> Iterator[None]:
    """Hold the lock of a dataset, and turn failures of the file system into errors that say what to do."""
    check_there(out)
    if not (out / DATASET).exists():
        read_shelf(out)
        raise NoDatasetError(f"{out} is no dataset of the farm: there is no {DATASET}", hint="It has no scores")
    with translated_os_errors(out):
        (farm_folder(out)).mkdir(exist_ok=True)
        (out / FILTER).mkdir(exist_ok=True)
    with locked(out), translated_os_errors(out):
        yield


def _check_target(out: Path, target: Path) -> None:
    """See to it that folders can be renamed from here to there."""
    here = out.resolve()
    if target.is_relative_to(here) or here.is_relative_to(target):
        raise OutputError(f"{target} and {here} lie in each other", hint="Name a folder beside the dataset")
    there = next(parent for parent in (target, *target.parents) if parent.exists())
    if there.stat().st_dev != here.stat().st_dev:
        raise OutputError(
            f"{target} is on another disk than {here}, and tracks are renamed and not copied",
            hint="Name a folder on the same disk with --reject-dir",
        )


def _resume(out: Path) -> int:
    change = _journal(out)
    if change is None:
        return 0
    _carry_out(out, change)
    return len(change.tracks)


def _begin(out: Path, change: FilterChange) -> None:
    for track in change.tracks:
        _is_done(out, change, track)  # refuse before anything is written down what cannot be brought to an end
    replace(out / FILTER / JOURNAL, change.model_dump_json(indent=1) + "\n")
    _carry_out(out, change)


def _ways(out: Path, change: FilterChange, track: TrackRecord) -> tuple[Path, Path]:
    inside, outside = out / track.folder, Path(change.folder) / track.folder
    return (outside, inside) if change.takes_back else (inside, outside)


def _is_done(out: Path, change: FilterChange, track: TrackRecord) -> bool:
    """Whether a track is where it is to be.

    Raises:
        DatasetError: it is nowhere, or in both places.
    """
    source, target = _ways(out, change, track)
    there, here = target.exists(), source.exists()
    if there == here:
        where = f"both at {source} and at {target}" if there else f"neither at {source} nor at {target}"
        raise DatasetError(
            f"{track.track} is {where}", hint="Leave it at one of the two and run the same command again"
        )
    return there


def _carry_out(out: Path, change: FilterChange) -> None:
    """Do whatever of a change is not done yet; the journal goes last."""
    for track in change.tracks:
        source, target = _ways(out, change, track)
        if not _is_done(out, change, track):
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
    for track in change.tracks:
        source, _ = _ways(out, change, track)
        with contextlib.suppress(OSError):  # other tracks, or files of a person, are still in it
            source.parent.rmdir() if track.split else None
    _rewrite(out, change)
    _list_rejected(Path(change.folder), change)
    journal = out / FILTER / JOURNAL
    if change.takes_back:
        _history(out, change.number).unlink(missing_ok=True)
        journal.unlink()
    else:
        journal.rename(_history(out, change.number))


def _rewrite(out: Path, change: FilterChange) -> None:
    """Make the records of the dataset say what is in it."""
    names, sources = {track.track for track in change.tracks}, {track.source for track in change.tracks}
    tracks = [track for track in read_manifest(out) if track.track not in names]
    record = read_dataset(out)
    rejected = [
        item for item in record.rejected if not (item.reason == RejectReason.LOW_SCORE and item.source in sources)
    ]
    if change.takes_back:
        tracks = sorted([*tracks, *change.tracks], key=lambda track: track.track)
    else:
        rejected += [_rejected(change, track) for track in change.tracks]
    update = {
        "tracks": len(tracks),
        "duration_s": round(sum(track.duration_s for track in tracks), 6),
        "stem_audio_s": round(sum(track.stem_audio_s for track in tracks), 6),
        "splits": SplitsRecord.of(tracks),
        "rejected": sorted(rejected, key=lambda item: item.source),
    }
    write_records(out, tracks, record.model_copy(update=update))


def _rejected(change: FilterChange, track: TrackRecord) -> RejectedRecord:
    detail = f"{track.track} scores {track.score:.4f}, less than {change.min_score:g}"
    return RejectedRecord(source=track.source, reason=RejectReason.LOW_SCORE, detail=detail)


def _list_rejected(folder: Path, change: FilterChange) -> None:
    """Write the manifest of the folder of what was moved out; empty again, the folder goes."""
    path = folder / MANIFEST
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = {track.track for track in change.tracks}
    tracks = [track for track in map(TrackRecord.model_validate_json, lines) if track.track not in names]
    tracks += [] if change.takes_back else change.tracks
    if tracks:
        replace(path, "".join(canonical_json(track) + "\n" for track in sorted(tracks, key=lambda track: track.track)))
        return
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # a person has put something there
        folder.rmdir()


def _journal(out: Path) -> FilterChange | None:
    path = out / FILTER / JOURNAL
    return _read(path) if path.exists() else None


def _numbers(out: Path) -> list[int]:
    return [int(path.stem) for path in (out / FILTER).glob("[0-9]*.json")]


def _history(out: Path, number: int) -> Path:
    return out / FILTER / f"{number:04d}.json"


def _read(path: Path) -> FilterChange:
    try:
        return FilterChange.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise DatasetError(
            f"{path} is damaged: {error.errors()[0]['msg']}", hint="It says which tracks were moved; restore it"
        ) from error
