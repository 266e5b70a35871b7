"""Aligned random crops of a dataset's stems, gathered into sources and mixed anew; numpy alone.

Every choice is drawn by hash of (seed, epoch, number of the crop): the same crop comes out in every process, in any order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from schemas.annotation import SongAnnotation, StemAnnotation
from schemas.base import draw
from schemas.dataset import ANNOTATION, DATASET, MANIFEST, DatasetRecord, TrackRecord
from schemas.errors import DatasetError, PlanError
from schemas.gm import DRUM_PROGRAM
from workers.audio.files import read_segments

_T = TypeVar("_T")

Audio = NDArray[np.float32]
Region = tuple[float, float]

#: Slakh's four sources, by General MIDI program counted from 0; 128 is drums (mirdata's mixing groups).
SLAKH_SOURCES: Final[Mapping[str, Sequence[int]]] = {
    "piano": range(8),
    "guitar": range(24, 32),
    "bass": range(32, 40),
    "drums": (DRUM_PROGRAM,),
}


@dataclass(frozen=True)
class CropSettings:
    """What crops hold.

    Args:
        seconds: length of a crop.
        sources: name -> programs whose stems are added up to this source; 128 is drums. A program may be in one only.
        rest: name of the source that gathers all other stems; None leaves them out.
        remix: probability with which a source comes from a song and place of its own, and not from where the others do.
        gain_db: lowest and highest gain, drawn for every source, dB.
        split: only songs of this split; None for all.
        seed: of every draw.
    """

    seconds: float
    sources: Mapping[str, Sequence[int]] = field(default_factory=lambda: dict(SLAKH_SOURCES))
    rest: str | None = "other"
    remix: float = 0.0
    gain_db: tuple[float, float] = (0.0, 0.0)
    split: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every value."""
        programs = [program for wanted in self.sources.values() for program in wanted]
        checks = {
            f"seconds: {self.seconds} is no length": self.seconds > 0,
            f"remix: {self.remix} is no probability": 0.0 <= self.remix <= 1.0,
            f"gain_db: {self.gain_db} is no range": self.gain_db[0] <= self.gain_db[1],
            "sources: a program is in two of them": len(programs) == len(set(programs)),
            f"rest: there is a source {self.rest} already": self.rest not in self.sources,
            "sources: there is none": bool(self.names),
        }
        for message, holds in checks.items():
            if not holds:
                raise PlanError(message, hint="See `workers.loading.crops.CropSettings`")

    @property
    def names(self) -> list[str]:
        """Names of the sources, in their order in a crop."""
        return [*self.sources, *([] if self.rest is None else [self.rest])]

    def source_of(self, stem: StemAnnotation) -> str | None:
        """Return the source that a stem belongs to; None where it is left out."""
        program = DRUM_PROGRAM if stem.is_drum else stem.program
        return next((name for name, programs in self.sources.items() if program in programs), self.rest)


class Stem(NamedTuple):
    """A published stem."""

    path: Path
    active: tuple[Region, ...]  #: seconds in which it sounds


class Song(NamedTuple):
    """A song with its stems by source."""

    name: str
    duration_s: float
    rate_hz: int
    channels: int
    sources: dict[str, tuple[Stem, ...]]


class Place(NamedTuple):
    """Where a source of a crop comes from."""

    song: Song
    start: int  #: frame
    gain_db: float


@dataclass(frozen=True)
class Crop:
    """A crop: sources of equal length that begin together, and their sum."""

    sources: Audio  #: [sources, channels, frames]
    places: dict[str, tuple[str, int]]  #: source -> song and first frame

    @property
    def mix(self) -> Audio:
        """The sum of the sources, [channels, frames]."""
        total: Audio = self.sources.sum(axis=0)
        return total


