"""Choose the songs of a dataset from facts alone: a pure function, whatever the order in which files were scanned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from farm.ledger.records import ChosenSong, RejectedFile
from schemas.base import draw
from schemas.plan import DatasetPlan, Filters
from schemas.song import SongFacts, SongSpec
from schemas.states import RejectReason

_T = TypeVar("_T")

#: Files of one step: a few tens of milliseconds.
_STEP: Final = 2_000
#: Id of a file in the ledger, its path relative to the source's root, and its facts.
ScannedFile = tuple[int, str, SongFacts]


@dataclass(frozen=True, slots=True)
class Selection:
    """The songs of a dataset by track, and every other file with the reason why it is none, by path."""

    chosen: list[ChosenSong]
    rejected: list[RejectedFile]


def select_songs(plan: DatasetPlan, facts: Sequence[ScannedFile]) -> Selection:
    """Choose songs: filters first, each by its own name, then equal contents, then the limit.

    Of files with equal content the first path in order is kept. Tracks are numbered from 1 in the order of a draw by
    (seed, song), so that a song's track depends neither on its path nor on when it was scanned, and a smaller limit
    takes the first of the same songs.
    """
    return next(selection for selection in select_by_steps(plan, facts) if selection is not None)


def select_by_steps(plan: DatasetPlan, facts: Sequence[ScannedFile]) -> Iterator[Selection | None]:
    """Do the same, some thousand files at each step; yields None after each but the last."""
    kept: dict[str, ScannedFile] = {}
    rejected: list[RejectedFile] = []
    for some in _steps(sorted(facts, key=lambda file: file[1])):
        for file_id, path, song in some:
            broken = next(_broken_rules(plan.filters, song), None)
            if broken is not None:
                rejected.append(RejectedFile(file_id, *broken))
            elif song.song_hash in kept:
                detail = f"same content as {kept[song.song_hash][1]}"
                rejected.append(RejectedFile(file_id, RejectReason.DUPLICATE, detail))
            else:
                kept[song.song_hash] = (file_id, path, song)
        yield None
    keys: list[tuple[float, str]] = []
    for hashes in _steps(list(kept)):
        keys += [(draw(plan.seed, song_hash, "order"), song_hash) for song_hash in hashes]
        yield None
    order = [song_hash for _, song_hash in sorted(keys)]
    limit = len(order) if plan.limit is None else plan.limit
    over = [
        RejectedFile(kept[key][0], RejectReason.OVER_LIMIT, f"the plan takes {limit} songs") for key in order[limit:]
    ]
    chosen: list[ChosenSong] = []
    for hashes in _steps(order[:limit]):
        chosen += [_chosen(track, kept[song_hash]) for track, song_hash in enumerate(hashes, start=len(chosen) + 1)]
        yield None
    paths = {file_id: path for file_id, path, _ in facts}
    yield Selection(chosen, sorted(rejected + over, key=lambda file: paths[file.file_id]))


def _steps(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (items[start : start + _STEP] for start in range(0, len(items), _STEP))


def _chosen(track: int, file: ScannedFile) -> ChosenSong:
    file_id, path, facts = file
    spec = SongSpec(song_hash=facts.song_hash, track=track, name=f"Track{track:05d}", source=path, facts=facts)
    return ChosenSong(file_id, spec)


def _broken_rules(filters: Filters, song: SongFacts) -> Iterator[tuple[RejectReason, str]]:
    """Yield every rule that a song breaks, the plainest first."""
    parts = len(song.parts)
    if song.notes == 0:
        yield RejectReason.NO_NOTES, "it has no notes"
    if song.duration_s < filters.min_duration_s:
        yield RejectReason.TOO_SHORT, f"{song.duration_s:.1f} s, at least {filters.min_duration_s:g} s are wanted"
    if song.duration_s > filters.max_duration_s:
        yield RejectReason.TOO_LONG, f"{song.duration_s:.1f} s, at most {filters.max_duration_s:g} s are wanted"
    if parts < filters.min_parts:
        yield RejectReason.TOO_FEW_PARTS, f"{parts} parts, at least {filters.min_parts} are wanted"
    if parts > filters.max_parts:
        yield RejectReason.TOO_MANY_PARTS, f"{parts} parts, at most {filters.max_parts} are wanted"
    if song.notes < filters.min_notes:
        yield RejectReason.TOO_FEW_NOTES, f"{song.notes} notes, at least {filters.min_notes} are wanted"
    missing = sorted(set(filters.band) - set(song.classes))
    if missing:
        yield RejectReason.BAND_NOT_MET, f"it has no {', '.join(missing)}"
