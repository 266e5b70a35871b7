"""Recordings that play along with composed songs: libraries of them, what a plan asks of one, and what a stem was made of."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from schemas.assets import UNKNOWN
from schemas.base import FarmModel
from schemas.genre import METERS, key_mode

Category = Literal["beat", "melody", "harmony", "bassline"]
#: How a recording goes with its layer: it sounds wherever the layer plays; it takes the layer's place there; or it is
#: struck once, at some beats.
SampleMode = Literal["alongside", "instead", "shots"]
#: The key of a sample part that plays a recording at its own pitch; each one above it is a semitone more. Of drums the keys
#: are General MIDI's, which ends well below this one.
PITCHED_KEY: Final = 60
DRUM_KEY: Final = 112
#: What is added to the name of a layer for that of its recording's.
SUFFIX: Final = " sample"

_STRETCH_DIGITS: Final = 6

Words = list[Annotated[str, Field(min_length=1, max_length=60)]]
Score = Annotated[float, Field(ge=0, le=1)]


class Sample(FarmModel):
    """One recording of a library."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    file: Annotated[str, Field(min_length=1)]  #: its path in the library's folder
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Field(ge=1)]
    #: Role of the layers that it goes with.
    category: Category
    #: Genres that it suits; none where it suits all.
    genres: Words = []
    moods: Words = []
    tags: Words = []
    duration_s: Annotated[float, Field(gt=0)]
    #: Quarter notes a minute.
    tempo_bpm: Annotated[float, Field(gt=0, le=400)] | None = None
    #: Length of a loop, quarter notes: the whole file, which begins again at its end. Left out, it is struck once.
    quarters: Annotated[float, Field(gt=0)] | None = None
    #: Of a loop: it plays in sections of this meter.
    meter: str = "4/4"
    #: Such as `F#m`; left out where it has no pitch to move.
    key: str | None = None
    #: How sound the recording is, see `farm samples build`.
    score: Score = 1.0
    licence: str = UNKNOWN
    attribution: str = ""  #: the words that its licence asks for

    @field_validator("meter")
    @classmethod
    def _known_meter(cls, value: str) -> str:
        if value not in METERS:
            raise ValueError(f"there is no meter {value!r}; there are {', '.join(METERS)}")
        return value

    @field_validator("key")
    @classmethod
    def _known_key(cls, value: str | None) -> str | None:
        if value is not None:
            key_mode(value)
        return value

    @model_validator(mode="after")
    def _loops_have_a_tempo(self) -> Sample:
        if self.quarters is not None and self.tempo_bpm is None:
            raise ValueError(f"{self.name} is a loop, and has no tempo_bpm")
        return self

    @property
    def is_loop(self) -> bool:
        """Whether it begins again at its end."""
        return self.quarters is not None

    def stretch(self, song_bpm: float) -> float:
        """Return its length in a song relative to that of its file; shots are as long as they are."""
        if self.quarters is None:
            return 1.0
        return round(self.quarters * 60.0 / song_bpm / self.duration_s, _STRETCH_DIGITS)


class SampleLibrary(FarmModel):
    """Recordings of one folder."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    #: Where the recordings are: relative to the library's file, absolute once it was read.
    folder: str = "."
    samples: list[Sample]

    @field_validator("samples")
    @classmethod
    def _distinct(cls, value: list[Sample]) -> list[Sample]:
        again = twice(sample.file for sample in value)
        if again is not None:
            raise ValueError(f"the file {again} stands twice in it")
        return value

    def get(self, sha256: str) -> Sample | None:
        """Return the recording with some content; None where there is none."""
        return next((sample for sample in self.samples if sample.sha256 == sha256), None)

    def portable(self) -> SampleLibrary:
        """Return it without the path of its folder."""
        return self.model_copy(update={"folder": "."})


def twice(words: Iterable[str]) -> str | None:
    """Return a word that stands twice, or None."""
    seen: set[str] = set()
    for word in words:
        if word in seen:
            return word
        seen.add(word)
    return None


class SampleLayer(FarmModel):
    """Which recordings go with a layer, and how."""

    #: `alongside` the layer wherever it plays, `instead` of it, or as `shots` at beats. `instead` leaves the layer as it is
    #: where no recording fits.
    mode: SampleMode = "alongside"
    #: How likely a song has one.
    probability: Score = 1.0
    #: Of its stem, on top of what the mix does to every stem, dB.
    gain_db: Annotated[float, Field(ge=-60, le=20)] = -3.0
    #: Only recordings with this score.
    min_score: Score = 0.0
    #: Only loops that are brought to the song's tempo by no more than this, percent of their own.
    max_stretch_percent: Annotated[float, Field(ge=0, le=50)] = 10.0
    #: Only recordings that are brought to the song's key by no more than this; with 0 only those of its key.
    max_shift_semitones: Annotated[int, Field(ge=0, le=6)] = 6
    #: Of shots: beats of a bar, counted from 1.
    at_beat: Annotated[list[Annotated[int, Field(ge=1, le=16)]], Field(min_length=1)] = [1]
    #: Of shots: in every so many bars of a section, from its first.
    every_bars: Annotated[int, Field(ge=1, le=64)] = 1
    #: Only recordings with one of these words.
    moods: Words = []
    tags: Words = []

    @field_validator("at_beat", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return [value] if isinstance(value, int) else value


class SamplePlan(FarmModel):
    """Recordings that play along."""

    #: Path of a library that `farm samples build` made, relative to the plan, or one written out.
    library: SampleLibrary | str
    #: By layer of the genres (`beat`, `melody`, `harmony`, `bassline`, or one more that a genre has): `{mode: instead}` with
    #: `alongside`, `instead` or `shots`, and `probability`, `gain_db`, `min_score`, `max_stretch_percent`,
    #: `max_shift_semitones`, `at_beat`, `every_bars`, `moods`, `tags`.
    layers: Annotated[dict[str, SampleLayer], Field(min_length=1)]

    def portable(self) -> SamplePlan:
        """Return it without paths of this machine."""
        library = self.library
        made = library.portable() if isinstance(library, SampleLibrary) else PurePath(library).name
        return self.model_copy(update={"library": made})


class SampleCue(FarmModel):
    """A recording that plays in a song."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    layer: str  #: that it goes with
    mode: SampleMode
    key: Annotated[int, Field(ge=0, le=127)]  #: that is struck
    shift: Annotated[int, Field(ge=-6, le=6)] = 0  #: semitones by which it is moved


class StemSample(FarmModel):
    """What a stem was made of that is a recording. Its notes say when the recording is struck, and no pitch."""

    name: str
    sha256: str
    library: str  #: its name
    licence: str
    attribution: str
    category: Category
    layer: str  #: of the composer, that it goes with
    mode: SampleMode
    tempo_bpm: float | None  #: of the recording
    key: str | None
    score: float
    #: Its length in the song relative to that of the file; 1 where it was not stretched.
    stretch: float
    shift_semitones: int
    gain_db: float  #: that the plan gives it, a part of the stem's `role_gain_db`


def mixed_as(track_name: str, sample: SampleCue | StemSample | None) -> str:
    """Return as which layer a track of a composed song is mixed: a recording in a layer's place as that layer."""
    return sample.layer if sample is not None and sample.mode == "instead" else track_name
