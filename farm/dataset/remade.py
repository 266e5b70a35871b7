"""Songs of a dataset against the same songs made anew: which of them, what can be compared, and every file byte by byte."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import yaml

from schemas.annotation import DROPPED, SongAnnotation
from schemas.base import draw
from schemas.dataset import ANNOTATION, PAPERS, SLAKH_PATHS, DatasetRecord, TrackRecord
from schemas.errors import PlanError
from schemas.layouts import SAMPLE
from schemas.patch import EngineFacts
from schemas.plan import DatasetPlan
from schemas.verifying import Code, Finding

#: What is made anew of a composed dataset where nothing else is asked for.
USUAL: Final = "1%"
_BLOCK: Final = 1 << 20
_SHARE: Final = re.compile(r"^(\d+(?:\.\d+)?)%$")
#: Where papers say what a song is called, or in which split it lies: a place in the dataset, and nothing that was made.
_PLACES: Final = {
    ANNOTATION: rb'(?<="track":")[^"]*(?=")',
    SLAKH_PATHS.sign: rb"(?<=^  track: )\S+$",
    SLAKH_PATHS.jams: rb'(?<="title": ")[^"]*(?=")|(?<="title":")[^"]*(?=")',
    SAMPLE: rb'(?<=^  "split": )[^,\n]*',
}


class Unlike(StrEnum):
    """Why a song cannot be compared with what is made anew; errors of the farm have reasons of their own."""

    BALANCED = "balanced"  #: its patches depend on those of all other songs of the dataset
    COMPOSER_DIFFERS = "composer_differs"
    CONVERTED = "converted"  #: its audio was given another form after it was published
    ENGINE_DIFFERS = "engine_differs"
    FARM_DIFFERS = "farm_differs"
    NOT_EXACT = "not_exact"  #: an engine played it whose renders are never quite the same
    PATCH_DIFFERS = "patch_differs"  #: a plug-in or a source in Faust is another one here
    PLACED_BY_TRACK = "placed_by_track"  #: the plan names found songs by track, which are other ones among fewer
    PLAN_DIFFERS = "plan_differs"  #: the dataset does not keep the plan that it was made from
    REWORKED = (
        "reworked"  #: its labels were written again after it was published: only audio and MIDI files are compared
    )
    SOUNDFONT_DIFFERS = "soundfont_differs"
    STEM_FAILED = "stem_failed"  #: a stem of it failed, and it went on without, or with another patch


@dataclass(frozen=True, slots=True)
class Differs:
    """Why something cannot be compared, in a code and in words."""

    reason: str
    message: str


def how_many(asked: str, songs: int) -> int:
    """Return how many of the songs are to be made anew for `5%`, at least one, or for `3`.

    Raises:
        PlanError: it is neither a share nor a number.
    """
    share = _SHARE.match(asked.strip())
    if share is not None and float(share[1]) <= 100:
        count = math.ceil(songs * float(share[1]) / 100) if float(share[1]) else 0
    elif share is None and asked.strip().isdecimal():
        count = int(asked)
    else:
        raise PlanError(
            f"--remake {asked}: it is neither a share of the songs nor a number", hint="Write 5%, 3, or 0 for none"
        )
    return min(count, songs)


def chosen(record: DatasetRecord, tracks: Sequence[TrackRecord], count: int) -> list[TrackRecord]:
    """Return the songs that are made anew, by track: drawn by the dataset itself, so that they are the same every time."""
    drawn = sorted(tracks, key=lambda track: draw(record.plan_sha256, track.track, track.song_sha256, "remake"))
    return sorted(drawn[:count], key=lambda track: track.track)


def unlike_plan(record: DatasetRecord, *, farm_version: str) -> Differs | None:
    """Return why no song of a dataset can be compared; None where they can, as far as its record tells."""
    plan = record.plan
    if record.conversions:
        return Differs(Unlike.CONVERTED, "its audio was converted after it was published")
    if record.farm_version != farm_version:
        return Differs(
            Unlike.FARM_DIFFERS, f"it was made by stemfarm {record.farm_version}, and here is {farm_version}"
        )
    if plan.plan_hash != record.plan_sha256:
        return Differs(Unlike.PLAN_DIFFERS, "its plan is not the one whose hash is beside it")
    if plan.instruments.balance:
        return Differs(Unlike.BALANCED, "with instruments.balance its patches depend on all songs of the dataset")
    if plan.compose is None and plan.splits.songs:
        return Differs(Unlike.PLACED_BY_TRACK, "its plan names songs by track")
    return None


def unlike_engines(record: DatasetRecord, facts: EngineFacts) -> Differs | None:
    """Return why what was found here plays other sounds than the dataset has; None where it plays the same."""
    said = (record.engine, record.engine_version, *sorted(record.engines.items()))
    here = (facts.engine, facts.version, *sorted(facts.engines.items()))
    if said != here:
        return Differs(
            Unlike.ENGINE_DIFFERS,
            f"it was played by {_versions(record.engines)}, and here is {_versions(facts.engines)}",
        )
    fonts = {record.soundfont: record.soundfont_sha256, **record.soundfonts}
    found = {facts.soundfont.name: facts.soundfont.sha256, **facts.map_hashes}
    other = next((name for name in sorted(fonts) if found.get(name) != fonts[name]), None)
    if other is not None:
        return Differs(Unlike.SOUNDFONT_DIFFERS, f"the soundfont {other} is missing here, or another one (SHA-256)")
    uses = next((name for name in sorted(record.patches) if facts.uses.get(name) != record.patches[name]), None)
    return None if uses is None else Differs(Unlike.PATCH_DIFFERS, f"the patch {uses} is missing here, or another one")


def unlike_song(song: SongAnnotation) -> Differs | None:
    """Return why a song cannot be compared; None where it can."""
    failed = [stem.name for stem in song.stems if stem.replaces or DROPPED in stem.findings]
    if failed:
        return Differs(Unlike.STEM_FAILED, f"{', '.join(failed)} failed when it was made")
    inexact = sorted({stem.engine for stem in song.stems if stem.repeat_db is not None})
    if inexact:
        return Differs(Unlike.NOT_EXACT, f"two renders by {', '.join(inexact)} are never quite the same")
    return None


def reworked(song: SongAnnotation, plan: DatasetPlan) -> Differs | None:
    """Return how a song's labels were written again after it was published; None where they were not."""
    planned = {recipe.folder for recipe in plan.output.submixes}
    later = [what for what, is_so in (
        ("scored", song.score is not None and not plan.is_scored),
        ("submixed", len(song.submixes) > len(planned)),
    ) if is_so]  # fmt: skip
    if not later:
        return None
    return Differs(Unlike.REWORKED, f"it was {' and '.join(later)} after it was published: its labels are not compared")


