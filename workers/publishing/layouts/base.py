"""The contract of a layout: paths of the audio files, and the bytes of every other file, as a pure function."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from schemas.annotation import SongAnnotation
from schemas.base import canonical_json
from schemas.dataset import ANNOTATION, MixResult, TrackPaths
from schemas.plan import DatasetPlan
from schemas.song import SongSpec
from workers.midi.join import join_stems


@dataclass(frozen=True)
class TrackContents:
    """Everything of a song but its audio.

    Args:
        song: with its place in the dataset.
        plan: that it was made from.
        annotation: what `annotation.json` will say.
        mix: what the mix stage wrote.
        source_midi: the song's MIDI file as it was found.
        stem_midi: the music that each stem sounds, by the stem's name.
        played_midi: what the stem's instrument was sent, for the stems where that is another file.
        jams: text of the JAMS file, where one is asked for.
    """

    song: SongSpec
    plan: DatasetPlan
    annotation: SongAnnotation
    mix: MixResult
    source_midi: bytes
    stem_midi: Mapping[str, bytes]
    jams: str | None = None
    played_midi: Mapping[str, bytes] = field(default_factory=dict)


class Layout(ABC):
    """One form of a track's folder; a subclass says where files go and what its sign of completeness holds."""

    name: ClassVar[str]
    paths: ClassVar[TrackPaths]

    def documents(self, contents: TrackContents) -> dict[str, bytes]:
        """Return every file but the audio: path in the track's folder -> bytes, the sign of completeness last.

        The bytes depend on `contents` alone: no time, host, worker or absolute path enters.
        """
        documents = {
            self.paths.source_midi: contents.source_midi,
            **{self.paths.stem_midi(stem): data for stem, data in contents.stem_midi.items()},
            **{self.paths.played_midi(stem): data for stem, data in contents.played_midi.items()},
            self.paths.all_stems: join_stems(_with_audio(contents)),
            ANNOTATION: (canonical_json(contents.annotation) + "\n").encode(),
        }
        if contents.jams is not None:
            documents[self.paths.jams] = contents.jams.encode()
        documents[self.paths.sign] = self._sign(contents)
        return documents

    @abstractmethod
    def _sign(self, contents: TrackContents) -> bytes:
        """Return the metadata file that is written last."""


def _with_audio(contents: TrackContents) -> dict[str, bytes]:
    """Return the MIDI files of the stems that sound in the mix."""
    return {stem.name: contents.stem_midi[stem.name] for stem in contents.annotation.stems if stem.is_played}
