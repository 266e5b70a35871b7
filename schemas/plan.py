"""The dataset plan: what a person asks for. A YAML file; every key has a default but the source."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from schemas.base import FarmModel, content_hash
from schemas.patch import FluidSettings
from schemas.store import StoreAddress, checked_endpoint


class Filters(FarmModel):
    """Which songs are taken; each rule rejects by a name of its own."""

    #: Shorter songs are rejected as `too_short`; the end of the last note counts, seconds.
    min_duration_s: Annotated[float, Field(ge=0)] = 5.0
    #: Longer songs are rejected as `too_long`, seconds.
    max_duration_s: Annotated[float, Field(gt=0)] = 1200.0
    #: Songs with fewer parts are rejected as `too_few_parts`; a part is a program on a channel of a track.
    min_parts: Annotated[int, Field(ge=1)] = 2
    #: Songs with more parts are rejected as `too_many_parts`.
    max_parts: Annotated[int, Field(ge=1, le=999)] = 64
    #: Songs with fewer notes are rejected as `too_few_notes`.
    min_notes: Annotated[int, Field(ge=1)] = 1
    #: Instrument classes that a song must have, each at least once (Slakh's band definition).
    band: list[str] = []

    @model_validator(mode="after")
    def _ordered(self) -> Filters:
        if self.min_duration_s >= self.max_duration_s:
            raise ValueError("min_duration_s must be below max_duration_s")
        if self.min_parts > self.max_parts:
            raise ValueError("min_parts must not exceed max_parts")
        return self


class EnginePlan(FarmModel):
    """The engine that plays every stem and the soundfont it loads."""

    #: Engine that renders the stems.
    name: Literal["fluidsynth"] = "fluidsynth"
    #: Path of a soundfont; left out, the system's FluidR3_GM or MuseScore_General, else the packaged TimGM6mb.
    soundfont: str | None = None
    settings: FluidSettings = FluidSettings()


class MixPlan(FarmModel):
    """Levels of stems and mix; the defaults are Slakh's."""

    #: Integrated loudness of each stem before the common gain, LUFS (Slakh: -13).
    stem_lufs: Annotated[float, Field(ge=-60, le=0)] = -13.0
    #: Ceiling of the mix and of every stem, dB relative to full scale (Slakh: -1).
    ceiling_db: Annotated[float, Field(ge=-30, le=0)] = -1.0
    #: What the ceiling bounds: sample peak (dBFS) or true peak (dBTP, ITU-R BS.1770-4 annex 2).
    peak: Literal["sample", "true"] = "sample"

    @field_validator("peak", mode="before")
    @classmethod
    def _word_true(cls, value: object) -> object:
        # YAML reads an unquoted `true` as a boolean.
        return "true" if value is True else value


class OutputPlan(FarmModel):
    """Form of the published files."""

    #: Folders and metadata of the dataset: `slakh` is Slakh2100's.
    layout: Literal["slakh"] = "slakh"
    #: File format of stems and mix.
    format: Literal["flac", "wav"] = "flac"
    #: 16 or 24 are integers, 32 is float and WAV only.
    bits: Literal[16, 24, 32] = 24
    #: Sample rate, Hz.
    rate_hz: Literal[16000, 22050, 32000, 44100, 48000, 88200, 96000] = 44100
    #: 1 is mono, 2 is stereo.
    channels: Literal[1, 2] = 2
    #: Also write a JAMS file per song.
    jams: bool = False

    @model_validator(mode="after")
    def _float_is_wav(self) -> OutputPlan:
        if self.bits == 32 and self.format == "flac":
            raise ValueError("bits: 32 (float) needs format: wav; FLAC holds integers of 16 or 24 bits")
        return self


class StorePlan(FarmModel):
    """Where raw stems lie between their render and their song's mix; it changes nothing in what is published."""

    #: A folder that every host has under one path (relative to the plan), or `s3://bucket/prefix`; left out, a folder
    #: inside the dataset.
    url: Annotated[str, Field(min_length=1)] | None = None
    #: Address of an S3-compatible server, such as `http://store:8333`; left out, Amazon's.
    endpoint: str | None = None

    @field_validator("url")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and StoreAddress.parse(value).endpoint is not None:
            raise ValueError("the server is named by the key `store.endpoint`")
        return value

    @field_validator("endpoint")
    @classmethod
    def _reachable(cls, value: str | None) -> str | None:
        return None if value is None else checked_endpoint(value)

    @model_validator(mode="after")
    def _endpoint_has_a_bucket(self) -> StorePlan:
        if self.endpoint is not None and (self.url is None or not StoreAddress.parse(self.url).scheme):
            raise ValueError("an endpoint needs `url: s3://bucket/prefix`")
        return self

    def address(self, folder: str) -> StoreAddress:
        """Return where the store is; `folder` is its place when the plan names none."""
        return StoreAddress.parse(self.url or folder)._replace(endpoint=self.endpoint)


class DatasetPlan(FarmModel):
    """What a person asks for."""

    #: What people call the dataset; it changes nothing else.
    name: Annotated[str, Field(min_length=1, max_length=200)] = "dataset"
    #: A folder of MIDI (any depth), one file, or a text list of paths; relative to the plan's own folder.
    source: str
    #: Seed of every draw; the same plan and seed give the same dataset.
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    #: At most this many songs, chosen by hash of (seed, song); the rest is rejected as `over_limit`.
    limit: Annotated[int, Field(ge=1)] | None = None
    filters: Filters = Filters()
    engine: EnginePlan = EnginePlan()
    mix: MixPlan = MixPlan()
    output: OutputPlan = OutputPlan()
    store: StorePlan = StorePlan()
    #: Longest decay after the last note, seconds.
    tail_max_s: Annotated[float, Field(ge=0, le=120)] = 30.0
    #: What becomes of a song when one of its stems fails for good.
    on_failed_stem: Literal["fail_song", "drop_stem"] = "fail_song"
    #: Keep raw stems in the store after their song is published.
    keep_store: bool = False

    @property
    def plan_hash(self) -> str:
        """Identity of what will be made: the plan without its name and without where source, soundfont and store lie.

        The same plan on another machine has the same hash; which soundfont it was, its own hash says.
        """
        values = self.model_dump(
            mode="json",
            exclude={"name": True, "source": True, "store": True, "keep_store": True, "engine": {"soundfont"}},
        )
        return content_hash(values)
