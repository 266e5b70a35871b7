"""A song as an export sees it: its records, and which of its files are what."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from farm.dataset.exporting.order import What
from schemas.annotation import SongAnnotation, StemAnnotation
from schemas.dataset import ANNOTATION, SLAKH_PATHS, FileRecord, TrackRecord
from schemas.roles import MIXES
from schemas.submix import SUBMIXES

#: Files of which a song has one: path -> what it is, and what it is called beside the song's name.
_SINGLE: Final = {
    ANNOTATION: (What.ANNOTATION, "json"),
    SLAKH_PATHS.jams: (What.ANNOTATION, "jams"),
    SLAKH_PATHS.all_stems: (What.MIDI, "mid"),
    SLAKH_PATHS.source_midi: (What.MIDI, "source.mid"),
}


def _pattern(path: str) -> re.Pattern[str]:
    """Return the pattern of a path of the layout; the stem's name is its group."""
    before, _, after = path.partition("{stem}")
    return re.compile(f"{re.escape(before)}([^/]+){re.escape(after)}")


#: Files of which a song has several: pattern, what they are, and what they are called, given the pattern's group.
_SEVERAL: Final[list[tuple[re.Pattern[str], What, Callable[[str], str]]]] = [
    (re.compile(rf"({re.escape(SLAKH_PATHS.mix)}\.[a-z]+)"), What.MIX, str),
    (_pattern(SLAKH_PATHS.stem), What.STEMS, str),
    (_pattern(SLAKH_PATHS.midi), What.MIDI, "{}.mid".format),
    (_pattern(SLAKH_PATHS.midi_played), What.MIDI, "{}.played.mid".format),
    (re.compile(rf"({MIXES}/.+)"), What.MIXES, lambda path: path.replace("/", ".")),
    (re.compile(rf"({SUBMIXES}/.+)"), What.SUBMIXES, lambda path: path.replace("/", ".")),
]


@dataclass(frozen=True, slots=True)
class Copy:
    """A file of a song that can be exported."""

    what: What
    name: str  #: what it is called beside the song's name: `mix.flac`, `S00.flac`, `mid`, `json`
    file: FileRecord


@dataclass(frozen=True, slots=True)
class Song:
    """A song with all that is known of it."""

    track: TrackRecord
    annotation: SongAnnotation

    def file(self, path: str | None) -> FileRecord | None:
        """Return the record of a file by its path in the track's folder; None where there is no such file."""
        return next((file for file in self.track.files if file.path == path), None)


@dataclass(frozen=True, slots=True)
class Part:
    """A stem with its song."""

    song: Song
    stem: StemAnnotation


def copies(track: TrackRecord) -> list[Copy]:
    """Return the files of a song that can be exported, sorted: annotation and MIDI first, since they are small."""
    found = [copy for file in track.files if (copy := _copy(file)) is not None]
    order = list(What)
    return sorted(found, key=lambda copy: (order.index(copy.what), copy.name))


def key_of(track: TrackRecord) -> str:
    """Return the name of a song in an export, `train/Track00001`: it is unique."""
    return track.folder


def _copy(file: FileRecord) -> Copy | None:
    if file.path in _SINGLE:
        return Copy(*_SINGLE[file.path], file)
    for pattern, what, named in _SEVERAL:
        if (found := pattern.fullmatch(file.path)) is not None:
            return Copy(what, named(found[1]), file)
    return None
