"""The dataset plan: what a person asks for. A YAML file; every key has a default but the source."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from schemas.assets import Credit
from schemas.base import FarmModel, content_hash
from schemas.compose import ComposePlan
from schemas.convert import AudioForm
from schemas.filters import DuplicatePlan, Filters
from schemas.instruments import InstrumentMap, InstrumentPlan
from schemas.layouts import LayoutName
from schemas.licences import LicencePlan
from schemas.mixplan import MixPlan
from schemas.patch import FluidSettings
from schemas.pools import Pools
from schemas.quality import QualityPlan
from schemas.roles import check_roles
from schemas.splits import SplitsPlan
from schemas.store import StoreAddress, checked_endpoint
from schemas.submix import MIXING_KEYS, SubmixRecipe

#: Dotted keys that the plans of the first release do not have: in `DatasetPlan.plan_hash` they count only where they
#: differ from their default, so that datasets of that release are still known by their plans.
LATER_KEYS: Final[tuple[str, ...]] = (
    "duplicates",
    "splits",
    "instruments",
    "instruments.balance",
    "instruments.tries",
    "filters.min_notes_per_s",
    "filters.max_notes_per_s",
    "filters.max_rest_s",
    "filters.tempo_bpm",
    "mix.made_of",
    "mix.gate_lufs",
    "mix.preset",
    "mix.roles",
    "mix.others",
    "mix.room",
    "mix.loudness_lufs",
    "output.submixes",
    "output.parts",
    "output.shard_width",
    "compose",
    "licences",
    "quality",
    "output.dither",
)


class EnginePlan(FarmModel):
    """The engine of soundfonts, which plays every stem whose instrument map names no other, and the soundfont it loads."""

    #: Engine that renders these stems.
    name: Literal["fluidsynth"] = "fluidsynth"
    #: Path of a soundfont; left out, the system's FluidR3_GM or MuseScore_General, else the packaged TimGM6mb.
    soundfont: str | None = None
    settings: FluidSettings = FluidSettings()


class OutputPlan(FarmModel):
    """Form of the published files."""

    #: Folders and metadata of the dataset: `slakh` is Slakh2100's, `musicgen` has folders `000000`, `000001`, ... with a
    #: `sample.json` each.
    layout: LayoutName = "slakh"
    #: With the layout musicgen: songs lie in folders that are called by so many first digits of their numbers,
    #: `000/000042`, and not in folders of splits; 0 has none.
    shard_width: Annotated[int, Field(ge=0, le=5)] = 0
    #: File format of stems and mix.
    format: Literal["flac", "wav"] = "flac"
    #: 16 or 24 are integers, 32 is float and WAV only.
    bits: Literal[16, 24, 32] = 24
    #: With `bits: 16`: add triangular dither of one step before stems are rounded, so that the error is white noise of
    #: -96 dB (rms) and follows the music no more. Exact silence stays silence, and stems still sum to the mix.
    dither: bool = False
    #: Sample rate, Hz.
    rate_hz: Literal[16000, 22050, 32000, 44100, 48000, 88200, 96000] = 44100
    #: 1 is mono, 2 is stereo.
    channels: Literal[1, 2] = 2
    #: What is published of a song beside its MIDI files and labels: `full` is mix and stems, `mix` and `stems` are one of
    #: both, and with `midi` nothing is rendered at all.
    parts: Literal["full", "mix", "stems", "midi"] = "full"
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

    @model_validator(mode="after")
    def _numbers_have_digits(self) -> OutputPlan:
        if self.shard_width and self.layout != "musicgen":
            raise ValueError("shard_width goes by the numbers of songs, which are names in the layout musicgen alone")
        return self

    @model_serializer(mode="wrap")
    def _without_default(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if not self.dither:
            values.pop("dither", None)
        return values

    @model_validator(mode="after")
    def _dither_is_for_16_bits(self) -> OutputPlan:
        if self.dither and self.bits != 16:
            raise ValueError(
                f"dither: true is for bits: 16; the error of {self.bits} bits lies far below what can be heard"
            )
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

    def shard_of(self, song: str) -> str:
        """Return the folder that a song's own lies in, by its name; nothing without shards."""
        return song[: self.shard_width]

    @property
    def has_mix(self) -> bool:
        """Whether the mix is published."""
        return self.parts in ("full", "mix")

    @property
    def has_stems(self) -> bool:
        """Whether the stems' audio is published."""
        return self.parts in ("full", "stems")

    @property
    def is_rendered(self) -> bool:
        """Whether anything sounds."""
        return self.parts != "midi"

    @property
    def form(self) -> AudioForm:
        """The form of the audio."""
        return AudioForm(format=self.format, bits=self.bits, rate_hz=self.rate_hz, channels=self.channels)


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
    #: A folder of MIDI (any depth), one file, or a text list of paths; relative to the plan's own folder. Left out where
    #: the songs are composed.
    source: str = ""
    #: What the NOTICE says of the music: `{kind: midi, name: My songs, licence: CC0-1.0, author: Me}`. Left out, the corpus
    #: that the source lies in, where the farm knows it (`farm assets`).
    corpus: Credit | None = None
    #: Songs that are composed, in place of a source.
    compose: ComposePlan | None = None
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
    licences: LicencePlan = LicencePlan()
    quality: QualityPlan = QualityPlan()
    store: StorePlan = StorePlan()
    #: Longest decay after the last note, seconds.
    tail_max_s: Annotated[float, Field(ge=0, le=120)] = 30.0
    #: What becomes of a song when one of its stems fails for good: it fails; it goes on without the stem; or the stem gets
    #: another patch of its group of the instrument map (`instruments.tries` of them at most), and all stems of the song
    #: that shared the one that failed with it.
    on_failed_stem: Literal["fail_song", "drop_stem", "other_patch"] = "fail_song"
    #: Keep raw stems in the store after their song is published.
    keep_store: bool = False
    #: Songs that are published already: skipped (`false`), or made again from the first stem on (`true`); each folder is
    #: replaced in one step when its song is whole.
    rerender_existing: bool = False

    @model_validator(mode="after")
    def _one_origin(self) -> DatasetPlan:
        if bool(self.source) == (self.compose is not None):
            raise ValueError("a plan has either `source` (where MIDI files are) or `compose` (songs to be written)")
        return self

    @model_validator(mode="after")
    def _no_dither_behind_a_limiter(self) -> DatasetPlan:
        if self.output.dither and self.mix.loudness_lufs is not None:
            raise ValueError(
                "output.dither rounds every stem with noise of its own, and mix.loudness_lufs moves them all by a limiter, which "
                "knows nothing of it: leave out one or the other (`farm convert --bits 16 --dither` dithers what is finished)"
            )
        return self

    @model_validator(mode="after")
    def _one_instrument_for_song_and_stems(self) -> DatasetPlan:
        if self.mix.made_of == "song" and self.instruments.map is not None:
            raise ValueError(
                "mix.made_of: song plays the file's own programs, and instruments.map has the stems played by others: "
                "leave the map out, or let the mix be made of the stems"
            )
        return self

    @model_validator(mode="after")
    def _one_soundfont_for_song_and_stems(self) -> DatasetPlan:
        if self.mix.made_of == "song" and self.pools:
            raise ValueError(
                "mix.made_of: song plays everything on one soundfont, and compose.soundfonts has the stems played by others: "
                "leave the pools out, or let the mix be made of the stems"
            )
        return self

    @model_validator(mode="after")
    def _recordings_are_stems(self) -> DatasetPlan:
        if self.mix.made_of == "song" and self.compose is not None and self.compose.samples is not None:
            raise ValueError(
                "mix.made_of: song plays the whole file on the soundfont, and compose.samples has recordings in it: leave one out"
            )
        return self

    @model_validator(mode="after")
    def _parts_hold_what_is_asked(self) -> DatasetPlan:
        parts = self.output.parts
        asked = {
            "output.submixes": bool(self.output.submixes),
            "mix.others": bool(self.mix.others),
            "mix.made_of: song": self.mix.made_of == "song",
        }
        if self.quality.min_score and not self.output.has_mix:
            raise ValueError(f"quality.min_score scores the mix, and output.parts: {parts} leaves it out")
        for key in (key for key, is_asked in asked.items() if is_asked and parts != "full"):
            raise ValueError(f"{key} needs both mix and stems, and output.parts: {parts} leaves some of them out")
        return self

    @model_validator(mode="after")
    def _turns_begin_with_the_first_song(self) -> DatasetPlan:
        if self.instruments.balance and self.compose is not None and self.compose.first:
            raise ValueError(
                f"instruments.balance takes patches in turn from song 0 on, and compose.first: {self.compose.first} begins behind "
                "it, so that its songs would be others than in the whole run: leave balance out, or begin with song 0"
            )
        return self

    @model_validator(mode="after")
    def _lengths_pass_the_filters(self) -> DatasetPlan:
        length_s = None if self.compose is None else self.compose.length_s
        if length_s is not None and not self.filters.min_duration_s < length_s < self.filters.max_duration_s:
            raise ValueError(
                f"compose.length_s: songs of {length_s:g} s are not between filters.min_duration_s "
                f"({self.filters.min_duration_s:g}) and filters.max_duration_s ({self.filters.max_duration_s:g})"
            )
        return self

    @model_validator(mode="after")
    def _roles_can_be_played(self) -> DatasetPlan:
        loaded = self.instruments.map if isinstance(self.instruments.map, InstrumentMap) else None
        groups = None if loaded is None else [group.name for group in loaded.groups]
        layers = None if self.compose is None else self.compose.layers
        check_roles(self.mix.every_role, channels=self.output.channels, groups=groups, layers=layers)
        return self

    @model_validator(mode="after")
    def _other_patches_are_somewhere(self) -> DatasetPlan:
        if self.on_failed_stem == "other_patch" and self.instruments.map is None and not self.pools:
            raise ValueError(
                "on_failed_stem: other_patch needs instruments.map, which says what other patches there are: name a map, "
                "such as gm-lax, or let the song fail (fail_song) or go on without the stem (drop_stem)"
            )
        return self

    @property
    def is_scored(self) -> bool:
        """Whether the mixes get scores."""
        asked = self.quality.score
        return self.output.has_mix and (
            asked or bool(self.quality.min_score) or (asked is None and self.compose is not None)
        )

    @property
    def pools(self) -> Pools:
        """Pools of soundfonts by layer; none where songs are found and not composed."""
        return {} if self.compose is None else self.compose.soundfonts

    @property
    def soundfont_words(self) -> list[str]:
        """Soundfonts beside its own that it names, in its instrument map or its pools, sorted."""
        made = self.instruments.loaded
        mapped = [] if made is None else made.soundfonts
        return sorted({*mapped, *([] if self.compose is None else self.compose.soundfont_words)})

    @property
    def plan_hash(self) -> str:
        """Identity of what will be made: the plan without its name and without where source, soundfonts and store lie.

        The same plan on another machine has the same hash; which soundfont it was, its own hash says. Which of the songs of
        a composer are made does not count either: each is the same in any range. A plan of an
        older farm keeps its hash: keys that came later count only where they differ from their default.
        """
        compose = None if self.compose is None else self.compose.portable()
        values = self.model_copy(update={"compose": compose}).model_dump(
            mode="json",
            exclude={
                "name": True,
                "source": True,
                "corpus": True,
                "store": True,
                "keep_store": True,
                "rerender_existing": True,
                "engine": {"soundfont"},
                "compose": {"first", "count"},
            },
        )
        if isinstance(self.instruments.map, InstrumentMap):
            values["instruments"]["map"] = self.instruments.map.hashed
        if self.compose is not None:
            values["compose"]["layer_order"] = self.compose.layer_order
        for key in LATER_KEYS:
            _drop_default(values, type(self), key.split("."))
        return content_hash(values)


def _drop_default(values: dict[str, Any], model: type[BaseModel], key: list[str]) -> None:
    """Take a key out of a dumped plan where it has its default."""
    name, *inner = key
    default = model.model_fields[name].get_default(call_default_factory=True)
    if inner:
        if name in values:
            _drop_default(values[name], type(default), inner)
    elif values.get(name) == (default.model_dump(mode="json") if isinstance(default, BaseModel) else default):
        values.pop(name, None)
