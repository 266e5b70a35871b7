"""Choose the songs of a dataset from facts alone: a pure function, whatever the order in which files were scanned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from farm.ledger.records import ChosenSong, RejectedFile
from farm.planning.duplicates import clusters_by_steps
from farm.planning.rules import Rules
from farm.planning.sieve import ScannedFile, Sieve
from schemas.base import draw
from schemas.compose import number_of
from schemas.filters import DuplicatePlan
from schemas.layouts import song_name
from schemas.plan import DatasetPlan
from schemas.song import SongSpec
from schemas.states import RejectReason
from schemas.words import counted

__all__ = ["ScannedFile", "Selection", "select_by_steps", "select_songs"]

_T = TypeVar("_T")

#: Files of one step: a few tens of milliseconds.
_STEP: Final = 1_000


@dataclass(frozen=True, slots=True)
class Selection:
    """The songs of a dataset by track, and every other file with the reason why it is none, by path."""

    chosen: list[ChosenSong]
    rejected: list[RejectedFile]


def select_songs(plan: DatasetPlan, facts: Sequence[ScannedFile]) -> Selection:
    """Choose songs: filters first, each by its own name, then equal music, then the limit.

    Of files with equal content, or equal notes, the first path in order is kept; of versions of one song, where the
    plan wants one, that with the most notes. Tracks are numbered from 1 in the order of a draw by (seed, song), so that
    a song's track depends neither on its path nor on when it was scanned, and a smaller limit takes the first of the
    same songs. Clusters of versions are found among all files, before anything is rejected.
    """
    return next(selection for selection in select_by_steps(plan, facts) if selection is not None)


def select_by_steps(plan: DatasetPlan, facts: Sequence[ScannedFile]) -> Iterator[Selection | None]:
    """Do the same, some thousand files at each step; yields None after each but the last."""
    clusters: dict[str, str] = {}
    if plan.compose is not None:  # what is written anew is no version of anything, whatever it is like
        clusters = {song.song_hash: song.song_hash for _, _, song in facts}
    else:
        for found in clusters_by_steps([song for _, _, song in facts]):
            clusters = found or clusters
            yield None
    rules, sieve, rejected = Rules(plan), Sieve(_likeness(plan), clusters), []
    for some in _steps(sorted(facts, key=lambda file: file[1])):
        for file in some:
            broken = rules.broken(file[2]) or sieve.refused(file)
            if broken is not None:
                rejected.append(RejectedFile(file[0], *broken))
        yield None
    kept, versions = sieve.result()
    rejected += versions
    keys: list[tuple[float, str]] = []
    for hashes in _steps(list(kept)):
        keys += [(draw(plan.seed, song_hash, "order"), song_hash) for song_hash in hashes]
        yield None
    order = [song_hash for _, song_hash in sorted(keys)]
    limit = len(order) if plan.limit is None else plan.limit
    over = [
        RejectedFile(kept[key][0], RejectReason.OVER_LIMIT, f"the plan takes {counted(limit, 'song')}")
        for key in order[limit:]
    ]
    chosen: list[ChosenSong] = []
    for hashes in _steps(order[:limit]):
        chosen += [
            _chosen(plan, _track(plan, rank, kept[song_hash]), kept[song_hash], clusters[song_hash])
            for rank, song_hash in enumerate(hashes, start=len(chosen) + 1)
        ]
        yield None
    paths = {file_id: path for file_id, path, _ in facts}
    yield Selection(chosen, sorted(rejected + over, key=lambda file: paths[file.file_id]))


def _likeness(plan: DatasetPlan) -> DuplicatePlan:
    """Return which kinds of likeness are refused: none among composed songs, of which any range is as in a whole run."""
    return plan.duplicates if plan.compose is None else DuplicatePlan(notes="keep", versions="keep")


def _track(plan: DatasetPlan, rank: int, file: ScannedFile) -> int:
    """Return the number of a track: that of a composed song, counted from 1, else its rank among the chosen."""
    return rank if plan.compose is None else number_of(file[1]) + 1


def _steps(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (items[start : start + _STEP] for start in range(0, len(items), _STEP))


def _chosen(plan: DatasetPlan, track: int, file: ScannedFile, cluster: str) -> ChosenSong:
    file_id, path, facts = file
    name = song_name(plan.output.layout, track)
    spec = SongSpec(song_hash=facts.song_hash, track=track, name=name, source=path, facts=facts, cluster=cluster)
    return ChosenSong(file_id, spec)