class CropLibrary:
    """Finds the stems of a finished dataset by its records, and cuts crops out of them.

    No file stays open between two crops, so that it can be copied into other processes.

    Raises:
        DatasetError: the folder is no finished dataset, or no song of it has any of the sources.
    """

    def __init__(self, folder: Path, settings: CropSettings) -> None:
        self.settings = settings
        tracks = _of_split(folder, _read_tracks(folder), settings.split)
        self.songs = [song for track in tracks if (song := _read_song(folder / track.folder, settings)).sources]
        self._with = {name: [song for song in self.songs if name in song.sources] for name in settings.names}
        if not self.songs:
            raise DatasetError(
                f"no song of {folder} has a stem of {', '.join(settings.names)}",
                hint="Name other sources, or another split",
            )
        forms = {(song.rate_hz, song.channels) for song in self.songs}
        if len(forms) > 1:
            raise DatasetError(
                f"the songs of {folder} are of several forms: {', '.join(f'{r} Hz, {c} channels' for r, c in sorted(forms))}",
                hint="`farm convert` brings them to one",
            )
        self.rate_hz, self.channels = forms.pop()
        self.frames = round(settings.seconds * self.rate_hz)

    def crop(self, number: int, epoch: int = 0) -> Crop:
        """Return a crop; the same number and epoch give the same crop.

        Raises:
            DatasetError: a file is missing or damaged.
        """
        places = self._places(number, epoch)
        sources = np.zeros((len(self.settings.names), self.channels, self.frames), np.float32)
        for row, name in zip(sources, self.settings.names, strict=True):
            place = places[name]
            for stem in place.song.sources.get(name, ()):
                row += next(read_segments(stem.path, [place.start], self.frames)).T
            row *= np.float32(10.0 ** (place.gain_db / 20.0))
        return Crop(sources, {name: (place.song.name, place.start) for name, place in places.items()})

    def _places(self, number: int, epoch: int) -> dict[str, Place]:
        key = (self.settings.seed, epoch, number)
        song = _pick(self.songs, *key, "song")
        start = self._start(song, _pick(sorted(song.sources), *key, "source"), *key)
        places = {}
        for name in self.settings.names:
            low, high = self.settings.gain_db
            gain_db = low + (high - low) * draw(*key, name, "gain")
            if self._with[name] and draw(*key, name, "remix") < self.settings.remix:
                other = _pick(self._with[name], *key, name, "song")
                places[name] = Place(other, self._start(other, name, *key, name), gain_db)
            else:
                places[name] = Place(song, start, gain_db)
        return places

    def _start(self, song: Song, source: str, *key: object) -> int:
        """Draw the first frame of a crop in which a source sounds, where it ever does."""
        regions = sorted(region for stem in song.sources[source] for region in stem.active)
        last_s = max(0.0, song.duration_s - self.settings.seconds)
        low_s, high_s = 0.0, last_s
        if regions:
            begin_s, end_s = _pick(regions, *key, "region")
            low_s = min(max(0.0, begin_s - self.settings.seconds / 2), last_s)
            high_s = min(max(low_s, end_s - self.settings.seconds / 2), last_s)
        return round((low_s + (high_s - low_s) * draw(*key, "start")) * self.rate_hz)


def _pick(items: Sequence[_T], *key: object) -> _T:
    return items[int(draw(*key) * len(items))]


def _read_tracks(folder: Path) -> list[TrackRecord]:
    try:
        DatasetRecord.model_validate_json((folder / DATASET).read_bytes())
        lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
        return [TrackRecord.model_validate_json(line) for line in lines]
    except OSError as error:
        raise DatasetError(
            f"{folder} is no finished dataset: {error.strerror} ({error.filename})",
            hint="Name the folder that was given as --out, and let its run end",
        ) from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"the records of {folder} are damaged", hint=f"`farm verify {folder}` says what is wrong"
        ) from error


def _of_split(folder: Path, tracks: list[TrackRecord], split: str | None) -> list[TrackRecord]:
    """Return the songs of a split, which must have some; all of them for None."""
    found = [track for track in tracks if split in (None, track.split)]
    if not found and tracks:
        splits = ", ".join(sorted({track.split for track in tracks if track.split is not None}))
        hint = (
            f"Its splits are {splits}"
            if splits
            else f"It has no splits: `farm resplit {folder} --ratios ...` makes some"
        )
        raise DatasetError(f"no song of {folder} is in the split {split}", hint=hint)
    return found


def _read_song(folder: Path, settings: CropSettings) -> Song:
    try:
        song = SongAnnotation.model_validate_json((folder / ANNOTATION).read_bytes())
    except (OSError, ValidationError) as error:
        raise DatasetError(
            f"{folder / ANNOTATION} is missing or cannot be read", hint="`farm verify` says what is wrong"
        ) from error
    sources: dict[str, tuple[Stem, ...]] = {}
    for stem in song.stems:
        source = settings.source_of(stem)
        if source is not None and stem.audio is not None and not stem.silent:
            found = Stem(folder / stem.audio, tuple(stem.active_regions))
            sources[source] = (*sources.get(source, ()), found)
    return Song(song.track, song.duration_s, song.rate_hz, song.channels, sources)
