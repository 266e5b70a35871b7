"""Forms of published audio, and what is said between the command that reworks a finished dataset and who does it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from schemas.base import FarmModel
from schemas.quality import AudioScore
from schemas.submix import SubmixRecipe


class AudioForm(FarmModel):
    """Form of the audio files of a song."""

    format: Literal["flac", "wav"]
    bits: Literal[16, 24, 32]  #: 16 or 24 are integers, 32 is float and WAV only
    rate_hz: Annotated[int, Field(gt=0)]
    channels: Annotated[int, Field(ge=1, le=2)]

    @property
    def words(self) -> str:
        """The form as people write it."""
        kind = "float" if self.bits == 32 else "bit"
        return f"{self.format.upper()}, {self.bits}-{kind}, {self.rate_hz} Hz, {('mono', 'stereo')[self.channels - 1]}"

    def keeps(self, other: AudioForm) -> bool:
        """Whether every sample of `other` is in this form what it was."""
        return (self.rate_hz, self.channels) == (other.rate_hz, other.channels) and self.bits >= other.bits


def rounding_of(bits: int, *, dither: bool) -> float:
    """Return how far a sample may be off once it was rounded, 1.0 being full scale: dither adds up to a step to the half."""
    return 0.0 if bits == 32 else (1.5 if dither else 0.5) * 2.0 ** (1 - bits)


class MixOrigin(StrEnum):
    """Where the mix of a converted song is from."""

    KEPT = "kept"  #: sample for sample what it was
    SUM = "sum"  #: the sum of the converted stems
    ALONE = "alone"  #: converted by itself, since it never was the sum of the stems


class ConvertedForm(AudioForm):
    """The form that a conversion gave, and how its samples were rounded."""

    dither: bool = False  #: with triangular dither; the key is only there where it is true

    @property
    def form(self) -> AudioForm:
        """The form alone."""
        return AudioForm(format=self.format, bits=self.bits, rate_hz=self.rate_hz, channels=self.channels)

    @model_serializer(mode="wrap")
    def _without_default(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if not self.dither:
            del values["dither"]
        return values


class Conversion(ConvertedForm):
    """One conversion of a song: the form that it got, and what else it did."""

    gain_db: Annotated[float, Field(le=0)] = 0.0  #: of all stems, so that nothing passes the ceiling; in every gain
    mix: MixOrigin


class NoteCode(StrEnum):
    """What a person should know of a dataset that was reworked."""

    GAIN_LOWERED = "gain_lowered"  #: between its new samples it would have passed the ceiling
    MIX_ALONE = "mix_alone"  #: its mix is not the sum of its stems and was converted by itself
    NOT_VERIFIABLE = "not_verifiable"  #: a dataset without a manifest: there is nothing to verify it against
    INDEX_REMOVED = "index_removed"  #: an index for mirdata held the MD5 of files that are other ones now
    UNKNOWN_VALUE = "unknown_value"  #: a recipe names a value that no stem of any track has
    NOT_DITHERED = "not_dithered"  #: every sample stays what it was, so that there is nothing to dither
    NO_METADATA = "no_metadata"  #: its metadata cannot be read and was copied as it is


class Note(FarmModel):
    """One thing about one track; `track` is empty where the dataset as a whole is meant."""

    track: str
    code: str  #: a `NoteCode`, or the reason of the error that a track failed with
    message: str


class ConvertOrder(FarmModel):
    """Convert the audio of a dataset; what is None stays as it is."""

    source: str
    target: str | None  #: folder of the copy; None converts in place
    format: Literal["flac", "wav"] | None = None
    bits: Literal[16, 24, 32] | None = None
    rate_hz: Annotated[int, Field(gt=0)] | None = None
    mono: bool = False
    dither: bool = False  #: round to 16 bits with triangular dither
    jobs: Annotated[int, Field(ge=1)] = 1


class SubmixOrder(FarmModel):
    """Make submixes of the songs of a dataset."""

    folder: str
    recipes: Annotated[list[SubmixRecipe], Field(min_length=1)]
    tracks: list[str] = []  #: names or folders; empty are all
    jobs: Annotated[int, Field(ge=1)] = 1


class ScoreOrder(FarmModel):
    """Score the mixes of a dataset."""

    folder: str
    force: bool = False  #: those too that have a score
    jobs: Annotated[int, Field(ge=1)] = 1


class ScoreFilesOrder(FarmModel):
    """Score audio files that belong to no dataset."""

    files: Annotated[list[str], Field(min_length=1)]
    jobs: Annotated[int, Field(ge=1)] = 1


class ReworkReport(FarmModel):
    """What became of an order."""

    folder: str
    tracks: int
    reworked: int  #: now; the others were as ordered already
    verifiable: bool
    notes: list[Note] = []
    failed: list[Note] = []
    scores: dict[str, float] = {}  #: of every track that has one, by name; of files by their paths
    parts: dict[str, AudioScore] = {}  #: of what the scores of files consist


class ReworkAnswer(FarmModel):
    """One line that the reworking process writes: progress (tracks done, tracks), the report, or what ended it."""

    progress: tuple[int, int] | None = None
    report: ReworkReport | None = None
    error: dict[str, str] | None = None
