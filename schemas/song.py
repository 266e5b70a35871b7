"""What is known of a song: facts from the scan, parts from the split."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.base import FarmModel
from schemas.states import RejectReason

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class PartFacts(FarmModel):
    """One part as the scan sees it: the notes of one program on one channel of one track."""

    program: Annotated[int, Field(ge=0, le=127)]
    is_drum: bool
    inst_class: str
    notes: int


class SongFacts(FarmModel):
    """Everything planning needs to know of a MIDI file, so that it never opens one."""

    song_hash: Sha256  #: SHA-256 of the file's bytes: the identity of the song
    md5: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]  #: the Lakh MIDI Dataset names its files by this
    size_bytes: int
    midi_type: int
    duration_s: float  #: end of the last note, seconds
    notes: int
    parts: list[PartFacts]
    parser: str  #: `smf+symusic` where two independent readers found the same notes; `smf` where the second did not

    @property
    def classes(self) -> list[str]:
        """Distinct instrument classes, sorted."""
        return sorted({part.inst_class for part in self.parts})


class ScanResult(FarmModel):
    """The fate of one scanned file: facts, or a named rejection."""

    file_id: int
    facts: SongFacts | None = None
    reason: RejectReason | None = None
    detail: str = ""


class Part(FarmModel):
    """One part of a split song; the notes of (track, channel, bank, program), and its own MIDI file in the store."""

    name: Annotated[str, Field(pattern=r"^S\d{2,3}$")]  #: S00, S01, ... in the order of track, channel, first note
    track: int
    track_name: str
    channel: Annotated[int, Field(ge=0, le=15)]  #: in the source; the stem plays on 0, drums on 9
    bank: Annotated[int, Field(ge=0, le=16383)]  #: bank in force, 128 for drums
    program: Annotated[int, Field(ge=0, le=127)]
    is_drum: bool
    notes: int
    end_s: float  #: end of its last note, seconds
    midi_sha256: Sha256


class SplitResult(FarmModel):
    """A song after the split: its parts, and the warnings that travel with it into the annotation."""

    parts: list[Part]
    duration_s: float  #: end of the last note of the song, seconds
    warnings: dict[str, int] = {}  #: named finding -> count, such as `hanging_notes`, `sysex_ignored`


class SongSpec(FarmModel):
    """A chosen song with its place in the dataset."""

    song_hash: Sha256
    track: int  #: 1-based rank among the chosen songs
    name: str  #: Track00001
    source: str  #: path relative to the source's root
    facts: SongFacts
