"""Move the tracks of a finished dataset between splits: rename by rename, with a journal, so that it can be taken back.

A move of tracks is written down before the first folder is renamed. Whatever ends the process, the next call finds the
journal and brings it to its end; every step of it may be done again. What the files of a track say does not depend on
its split, so that only `manifest.jsonl` and `dataset.json` are written anew; but in the layout musicgen each song's
`sample.json` names its split too, and songs in shards stay where they lie.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from farm.dataset.folder import farm_folder, locked, translated_os_errors
from farm.dataset.places import in_split
from farm.dataset.records import (
    JOURNAL,
    Shelf,
    check_there,
    read_dataset,
    read_manifest,
    read_shelf,
    replace,
    say_split,
    write_records,
)
from schemas.base import FarmModel
from schemas.dataset import DATASET, RESPLIT, SplitsRecord
from schemas.errors import DatasetError
from schemas.plan import OutputPlan
from schemas.splits import OMITTED, SplitEntry, SplitFile, folder_of


class Move(FarmModel):
    """One track on its way."""

    track: str
    source: str | None  #: split that it leaves, None for the dataset's own folder
    target: str | None


class Change(FarmModel):
    """Moves that were made together; the journal of a dataset, and what it keeps to take them back."""

    number: int
    moves: list[Move]
    takes_back: bool = False  #: it is the change of this number, backwards

    def reversed(self) -> Change:
        """Return the change that takes this one back."""
        moves = [Move(track=move.track, source=move.target, target=move.source) for move in self.moves]
        return Change(number=self.number, moves=moves, takes_back=not self.takes_back)


class Resplit(FarmModel):
    """What a call did."""

    resumed: int = 0  #: tracks of a change that had been broken off, and was finished or taken back first
    moved: int = 0
    tracks: dict[str, int]  #: split -> tracks now in it, by name; the empty name counts those in none


def finish(out: Path) -> Resplit:
    """Bring what was broken off to its end, and say how the tracks lie.

    Raises:
        DatasetError, OutputError: it is no dataset, another command works on it, or a track is not where it was left.
    """
    with _held(out):
        resumed = _resume(out)
        return _report(read_shelf(out), resumed=resumed)


def resplit(out: Path, targets: Mapping[str, str | None]) -> Resplit:
    """Bring tracks to the splits that they are to be in; those that are there already, or are not named, stay.

    Raises:
        DatasetError, OutputError: as of `finish`; nothing was moved, or the journal says what was.
    """
    with _held(out):
        resumed = _resume(out)
        shelf = read_shelf(out)
        moves = [
            Move(track=track, source=place, target=targets[track])
            for track, place in sorted(shelf.places.items())
            if track in targets and targets[track] != place
        ]
        if moves:
            _begin(out, Change(number=max(_numbers(out), default=0) + 1, moves=moves))
        return _report(read_shelf(out), resumed=resumed, moved=len(moves))


def undo(out: Path) -> Resplit:
    """Take back what was broken off, else the last change; nothing where there is none.

    Raises:
        DatasetError, OutputError: as of `finish`.
    """
    with _held(out):
        change, broken_off = _journal(out), True
        if change is None and (numbers := _numbers(out)):
            change, broken_off = _read(_history(out, max(numbers))), False
        if change is not None:
            _begin(out, change if change.takes_back else change.reversed())
        count = 0 if change is None else len(change.moves)
        return _report(read_shelf(out), resumed=count if broken_off else 0, moved=0 if broken_off else count)


def original_places(shelf: Shelf) -> dict[str, str | None]:
    """Return the split of every track before the first change."""
    places = dict(shelf.places)
    for number in sorted(_numbers(shelf.folder), reverse=True):
        places |= {move.track: move.source for move in _read(_history(shelf.folder, number)).moves}
    return places


def split_file(shelf: Shelf) -> SplitFile:
    """Return how the tracks lie, in Slakh's form: relative to where they were at first."""
    entries: dict[str, SplitEntry | str] = {}
    for track, first in sorted(original_places(shelf).items()):
        now, source = shelf.places.get(track), first or ""
        if now == OMITTED and first != OMITTED:
            entries[track] = SplitEntry(action="omit", source_split=source)
        else:
            action: Literal["move"] | None = None if now == first else "move"
            entries[track] = SplitEntry(action=action, source_split=source, destination_split=now or "")
    return SplitFile(entries)


