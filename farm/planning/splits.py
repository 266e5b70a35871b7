"""Give the songs of a plan, or the tracks of a finished dataset, their splits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from farm.ledger.records import ChosenSong, RejectedFile
from farm.planning.select import Selection
from farm.planning.shares import homes, share_out
from schemas.errors import PlanError
from schemas.plan import DatasetPlan
from schemas.splits import OMITTED, ORIGINAL, SplitFile, slakh_original
from schemas.states import RejectReason

#: From seed, ratios and the size of every cluster to the split of each.
Share = Callable[[int, Mapping[str, float], Mapping[str, int]], dict[str, str]]


@dataclass(frozen=True, slots=True)
class Placed:
    """What the split of a song depends on."""

    track: str
    song_hash: str
    source: str
    cluster: str  #: empty where it is not known: then the song stands alone

    @property
    def names(self) -> tuple[str, str, str]:
        """The names that a split file may call it by: its track, its hash, the name of its MIDI file."""
        return self.track, self.song_hash, PurePosixPath(self.source).stem


def read_split_file(name: str) -> SplitFile:
    """Read a split file in Slakh's form; `orig` stands for Slakh2100's own splits by track number.

    Raises:
        PlanError: there is no such file, or it is none.
    """
    if name == ORIGINAL:
        return slakh_original()
    try:
        return SplitFile.model_validate(json.loads(Path(name).expanduser().read_bytes()))
    except OSError as error:
        hint = f"Name a JSON file of splits, or `{ORIGINAL}` for those of Slakh2100"
        raise PlanError(f"cannot read the split file {name}: {error.strerror}", hint=hint) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][:1]) or "the whole"
        raise PlanError(
            f"{name} is no split file: {where}: {first['msg']}",
            hint='It maps each track to {"action": null, "move" or "omit", "source_split", "destination_split"}',
        ) from error
    except ValueError as error:
        raise PlanError(f"{name} is not JSON: {error}", hint="Mend the place it names") from error


def with_split_file(plan: DatasetPlan) -> DatasetPlan:
    """Return the plan with the content of its split file in place of the file's path.

    Raises:
        PlanError: the file cannot be read.
    """
    splits = plan.splits
    if splits.file is None:
        return plan
    named = read_split_file(splits.file).destinations()
    songs = {name: split for name, split in named.items() if split} | splits.songs
    return plan.model_copy(update={"splits": splits.model_copy(update={"file": None, "songs": songs})})


def place_songs(plan: DatasetPlan, selection: Selection) -> Selection:
    """Give every chosen song its split; those that the plan's split file omits are rejected."""
    splits = plan.splits
    if not splits.ratios and not splits.songs:
        return selection
    songs = [
        Placed(song.spec.name, song.spec.song_hash, song.spec.source, song.spec.cluster) for song in selection.chosen
    ]
    places = place(
        plan.seed, splits.ratios, songs, named=splits.songs, by_cluster=splits.by == "cluster",
        share=share_out if plan.compose is None else homes,  # of composed songs, any range is as in a whole run
    )  # fmt: skip
    kept: list[ChosenSong] = []
    rejected = list(selection.rejected)
    for song in selection.chosen:
        split = places.get(song.spec.name)
        if split == OMITTED:
            rejected.append(
                RejectedFile(song.file_id, RejectReason.OMITTED, f"{song.spec.name} is omitted by the split file")
            )
        else:
            kept.append(replace(song, spec=song.spec.model_copy(update={"split": split})))
    return Selection(kept, rejected)


def place(
    seed: int,
    ratios: Mapping[str, float],
    songs: Sequence[Placed],
    *,
    named: Mapping[str, str],
    by_cluster: bool,
    share: Share = share_out,
) -> dict[str, str]:
    """Return the split of each track; a track that is neither named nor shared out by ratios is left out.

    Args:
        seed: of the draws.
        ratios: name of each split -> its share; empty to share out nothing.
        songs: all of them.
        named: name of a song -> its split or `omitted`; the other songs of its cluster follow it into a split.
        by_cluster: keep clusters whole, else share out song by song.
        share: how clusters are shared out.
    """
    group = {song.track: (song.cluster or song.song_hash) if by_cluster else song.song_hash for song in songs}
    places = {song.track: found for song in songs if (found := _named(song, named)) is not None}
    leaders = {group[track]: split for track, split in sorted(places.items(), reverse=True) if split != OMITTED}
    free = [song.track for song in songs if song.track not in places]
    places |= {track: leaders[group[track]] for track in free if group[track] in leaders}
    if ratios:
        rest = Counter(group[track] for track in free if group[track] not in leaders)
        shared = share(seed, ratios, rest)
        places |= {track: shared[group[track]] for track in free if track not in places}
    return places


def _named(song: Placed, named: Mapping[str, str]) -> str | None:
    return next((named[name] for name in song.names if name in named), None)


def unknown_names(songs: Iterable[Placed], named: Iterable[str]) -> list[str]:
    """Return the names of a split file that no song has, sorted."""
    return sorted(set(named) - {name for song in songs for name in song.names})
