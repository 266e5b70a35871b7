"""Choose the songs of a dataset from facts alone: a pure function, whatever the order in which files were scanned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from farm.ledger.records import ChosenSong, RejectedFile
from schemas.base import draw
from schemas.plan import DatasetPlan, Filters
from schemas.song import SongFacts, SongSpec
from schemas.states import RejectReason

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
    kept: dict[str, ScannedFile] = {}
    rejected: list[RejectedFile] = []
    for file_id, path, song in sorted(facts, key=lambda file: file[1]):
        broken = next(_broken_rules(plan.filters, song), None)
        if broken is not None:
            rejected.append(RejectedFile(file_id, *broken))
        elif song.song_hash in kept:
            detail = f"same content as {kept[song.song_hash][1]}"
            rejected.append(RejectedFile(file_id, RejectReason.DUPLICATE, detail))
        else:
            kept[song.song_hash] = (file_id, path, song)
    order = sorted(kept, key=lambda song_hash: (draw(plan.seed, song_hash, "order"), song_hash))
    limit = len(order) if plan.limit is None else plan.limit
    over = [
        RejectedFile(kept[key][0], RejectReason.OVER_LIMIT, f"the plan takes {limit} songs") for key in order[limit:]
    ]
    chosen = [_chosen(track, kept[song_hash]) for track, song_hash in enumerate(order[:limit], start=1)]
    paths = {file_id: path for file_id, path, _ in facts}
    return Selection(chosen, sorted(rejected + over, key=lambda file: paths[file.file_id]))


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
