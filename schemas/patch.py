"""Patches: an engine and what it must load, fully determined, so that a job alone reproduces its audio."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated

from pydantic import Field

from schemas.assets import Credit
from schemas.base import FarmModel, content_hash
from schemas.instruments import MidiRules

#: Engine classes that a plan may name and a worker serves; each has its own queue of tickets.
ENGINES = ("fluidsynth",)

#: Bank of the percussion presets of a soundfont (SoundFont 2.04, section 7.2).
DRUM_BANK = 128


class AssetRef(FarmModel):
    """A file that an engine loads, known by its content; the path is a hint for the host that finds it."""

    name: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Field(ge=1)]
    licence: str = "unknown"
    path: str


class FluidSettings(FarmModel):
    """Settings of a FluidSynth instance; every one that changes the sound is here and so in the spec hash."""

    #: Level of the synthesiser; stems are floats and do not clip, and the mix sets the levels anew.
    gain: Annotated[float, Field(gt=0, le=10)] = 0.5
    #: FluidSynth's reverb, on every stem for itself.
    reverb: bool = False
    #: FluidSynth's chorus, on every stem for itself.
    chorus: bool = False
    #: Most voices at once; one more ends the least important that sounds.
    polyphony: Annotated[int, Field(ge=16, le=65535)] = 256
    #: Samples of the interpolation filter: 0 none, 1 linear, 4 third order, 7 seventh order.
    interpolation: Annotated[int, Field(ge=0, le=7)] = 4


class EngineFacts(FarmModel):
    """What a probe found on the workers: the engine, its version, and the soundfont with its hash and licence."""

    engine: str
    version: str
    library: str
    soundfont: AssetRef  #: the plan's
    soundfonts: dict[str, AssetRef] = {}  #: those that the plan's instrument map and pools name, by their words
    credits: list[Credit] = []  #: whose soundfonts they are, by name; empty where an older farm looked

    @property
    def map_hashes(self) -> dict[str, str]:
        """SHA-256 of the soundfonts that instrument map and pools name, by their names."""
        return {font.name: font.sha256 for font in sorted(self.soundfonts.values(), key=lambda font: font.name)}


class Patch(FarmModel):
    """One timbre: engine and version, asset, preset and settings."""

    engine: str
    engine_version: str
    asset: AssetRef
    bank: Annotated[int, Field(ge=0, le=16383)]
    program: Annotated[int, Field(ge=0, le=127)]
    settings: FluidSettings = FluidSettings()
    group: str = ""  #: of the instrument map; empty where the plan has none
    choice: str = ""  #: its name in that group
    octave_offset: int = 0  #: octaves by which it sounds above the key that is played
    rules: MidiRules | None = None  #: what is done to the notes before they are played; None where nothing is
    #: Plays a whole file on all channels, each with the bank and program that the file gives it; `bank` and `program` here
    #: count for nothing then.
    whole: bool = False

    @property
    def is_drum(self) -> bool:
        """Whether the patch is a drum kit (bank 128)."""
        return self.bank == DRUM_BANK

    @property
    def name(self) -> str:
        """Readable name, such as `TimGM6mb:000:033`; unique within one soundfont and set of settings."""
        if self.whole:
            return f"{self.asset.name}:whole"
        return f"{self.asset.name}:{self.bank:03d}:{self.program:03d}"

    @property
    def load_key(self) -> str:
        """What a slot must have loaded to be warm for this patch: all but the preset (16 hex digits)."""
        return _load_key(self.engine, self.engine_version, self.asset.sha256, self.settings)

    @property
    def identity(self) -> dict[str, object]:
        """Everything of the patch that may change the audio: not the path, not the licence, not what it is called."""
        rules = {} if self.rules is None else {"rules": self.rules.model_dump(mode="json")}
        whole = {"whole": True} if self.whole else {}
        return {"load_key": self.load_key, "bank": self.bank, "program": self.program, **rules, **whole}


@lru_cache(maxsize=4096)
def _load_key(engine: str, version: str, asset_sha256: str, settings: FluidSettings) -> str:
    return content_hash([engine, version, asset_sha256, settings.model_dump()])[:16]
