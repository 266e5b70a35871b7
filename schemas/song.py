"""What is known of a song: facts from the scan, parts from the split."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from schemas.base import FarmModel
from schemas.gm import DRUM_PROGRAM
from schemas.quality import Rejection
from schemas.samples import SampleCue
from schemas.splits import folder_of
from schemas.states import RejectReason

#: Name of the render of a whole song among its stems, where a plan makes the mix of one.
WHOLE: Final = "MIX"
#: Hashes of a song's sketch, 32 bits each; a song with fewer melodic turns has fewer.
SKETCH_SIZE: Final = 128

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class PartFacts(FarmModel):
    """One part as the scan sees it: the notes of one program on one channel of one track."""

    program: Annotated[int, Field(ge=0, le=127)]
    is_drum: bool
    inst_class: str
    notes: int
    #: Seconds during which it has a key down; 0 where an older farm read the file.
    active_s: Annotated[float, Field(ge=0)] = 0.0
    #: Lowest and highest key; None where an older farm read the file.
    low_key: Annotated[int, Field(ge=0, le=127)] | None = None
    high_key: Annotated[int, Field(ge=0, le=127)] | None = None


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
    #: Hash of what is played (keys, programs, onsets, lengths), whatever the file's bytes; empty where an older farm
    #: read the file.
    fingerprint: Annotated[str, Field(pattern="^([0-9a-f]{32})?$")] = ""
    #: Longest time in which no part plays, before the first note or between notes; 0 where an older farm read the file.
    longest_rest_s: Annotated[float, Field(ge=0)] = 0.0
    #: Slowest and fastest tempo, quarter notes per minute; None for time that is not counted in beats, or an older farm.
    tempo_bpm: tuple[float, float] | None = None
    #: Short sketch of the song's melodic turns, see `farm.planning.duplicates`; empty where there are too few.
    sketch: str = ""

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
    rejected: list[Rejection] = []  #: tries at a composed song that were thrown away


class ComposedAnew(FarmModel):
    """A song of which an earlier try was thrown away: what the one that stands is, and all that were before it."""

    facts: SongFacts
    rejected: list[Rejection]


class Part(FarmModel):
    """One part of a split song; the notes of (track, channel, bank, program), and its own MIDI file in the store."""

    #: S00, S01, ... in the order of track, channel, first note; `MIX` is all of them, see `whole_song`.
    name: Annotated[str, Field(pattern=rf"^(S\d{{2,3}}|{WHOLE})$")]
    track: int
    track_name: str
    channel: Annotated[int, Field(ge=0, le=15)]  #: in the source; the stem plays on 0, drums on 9
    bank: Annotated[int, Field(ge=0, le=16383)]  #: bank in force, 128 for drums
    program: Annotated[int, Field(ge=0, le=127)]
    is_drum: bool
    notes: int
    end_s: float  #: end of its last note, seconds
    midi_sha256: Sha256
    #: The keys that it strikes, as a hexadecimal number with bit k for key k; empty where an older farm split the song.
    keys: Annotated[str, Field(pattern="^[0-9a-f]{0,32}$")] = ""
    sample: SampleCue | None = None  #: the recording that plays it, of a composed song

    @property
    def struck(self) -> list[int]:
        """The keys that it strikes, rising; none where they are not known."""
        bits = int(self.keys or "0", 16)
        return [key for key in range(128) if bits >> key & 1]

    @property
    def map_program(self) -> int:
        """Its program in instrument maps: 128 for drums, whatever their kit."""
        return DRUM_PROGRAM if self.is_drum else self.program


class SplitResult(FarmModel):
    """A song after the split: its parts, and the warnings that travel with it into the annotation."""

    parts: list[Part]
    duration_s: float  #: end of the last note of the song, seconds
    warnings: dict[str, int] = {}  #: named finding -> count, such as `hanging_notes`, `sysex_ignored`
    genre: str = ""  #: of a composed song: what it was written from


def whole_song(song_hash: str, split: SplitResult) -> Part:
    """Return the part that stands for all parts of a song at once: its MIDI file is the song's own."""
    return Part(
        name=WHOLE,
        track=0,
        track_name="",
        channel=0,
        bank=0,
        program=0,
        is_drum=False,
        notes=sum(part.notes for part in split.parts),
        end_s=split.duration_s,
        midi_sha256=song_hash,
    )


class SongSpec(FarmModel):
    """A chosen song with its place in the dataset."""

    song_hash: Sha256
    track: int  #: 1-based rank among the chosen songs
    name: str  #: Track00001
    source: str  #: path relative to the source's root
    facts: SongFacts
    #: What all versions of one song share, made from the hash of one of them; empty in songs planned by an older farm.
    cluster: str = ""
    #: The part of the dataset that it goes into, such as `train`; None where the plan makes no such parts.
    split: str | None = None
    #: Draws from each group of the instrument map that songs before it make, where the plan balances them.
    places: dict[str, int] = {}
    #: Tries at a composed song that were thrown away before the one that it is.
    rejected: list[Rejection] = []

    @property
    def folder(self) -> str:
        """Folder of the song in the dataset, relative to it."""
        return folder_of(self.name, self.split)