def compared_files(track: TrackRecord, made: TrackRecord, song: SongAnnotation, plan: DatasetPlan) -> list[str]:
    """Return the files of a song that are compared: all that either has, of one reworked all but labels and later submixes."""
    files = {file.path for file in track.files} | {file.path for file in made.files}
    if reworked(song, plan) is not None:
        groups = {group.audio for submix in song.submixes for group in submix.groups}
        files -= {*PAPERS, *(groups - {file.path for file in made.files})}
    return sorted(files)


def differences(folder: Path, made: Path, track: TrackRecord, files: Iterable[str]) -> Iterator[Finding]:
    """Yield what differs between a song of the dataset and the same song made anew; what is missing here is no news.

    Args:
        folder: of the song in the dataset.
        made: of the song made anew.
        track: of the dataset's manifest.
        files: that are compared.
    """
    for file in files:
        one, other = folder / file, made / file
        message = None
        if one.is_file() and other.is_file():
            message = first_difference(one, other)
        elif one.is_file() or other.is_file():
            message = "made anew, the song has no such file" if one.is_file() else _missing(track, file)
        if message is not None:
            yield Finding(track=track.folder, file=file, code=Code.REMAKE_DIFFERS, message=message)


def first_difference(one: Path, other: Path) -> str | None:
    """Say where a file of the dataset and the one made anew differ first; None where they are equal but for the song's place."""
    at = _first_byte(one, other)
    if at is None:
        return None
    place = _PLACES.get(one.name)
    if place is not None:
        said, found = one.read_bytes(), other.read_bytes()
        if re.sub(place, b"", said, flags=re.MULTILINE) == re.sub(place, b"", found, flags=re.MULTILINE):
            return None
        values = _parsed(said), _parsed(found)
        key = None if None in values else _first_key(*values, "")
        if key is not None:
            return key
    size, size_anew = one.stat().st_size, other.stat().st_size
    sizes = "" if size == size_anew else f" (of {size:,}, and {size_anew:,} made anew)"
    return f"from byte {at:,} on it is not what is made anew{sizes}"


def _first_byte(one: Path, other: Path) -> int | None:
    with one.open("rb") as left, other.open("rb") as right:
        at = 0
        while True:
            first, second = left.read(_BLOCK), right.read(_BLOCK)
            if first != second:
                pairs = enumerate(zip_longest(first, second))
                return at + next(index for index, (a, b) in pairs if a != b)
            if not first:
                return None
            at += len(first)


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data) if data[:1] == b"{" else yaml.safe_load(data)
    except (ValueError, yaml.YAMLError):
        return None  # it is no such paper any more: the first byte says where


def _first_key(said: Any, found: Any, where: str) -> str | None:
    """Say which value differs first, and how; None where none does."""
    if isinstance(said, dict) and isinstance(found, dict):
        for key in sorted({*said, *found}):
            if (
                inner := _first_key(said.get(key), found.get(key), f"{where}.{key}" if where else str(key))
            ) is not None:
                return inner
        return None
    if isinstance(said, list) and isinstance(found, list) and len(said) == len(found):
        pairs = (_first_key(a, b, f"{where}.{index}") for index, (a, b) in enumerate(zip(said, found, strict=True)))
        return next((inner for inner in pairs if inner is not None), None)
    if said == found or where in ("track", "stemfarm.track", "split", "file_metadata.title"):
        return None
    return f"{where} is {_short(said)}, and {_short(found)} when it is made anew"


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _missing(track: TrackRecord, file: str) -> str | None:
    """Say that the dataset lacks a file; nothing where its own manifest has it, and so it was found to be missing before."""
    known = any(record.path == file for record in track.files)
    return None if known else "made anew, the song has it, and the dataset does not"


def _versions(engines: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(engines.items())) or "no engine"
