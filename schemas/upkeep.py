"""What is asked of the process that looks after a store, and what it answers, one JSON object a line."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.base import FarmModel
from schemas.plan import DatasetPlan
from schemas.quality import Rejection
from schemas.song import Sha256

#: Name of a stem's audio in a store: XXH3 of 128 bits; audio of earlier versions has a hash of 256.
AudioHash = Annotated[str, Field(pattern="^([0-9a-f]{32}|[0-9a-f]{64})$")]


class StoreFault(StrEnum):
    """What can be wrong in a store."""

    DAMAGED_AUDIO = "damaged_audio"  #: a stem's audio is not what its name says
    LOST_AUDIO = "lost_audio"  #: a sidecar names audio that is not there
    LOST_STEM = "lost_stem"  #: the ledger says rendered, the store has no sidecar
    DAMAGED_SIDECAR = "damaged_sidecar"  #: it cannot be read
    DAMAGED_MIDI = "damaged_midi"  #: a MIDI file is not what its name says
    LOST_MIDI = "lost_midi"  #: a song under way needs a MIDI file that is not there
    ORPHAN_AUDIO = "orphan_audio"  #: no sidecar names it: a killed process left it
    OLD_PART = "old_part"  #: half-written a day ago or longer: a killed process left it


#: Faults that cost room and nothing else.
LITTER = frozenset({StoreFault.ORPHAN_AUDIO, StoreFault.OLD_PART})


class CheckOrder(FarmModel):
    """Look through a store."""

    action: Literal["check"] = "check"
    store: str  #: its address, as the ledger keeps it
    share: Annotated[float, Field(gt=0, le=1)] = 1.0  #: of the files, drawn by their names, whose content is read
    seed: str = ""  #: of that draw: another one draws other files
    repair: bool = False  #: remove what is damaged, and make MIDI files anew


class PurgeOrder(FarmModel):
    """Remove content from a store, and folders beside it."""

    action: Literal["purge"] = "purge"
    store: str
    everything: bool = False  #: the whole content of the store, named or not
    folders: list[str] = []  #: folders that are removed with all that is in them
    dry_run: bool = False  #: count, and remove nothing


class NamedStem(FarmModel):
    """After the order: a stem that must be in the store, or is to be removed from it."""

    spec: Sha256
    data: AudioHash | None = None


class NamedSong(FarmModel):
    """After the order: MIDI files that must be in the store, or are to be removed, and what they can be made from."""

    song: Sha256 | None = None  #: the song's own file
    source: str | None = None  #: where it was found
    plan: DatasetPlan | None = None  #: of a song that is composed
    rejected: list[Rejection] = []  #: tries at it before the one that it is
    midi: list[Sha256] = []


class Finding(FarmModel):
    """Something that is wrong."""

    fault: StoreFault
    name: str  #: spec hash of a stem, hash of MIDI or of audio without a sidecar, name of a half-written file
    detail: str
    size_bytes: int = 0
    mended: bool = False  #: removed, or made anew


class Count(FarmModel):
    """Files and bytes of one kind."""

    files: int = 0
    size_bytes: int = 0


class CheckTotals(FarmModel):
    """What was looked at; the last line of a check."""

    stems: int = 0  #: sidecars
    midi: int = 0
    read: int = 0  #: files whose content was compared with their names
    read_bytes: int = 0


class PurgeTotals(FarmModel):
    """What was removed, or would be; the last line of a purge."""

    audio: Count = Count()
    sidecars: Count = Count()
    midi: Count = Count()
    parts: Count = Count()
    folders: Count = Count()

    @property
    def files(self) -> int:
        """Files of all kinds."""
        return sum(count.files for count in self.counts)

    @property
    def size_bytes(self) -> int:
        """Bytes of all kinds."""
        return sum(count.size_bytes for count in self.counts)

    @property
    def counts(self) -> list[Count]:
        """One count for each kind."""
        return [self.audio, self.sidecars, self.midi, self.parts, self.folders]


class Progress(FarmModel):
    """How far it is, now and then."""

    done: int
    total: int


class Answer(FarmModel):
    """One line of the process: exactly one of these."""

    finding: Finding | None = None
    progress: Progress | None = None
    checked: CheckTotals | None = None
    purged: PurgeTotals | None = None
    error: dict[str, str] | None = None  #: reason, message and hint of the error that ended it
