"""Patches: an engine and what it must load, fully determined, so that a job alone reproduces its audio."""

from __future__ import annotations

from functools import lru_cache
from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import Field

from schemas.base import FarmModel, content_hash
from schemas.rules import Key, MidiRules

#: Engine classes that a plan may name and a worker serves; each has its own queue of tickets.
ENGINES = ("fluidsynth", "faust", "dawdreamer")

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


#: What MIDI asks of an instrument besides its notes.
Control = Literal["sustain", "bend", "bend_range", "volume", "expression", "pan", "modulation"]


class SoundSettings(FarmModel):
    """What is known of an instrument that is no preset of a soundfont, whatever engine plays it."""

    #: What it answers to by itself. Of the rest the farm does what it can: notes are held as the pedal holds them, and
    #: volume, expression and pan become gains of the audio. Bends and modulation that nothing plays are a warning.
    plays: tuple[Control, ...] = ("sustain", "bend", "bend_range", "volume", "expression", "pan", "modulation")
    #: Semitones that a full pitch bend moves it by. With `bend_range` among what it plays, a part may set another range
    #: (RPN 0); else the farm sends it bends that are right for this one.
    bend_range: Annotated[float, Field(gt=0, le=96)] = 2.0
    #: Whether it is a drum kit.
    drums: bool = False
    #: Key of General MIDI -> key on which this instrument has that drum; labels keep the key of General MIDI.
    drum_map: dict[Key, Key] = {}
    #: Whether noise is its nature, so that the audio check does not look for tones.
    noisy: bool = False
    #: How long a note may sound on after its release, seconds: what is rendered at first; more only where it still sounds.
    tail_s: Annotated[float, Field(gt=0, le=120)] = 5.0
    #: How much later than its MIDI a note may begin to sound, seconds: an attack that is slow by its nature.
    onset_s: Annotated[float, Field(ge=0, le=5)] = 0.0
    #: Level of the difference between two renders of one job, dB relative to the loudest sample of one; left out, they
    #: are equal bit for bit.
    repeat_db: Annotated[float, Field(ge=-200, le=20)] | None = None
    #: Parameters by name, each 0 to 1 for a plug-in, in its own unit for Faust.
    parameters: dict[str, float] = {}

    def __hash__(self) -> int:
        """Settings are parts of keys, and hold dictionaries."""
        return hash((type(self).__name__, self.model_dump_json()))


class PluginSettings(SoundSettings):
    """Settings of a plug-in instrument."""

    #: URI of an LV2 plug-in, or the file or bundle of any other: a path, or a name to look for where plug-ins are kept.
    plugin: Annotated[str, Field(min_length=1)]
    format: Literal["lv2", "vst2", "vst3", "au"]
    #: File with a saved preset or state, in a form that the format has; it is loaded before the parameters are set.
    preset: str | None = None
    preset_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    #: Number of the plug-in's own program that is chosen first, from 0.
    program: Annotated[int, Field(ge=0, le=16383)] | None = None
    #: What a stem leaves behind that would be heard in the next one: nothing (`none`), so that the plug-in stays as it is;
    #: something that only a new instance (`instance`) or a new process (`process`) is free of.
    leaves: Literal["none", "instance", "process"] = "instance"
    #: How long it may take after its load until it sounds, seconds: longer for what reads many samples.
    ready_s: Annotated[float, Field(gt=0, le=100)] = 20.0

    def portable(self) -> PluginSettings:
        """Return the settings with file names in place of the paths of this machine."""
        plugin = self.plugin if self.format == "lv2" else PurePath(self.plugin).name
        preset = None if self.preset is None else PurePath(self.preset).name
        return self.model_copy(update={"plugin": plugin, "preset": preset})


class FaustSettings(SoundSettings):
    """Settings of an instrument in Faust."""

    #: File name of its source.
    source: Annotated[str, Field(pattern=r"^[^/]+\.dsp$")]
    #: Most notes at once.
    voices: Annotated[int, Field(ge=1, le=256)] = 32


Settings = FluidSettings | PluginSettings | FaustSettings


class PatchUse(FarmModel):
    """What a patch file stood for where it was played: enough to tell whether another host has the same."""

    engine: str
    engine_version: str
    plugin: str  #: the plug-in's own name, or the source's
    sha256: str  #: of the plug-in's binary, or of the source
    licence: str


class Patch(FarmModel):
    """One timbre: engine and version, asset, preset and settings."""

    engine: str
    engine_version: str
    asset: AssetRef  #: soundfont, plug-in (its binary) or source text
    bank: Annotated[int, Field(ge=0, le=16383)] = 0  #: of the preset in a soundfont
    program: Annotated[int, Field(ge=0, le=127)] = 0
    settings: Settings = FluidSettings()
    title: str = ""  #: name of its patch file; empty for a preset of a soundfont
    group: str = ""  #: of the instrument map; empty where the plan has none
    choice: str = ""  #: its name in that group
    octave_offset: int = 0  #: octaves by which it sounds above the key that is played
    rules: MidiRules | None = None  #: what is done to the notes before they are played; None where nothing is
    #: Plays a whole file on all channels, each with the bank and program that the file gives it; `bank` and `program` here
    #: count for nothing then.
    whole: bool = False

    @property
    def is_drum(self) -> bool:
        """Whether the patch is a drum kit (of a soundfont: bank 128)."""
        if isinstance(self.settings, SoundSettings):
            return self.settings.drums
        return self.bank == DRUM_BANK

    @property
    def sound(self) -> SoundSettings | None:
        """What is known of an instrument that is no preset of a soundfont; None for one that is."""
        return self.settings if isinstance(self.settings, SoundSettings) else None

    @property
    def use(self) -> PatchUse:
        """What is told of it in a dataset."""
        return PatchUse(
            engine=self.engine,
            engine_version=self.engine_version,
            plugin=self.asset.name,
            sha256=self.asset.sha256,
            licence=self.asset.licence,
        )

    @property
    def repeats(self) -> bool:
        """Whether two renders of a job are equal bit for bit."""
        return not isinstance(self.settings, SoundSettings) or self.settings.repeat_db is None

    @property
    def name(self) -> str:
        """Readable name, such as `TimGM6mb:000:033` or `mda-piano`; unique within one asset and set of settings."""
        if self.title:
            return self.title
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


class EngineFacts(FarmModel):
    """What a probe found on the workers: the engine, its version, and the soundfont with its hash and licence."""

    engine: str
    version: str
    library: str
    soundfont: AssetRef  #: the plan's
    soundfonts: dict[str, AssetRef] = {}  #: those that the plan's instrument map names, by the words of the map
    patches: dict[str, Patch] = {}  #: of the patch files that the map names, by their names

    @property
    def engines(self) -> dict[str, str]:
        """Version of every engine that may play a stem, by its name."""
        return {self.engine: self.version} | {patch.engine: patch.engine_version for patch in self.patches.values()}

    @property
    def uses(self) -> dict[str, PatchUse]:
        """What each patch file that the map names stands for, by its name."""
        return {name: patch.use for name, patch in sorted(self.patches.items())}

    @property
    def map_hashes(self) -> dict[str, str]:
        """SHA-256 of the soundfonts that the instrument map names, by their names."""
        return {font.name: font.sha256 for font in sorted(self.soundfonts.values(), key=lambda font: font.name)}


@lru_cache(maxsize=4096)
def _load_key(engine: str, version: str, asset_sha256: str, settings: Settings) -> str:
    named = settings.portable() if isinstance(settings, PluginSettings) else settings
    return content_hash([engine, version, asset_sha256, named.model_dump(mode="json")])[:16]
