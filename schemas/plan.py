"""The dataset plan: what a person asks for. A YAML file; every key has a default but the source."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from schemas.band import Band
from schemas.base import FarmModel, content_hash
from schemas.convert import AudioForm
from schemas.instruments import InstrumentMap, InstrumentPlan
from schemas.patch import FluidSettings
from schemas.splits import OMITTED, SplitName
from schemas.store import StoreAddress, checked_endpoint
from schemas.submix import MIXING_KEYS, SubmixRecipe

#: Dotted keys that the plans of the first release do not have: in `DatasetPlan.plan_hash` they count only where they
#: differ from their default, so that datasets of that release are still known by their plans.
LATER_KEYS: Final[tuple[str, ...]] = (
    "duplicates",
    "splits",
    "instruments",
    "mix.made_of",
    "mix.gate_lufs",
    "output.submixes",
)


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
    #: The band that a song must have: classes, each at least once (Slakh's band definition); the name of a band of the
    #: farm, such as `rock_band`; the path of a band file, relative to the plan; or a band written out.
    band: list[str] | Band | str = []

    @model_validator(mode="after")
    def _ordered(self) -> Filters:
        if self.min_duration_s >= self.max_duration_s:
            raise ValueError("min_duration_s must be below max_duration_s")
        if self.min_parts > self.max_parts:
            raise ValueError("min_parts must not exceed max_parts")
        return self


class DuplicatePlan(FarmModel):
    """What becomes of files that hold the same music."""

    #: Files with the same bytes (the same MD5): all but the first are rejected as `duplicate`.
    exact: Literal["reject"] = "reject"
    #: Files with other bytes that play the same notes: all but the first are rejected as `same_notes`, or kept.
    notes: Literal["reject", "keep"] = "reject"
    #: Versions of one song (transposed, cut, faster, by other instruments): kept, or all but one rejected as `same_song`.
    versions: Literal["keep", "reject"] = "keep"


class EnginePlan(FarmModel):
    """The engine of soundfonts, which plays every stem whose instrument map names no other, and the soundfont it loads."""

    #: Engine that renders these stems.
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
    #: Stems quieter than this are brought up as if they were as loud, LUFS, so that what lies under a quiet stem is not
    #: blown up to full level; left out, every stem is matched, however quiet it is.
    gate_lufs: Annotated[float, Field(ge=-70, le=0)] | None = None
    #: `stems`: the mix is the exact sum of the published stems. `song`: it is the whole file, played by one synthesiser
    #: (Flakh2100's mix); the stems do not sum to it, and the metadata says by how much they miss it.
    made_of: Literal["stems", "song"] = "stems"
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
    #: Submixes that every song gets: paths of recipe files in Slakh's form (relative to the plan), names of the farm's own,
    #: such as `band`, or recipes written out. Each stem goes to one group of each recipe.
    submixes: list[SubmixRecipe] = []

    @model_validator(mode="after")
    def _float_is_wav(self) -> OutputPlan:
        if self.bits == 32 and self.format == "flac":
            raise ValueError("bits: 32 (float) needs format: wav; FLAC holds integers of 16 or 24 bits")
        return self

    @field_validator("submixes")
    @classmethod
    def _mixable(cls, recipes: list[SubmixRecipe]) -> list[SubmixRecipe]:
        folders = [recipe.folder for recipe in recipes]
        for recipe in recipes:
            if recipe.key not in MIXING_KEYS:
                known = ", ".join(MIXING_KEYS)
                raise ValueError(f"the recipe {recipe.name!r} mixes by {recipe.key!r}; known are {known}")
            if folders.count(recipe.folder) > 1:
                raise ValueError(f"two recipes would have the folder {recipe.folder!r}")
        return recipes

    @property
    def form(self) -> AudioForm:
        """The form of the audio."""
        return AudioForm(format=self.format, bits=self.bits, rate_hz=self.rate_hz, channels=self.channels)


class SplitsPlan(FarmModel):
    """Parts of the dataset, such as train, validation and test, each a folder; without ratios and file there are none."""

    #: Name of each split -> its share of the songs: `{train: 0.8, validation: 0.1, test: 0.1}`; shares are divided by
    #: their sum. Names are small letters, and `omitted` is taken.
    ratios: dict[SplitName, Annotated[float, Field(gt=0)]] = {}
    #: `cluster` keeps all versions of a song in one split, so that nothing leaks; `song` looks at every song alone.
    by: Literal["cluster", "song"] = "cluster"
    #: A file that names songs and their splits, in Slakh's form or as `{song: split}`, by track, SHA-256 or file name;
    #: what it omits is rejected as `omitted`. Relative to the plan.
    file: str | None = None
    #: The same, written here; `file` adds to it.
    songs: dict[str, SplitName] = {}

    @field_validator("ratios")
    @classmethod
    def _not_omitted(cls, value: dict[str, float]) -> dict[str, float]:
        if OMITTED in value:
            raise ValueError(f"a split cannot be called `{OMITTED}`: that is the folder of what is in none")
        return value


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
    duplicates: DuplicatePlan = DuplicatePlan()
    engine: EnginePlan = EnginePlan()
    instruments: InstrumentPlan = InstrumentPlan()
    mix: MixPlan = MixPlan()
    output: OutputPlan = OutputPlan()
    splits: SplitsPlan = SplitsPlan()
    store: StorePlan = StorePlan()
    #: Longest decay after the last note, seconds.
    tail_max_s: Annotated[float, Field(ge=0, le=120)] = 30.0
    #: What becomes of a song when one of its stems fails for good.
    on_failed_stem: Literal["fail_song", "drop_stem"] = "fail_song"
    #: Keep raw stems in the store after their song is published.
    keep_store: bool = False
    #: Songs that are published already: skipped (`false`), or made again from the first stem on (`true`); each folder is
    #: replaced in one step when its song is whole.
    rerender_existing: bool = False

    @model_validator(mode="after")
    def _one_instrument_for_song_and_stems(self) -> DatasetPlan:
        if self.mix.made_of == "song" and self.instruments.map is not None:
            raise ValueError(
                "mix.made_of: song plays the file's own programs, and instruments.map has the stems played by others: "
                "leave the map out, or let the mix be made of the stems"
            )
        return self

    @property
    def plan_hash(self) -> str:
        """Identity of what will be made: the plan without its name and without where source, soundfonts and store lie.

        The same plan on another machine has the same hash; which soundfont it was, its own hash says. A plan of an
        older farm keeps its hash: keys that came later count only where they differ from their default.
        """
        values = self.model_dump(
            mode="json",
            exclude={
                "name": True,
                "source": True,
                "store": True,
                "keep_store": True,
                "rerender_existing": True,
                "engine": {"soundfont"},
            },
        )
        if isinstance(self.instruments.map, InstrumentMap):
            values["instruments"]["map"] = self.instruments.map.hashed
        for key in LATER_KEYS:
            _drop_default(values, type(self), key.split("."))
        return content_hash(values)


def _drop_default(values: dict[str, Any], model: type[BaseModel], key: list[str]) -> None:
    """Take a key out of a dumped plan where it has its default."""
    name, *inner = key
    default = model.model_fields[name].get_default(call_default_factory=True)
    if inner:
        _drop_default(values[name], type(default), inner)
    elif values.get(name) == (default.model_dump(mode="json") if isinstance(default, BaseModel) else default):
        values.pop(name, None)