@contextlib.contextmanager
def _held(out: Path) -> Iterator[None]:
    """Hold the lock of a dataset, and turn failures of the file system into errors that say what to do."""
    check_there(out)
    if not farm_folder(out).is_dir():
        read_shelf(out)  # Slakh's own, or nothing in which anything may be written
    with translated_os_errors(out):
        (out / RESPLIT).mkdir(parents=True, exist_ok=True)
    with locked(out), translated_os_errors(out):
        yield


def _resume(out: Path) -> int:
    change = _journal(out)
    if change is None:
        return 0
    _carry_out(out, change)
    return len(change.moves)


def _begin(out: Path, change: Change) -> None:
    output = _output(out)
    for move in change.moves:
        _is_done(out, output, move)  # refuse before anything is written down what cannot be brought to an end
    replace(out / RESPLIT / JOURNAL, change.model_dump_json(indent=1) + "\n")
    _settle(out / RESPLIT)
    _carry_out(out, change)


def _carry_out(out: Path, change: Change) -> None:
    """Do whatever of a change is not done yet; the journal goes last."""
    output = _output(out)
    done = [_is_done(out, output, move) for move in change.moves]
    for move, is_done in zip(change.moves, done, strict=True):
        target = out / _place(output, move.track, move.target)
        if not is_done:
            target.parent.mkdir(exist_ok=True)
            (out / _place(output, move.track, move.source)).rename(target)
        say_split(target, move.target)
    for split in sorted({move.source for move in change.moves if move.source}):
        with contextlib.suppress(OSError):  # other tracks, or files of a person, are still in it
            (out / split).rmdir()
    if (out / DATASET).exists():
        _rewrite(out, {move.track: move.target for move in change.moves})
    _settle(out)
    journal = out / RESPLIT / JOURNAL
    if change.takes_back:
        _history(out, change.number).unlink(missing_ok=True)
        journal.unlink()
    else:
        journal.rename(_history(out, change.number))


def _output(out: Path) -> OutputPlan | None:
    """Return how a dataset is laid out; None of Slakh's own."""
    return read_dataset(out).plan.output if (out / DATASET).exists() else None


def _place(output: OutputPlan | None, track: str, split: str | None) -> str:
    """Return the folder of a track that is in a split."""
    return folder_of(track, (output.shard_of(track) if output is not None else "") or split)


def _is_done(out: Path, output: OutputPlan | None, move: Move) -> bool:
    """Whether a track is where it is to be.

    Raises:
        DatasetError: it is nowhere, or in both places.
    """
    source, target = _place(output, move.track, move.source), _place(output, move.track, move.target)
    there, here = (out / target).exists(), (out / source).exists()
    if there == here and not (there and source == target):
        where = f"both at {source} and at {target}" if there else f"neither at {source} nor at {target}"
        raise DatasetError(
            f"{move.track} is {where} in {out}", hint="Leave it at one of the two and run the same command again"
        )
    return there


def _rewrite(out: Path, targets: Mapping[str, str | None]) -> None:
    tracks = [
        in_split(out, track, targets[track.track]) if track.track in targets else track for track in read_manifest(out)
    ]
    write_records(out, tracks, read_dataset(out).model_copy(update={"splits": SplitsRecord.of(tracks)}))


def _journal(out: Path) -> Change | None:
    path = out / RESPLIT / JOURNAL
    return _read(path) if path.exists() else None


def _numbers(out: Path) -> list[int]:
    return [int(path.stem) for path in (out / RESPLIT).glob("[0-9]*.json")]


def _history(out: Path, number: int) -> Path:
    return out / RESPLIT / f"{number:04d}.json"


def _read(path: Path) -> Change:
    try:
        return Change.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise DatasetError(
            f"{path} is damaged: {error.errors()[0]['msg']}", hint="It says which tracks were moved; restore it"
        ) from error


def _report(shelf: Shelf, *, resumed: int, moved: int = 0) -> Resplit:
    counts = Counter(split or "" for split in shelf.places.values())
    return Resplit(resumed=resumed, moved=moved, tracks=dict(sorted(counts.items())))


def _settle(folder: Path) -> None:
    """Bring renames in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
