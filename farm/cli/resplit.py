"""`farm resplit`: move the tracks of a finished dataset between splits."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path

from farm.cli.output import counted, print_json
from farm.dataset import splits
from farm.dataset.mirdata import remove_stale_indexes
from farm.dataset.records import Shelf, read_shelf, replace, slakh_uuid
from farm.planning.splits import Placed, place, read_split_file, unknown_names
from schemas.errors import PlanError
from schemas.splits import OMITTED, SplitsPlan, folder_of


def resplit_command(
    out: Path, *, file: str | None, ratios: str | None, by: str, seed: int | None, take_back: bool, write: Path | None,
    as_json: bool,
) -> int:  # fmt: skip
    """Do what was asked, write the splits where that was asked, and print how the tracks lie."""
    out = out.expanduser()
    if sum((file is not None, ratios is not None, take_back)) > 1:
        raise PlanError("--file, --ratios and --undo exclude one another", hint="Give one of them")
    if by not in ("cluster", "song"):
        raise PlanError(f"--by {by}: it is `cluster` or `song`", hint="See `farm resplit --help`")
    shares = {} if ratios is None else read_ratios(ratios)
    _tell_of_other_sums(shares)
    named = None if file is None else read_split_file(file).destinations()
    done = splits.undo(out) if take_back else splits.finish(out)
    unknown: list[str] = []
    targets: Mapping[str, str | None]
    if named is not None or shares:
        shelf = read_shelf(out)
        songs = _songs(shelf)
        if named is not None:
            unknown, targets = unknown_names(songs, named), _targets(shelf, songs, named)
            if not targets:
                raise PlanError(
                    f"{file} names no track of {out}", hint="It names them as Track00001, by hash or file name"
                )
        else:
            first = 0 if shelf.record is None else shelf.record.plan.seed
            targets = place(first if seed is None else seed, shares, songs, named={}, by_cluster=by == "cluster")
        again = splits.resplit(out, targets)
        done = again.model_copy(update={"resumed": done.resumed})
    if write is not None:
        replace(write.expanduser(), splits.split_file(read_shelf(out)).model_dump_json(indent=1) + "\n")
    stale = remove_stale_indexes(out)
    if as_json:
        print_json({**done.model_dump(), "unknown": len(unknown), "removed_indexes": stale})
    else:
        asked = "undo" if take_back else "move" if named is not None or shares else ""
        sys.stdout.write(_words(done, unknown, asked))
        if stale:
            names = ", ".join(stale)
            sys.stdout.write(
                f"removed {names}, which named the old places: `farm index mirdata {out}` writes it anew\n"
            )
    return 0


def read_ratios(text: str) -> dict[str, float]:
    """Read `train=0.8,test=0.2`.

    Raises:
        PlanError: it is not of that form, or a share is not above 0.
    """
    hint = "Write it as train=0.8,validation=0.1,test=0.1"
    shares: dict[str, float] = {}
    for item in text.split(","):
        name, equals, share = (part.strip() for part in item.partition("="))
        try:
            shares[name] = float(share)
        except ValueError as error:
            raise PlanError(f"--ratios {text}: `{item}` is no name and number", hint=hint) from error
        if not equals or shares[name] <= 0:
            raise PlanError(f"--ratios {text}: a share must be above 0, and `{item}` is not", hint=hint)
    try:
        return SplitsPlan(ratios=shares).ratios
    except ValueError as error:
        message = str(error).splitlines()[2].strip().removeprefix("Value error, ")
        raise PlanError(f"--ratios {text}: {message}", hint=hint) from error


def _tell_of_other_sums(shares: Mapping[str, float]) -> None:
    """Say what shares below 1 come to that do not sum to 1: they are divided by their sum. `3` and `1` are meant so."""
    total = sum(shares.values())
    if min(shares.values(), default=1.0) < 1.0 and not math.isclose(total, 1.0, abs_tol=1e-9):
        real = ", ".join(f"{name} {share / total:.4g}" for name, share in shares.items())
        sys.stderr.write(f"the shares sum to {total:.6g}, not to 1, and are divided by that: {real}\n")


def _songs(shelf: Shelf) -> list[Placed]:
    """Return what the splits depend on; of Slakh's own tracks the MD5 of their MIDI tells which hold the same song."""
    if shelf.record is not None:
        return [Placed(track.track, track.song_sha256, track.source, track.cluster) for track in shelf.tracks]
    songs = []
    for track, split in shelf.places.items():
        uuid = slakh_uuid(shelf.folder / folder_of(track, split)) or track
        songs.append(Placed(track, uuid, uuid, uuid))
    return songs


def _targets(shelf: Shelf, songs: list[Placed], named: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return where a split file wants the tracks that it names; an original place is looked up."""
    original = splits.original_places(shelf)
    targets: dict[str, str | None] = {}
    for song in songs:
        name = next((name for name in song.names if name in named), None)
        if name is not None:
            split = named[name]
            targets[song.track] = original[song.track] if split is None else split or None
    return targets


def _words(done: splits.Resplit, unknown: list[str], asked: str) -> str:
    lines = []
    if done.resumed:
        what = "taken back" if asked == "undo" else "finished"
        lines.append(f"a change of {counted(done.resumed, 'track')} had been broken off; it is {what}")
    if done.moved:
        lines.append(f"{counted(done.moved, 'track')} {'moved back' if asked == 'undo' else 'moved'}")
    elif asked and not done.resumed:
        lines.append("nothing to take back" if asked == "undo" else "every track is where it is to be")
    if unknown:
        lines.append(f"{counted(len(unknown), 'name')} of the file belong to no track here, {unknown[0]} first")
    order = sorted(done.tracks.items(), key=lambda item: (item[0] == OMITTED, -item[1], item[0]))
    lines += [f"{name or '(no split)'}: {counted(count, 'track')}" for name, count in order]
    return "\n".join(lines) + "\n"
