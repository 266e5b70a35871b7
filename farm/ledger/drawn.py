"""Records of what waits for patches, and of what was drawn for it."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.job import RenderJob
from schemas.replaced import Spent
from schemas.song import Part, SongSpec, SplitResult
from schemas.states import FailureReason


@dataclass(frozen=True, slots=True)
class DrawnStem:
    """A part with its render job, and the seconds that its render is expected to take on one core."""

    part: Part
    job: RenderJob
    est_s: float
    instead_of: tuple[Spent, ...] = ()  #: the patches that failed it, where it was drawn before
    song_hash: str = ""  #: of the song that it was drawn for, which may have been composed anew since


@dataclass(frozen=True, slots=True)
class PlayedStem:
    """A stem of a song of which a patch failed."""

    name: str
    job: RenderJob
    failed: FailureReason | None  #: why it failed; None where it did not
    detail: str
    rendered: bool  #: its audio is in the store
    replaced: tuple[Spent, ...]  #: the patches that it had before


@dataclass(frozen=True, slots=True)
class UndrawnSong:
    """A split song that waits for its patches, or for others than those that failed."""

    song_id: int
    spec: SongSpec
    split: SplitResult
    played: tuple[PlayedStem, ...] = ()  #: its stems in the order of parts, where they were drawn before
