"""The annotation of a published song: one JSON file, times in seconds from the start of the audio.

Conventions: intervals are (start, end) with start < end; lists are sorted by time; levels are in dB relative to
full scale (dBFS) or loudness units (LUFS, ITU-R BS.1770-4); pitches are MIDI numbers, 60 = C4 = 261.63 Hz.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from schemas.base import FarmModel
from schemas.convert import Conversion
from schemas.effects import AppliedEffect
from schemas.limiter import Limiter
from schemas.patch import PatchUse
from schemas.quality import AudioScore, Rejection, SongQuality, StemQuality, SymbolicScore
from schemas.replaced import Replaced
from schemas.roles import OtherMix
from schemas.rules import MidiRules
from schemas.samples import StemSample
from schemas.submix import Submix
from schemas.whole import WholeMix

Time = Annotated[float, Field(ge=0)]

#: Findings of stems without audio, whose MIDI is published all the same: given up, and without a patch in the map.
DROPPED: Final = "dropped"
NO_PATCH: Final = "no_patch"


class TempoChange(FarmModel):
    time_s: Time
    bpm: Annotated[float, Field(gt=0)]  #: quarter notes per minute


class Meter(FarmModel):
    time_s: Time
    numerator: Annotated[int, Field(ge=1)]
    denominator: Annotated[int, Field(ge=1)]


class KeySignature(FarmModel):
    time_s: Time
    tonic: str  #: C, F#, Bb ...
    mode: Literal["major", "minor"]


class Beat(FarmModel):
    """One beat: the meter's note value, or three of them in compound meters (6/8, 9/8, 12/8 and the like)."""

    time_s: Time
    bar: Annotated[int, Field(ge=1)]
    position: Annotated[int, Field(ge=1)]  #: 1 is the downbeat


class Notes(FarmModel):
    """The notes of a stem as columns of equal length, sorted by onset, then pitch."""

    onset_s: list[float]
    offset_s: list[float]  #: when the note is released by key and pedals; the sound's own decay follows
    key_off_s: list[float]  #: when the key alone is released
    pitch: list[Annotated[int, Field(ge=0, le=127)]]
    velocity: list[Annotated[int, Field(ge=1, le=127)]]
    bent: list[bool]  #: the pitch wheel or tuning is off centre at some time while the note sounds
    sounding: list[bool]  #: false where the patch has no sample for the note


class StemAnnotation(FarmModel):
    name: str
    audio: str | None  #: path in the track's folder; None when the stem is not published as audio
    midi: str  #: the music as it sounds: its keys are those that are heard
    #: What the instrument was sent, where that has other keys: a patch may sound octaves away from them.
    midi_played: str | None = None
    inst_class: str
    is_drum: bool
    program: int  #: 0-127, the General MIDI program (the kit's program for drums)
    bank: int
    program_name: str
    track_name: str
    engine: str = ""  #: that played it; empty without a patch, and in datasets of an older farm
    engine_version: str = ""
    #: Soundfont, bank and program, or the name of a patch file; empty where the instrument map has no patch for the part.
    patch: str
    preset: str
    preset_program: int | None = None  #: 0-127, of the soundfont's preset that sounded; None where none did
    group: str = ""  #: of the instrument map; empty where the plan has none
    choice: str = ""  #: the patch's name in that group
    octave_offset: int = 0  #: octaves by which the patch sounds above the keys that it was sent
    rules: MidiRules | None = None  #: what was done to the song's keys before they were played
    soundfont: str = ""
    soundfont_sha256: str = ""
    plugin: str = ""  #: name of the plug-in that played it, or of the source in Faust
    plugin_sha256: str = ""  #: of its binary, or of the source
    #: Level of the difference between two renders of it, dB relative to the loudest sample; None where they are the same.
    repeat_db: float | None = None
    licence: str = ""  #: of the patch, or of its soundfont, plug-in or recording
    #: The recording that it is, of a composed song; the key is only there where it is one.
    sample: StemSample | None = None
    #: Patches that it was to be played by before and that failed, in order; the key is only there where there are any.
    replaces: list[Replaced] = []
    silent: bool  #: excluded from the loudness match since it has no loudness to match
    loudness_lufs: float | None  #: of the raw stem, before gains
    published_loudness_lufs: (
        float | None
    )  #: as measured of the published file; gates make it differ from loudness + gain
    gain_db: float  #: what was applied to the raw stem: loudness match, gain of its role, common gain
    #: What it went through before it was mixed, in order; the key is only there where there is anything. Loudness and active
    #: regions are those after it.
    effects: list[AppliedEffect] = []
    #: Of its role in the mix, a part of `gain_db`. This and the next two keys are only there where they say something.
    role_gain_db: float = 0.0
    pan: float = 0.0  #: -1 is left, 1 is right
    #: What left and right were multiplied with for the pan, beside the gain; None where there was none.
    balance: tuple[float, float] | None = None
    peak_dbfs: float | None  #: of the published stem; None for digital silence
    active_regions: list[tuple[float, float]]
    findings: list[str]
    quality: StemQuality | None = None  #: measured of the render; only there where there is audio
    notes: Notes

    @property
    def is_played(self) -> bool:
        """Whether its notes are part of the song as it sounds: false where it was given up or no patch plays it."""
        return not {DROPPED, NO_PATCH} & set(self.findings)

    @model_serializer(mode="wrap")
    def _without_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if not self.replaces:
            del values["replaces"]
        if not self.effects:
            del values["effects"]
        if self.sample is None:
            del values["sample"]
        if self.quality is None:
            del values["quality"]
        if not (self.role_gain_db or self.pan):
            for key in ("role_gain_db", "pan", "balance"):
                del values[key]
        return values


class MixAnnotation(FarmModel):
    audio: str | None  #: path in the track's folder; None where the plan publishes stems or MIDI alone
    peak_dbfs: float | None
    true_peak_dbtp: float | None  #: measured where the plan says `mix.peak: true`
    loudness_lufs: float | None
    common_gain_db: float
    #: The published stems sum to it: exactly, where they are integers.
    is_sum: bool = True
    whole: WholeMix | None = None  #: what is known of it where it is a render of the whole song instead
    #: What was taken off mix and stems alike where the plan asks for a loudness of the mix; the key is only there then.
    limiter: Limiter | None = None

    @model_serializer(mode="wrap")
    def _without_limiter(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if self.limiter is None:
            del values["limiter"]
        return values


class ComposedBar(FarmModel):
    time_s: Time
    numerator: Annotated[int, Field(ge=1)]
    denominator: Annotated[int, Field(ge=1)]
    section: Annotated[int, Field(ge=0)]  #: index of its section


class ComposedSection(FarmModel):
    """One occurrence of a section."""

    name: str
    occurrence: Annotated[int, Field(ge=1)]
    start_s: Time
    end_s: Time
    layers: list[str]  #: those that play in it


class ComposedChord(FarmModel):
    start_s: Time
    end_s: Time
    label: str  #: in the syntax of Harte et al. (ISMIR 2005), such as `D:min7/b3`
    root: str
    quality: str
    inversion: Annotated[int, Field(ge=0, le=3)]
    numeral: str


class ComposedLayer(FarmModel):
    name: str
    role: str
    program: Annotated[int, Field(ge=0, le=127)]
    stems: list[str]  #: names of its stems; none where it plays no note


class ComposedSong(FarmModel):
    """What the composer knows of a song that it wrote."""

    number: int
    genres: list[str]
    genre_sha256: str  #: of the data that the genre is made of
    key: str
    mode: str
    tempo_bpm: float  #: quarter notes a minute
    swing: float  #: where the off-beat lies in its beat; 0.5 is straight
    end_s: Time  #: of the last bar
    bars: list[ComposedBar]
    sections: list[ComposedSection]
    chords: list[ComposedChord]
    layers: list[ComposedLayer]
    attempt: Annotated[int, Field(ge=0)] = 0  #: the try that it is; 0 is the first
    symbolic: SymbolicScore | None = None  #: of the check before it was played
    rejected: list[Rejection] = []  #: tries that were thrown away


class Provenance(FarmModel):
    """What the song was made from and with; nothing of when, where or by whom, so that bytes never differ."""

    song_sha256: str
    song_md5: str
    source: str
    seed: int
    plan_sha256: str
    engine: str
    engine_version: str
    soundfont: str
    soundfont_sha256: str
    soundfont_licence: str
    soundfonts: dict[str, str] = {}  #: SHA-256 of every soundfont that the plan's instrument map names, by name
    engines: dict[str, str] = {}  #: version of every engine that may have played a stem, by name
    patches: dict[str, PatchUse] = {}  #: what the patch files that the map names stood for, by name
    farm_version: str
    #: SHA-256 of all data files that the plan has read: genres with patterns and matrices, presets, maps, libraries. This and
    #: the next two keys are only there where they say something.
    data_sha256: str = ""
    assets: dict[str, str] = {}  #: every file that sounds in it: SHA-256 -> kind and name, such as `soundfont TimGM6mb`
    composer_version: str = ""  #: of songs that the farm has written itself: a hash of the composer's own text

    @model_serializer(mode="wrap")
    def _without_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        for key in ("data_sha256", "assets", "composer_version"):
            if not values[key]:
                del values[key]
        return values


class SongAnnotation(FarmModel):
    schema_version: Literal[1] = 1
    track: str
    duration_s: Time
    frames: int
    rate_hz: int
    channels: int
    #: FluidSynth starts every event at the nearest multiple of this; other engines are at most half of it off, too.
    timing_grid_s: float
    tempo: list[TempoChange]
    meters: list[Meter]
    keys: list[KeySignature]
    beats: list[Beat]
    downbeats_s: list[float]
    stems: list[StemAnnotation]
    mix: MixAnnotation
    #: When samples were last rounded, it was with triangular dither; the key is only there where it is true.
    dither: bool = False
    submixes: list[Submix] = []  #: sums of some of the stems, after recipes
    mixes: list[OtherMix] = []  #: other mixes of the same raw stems; the key is only there where there are any
    quality: SongQuality | None = None  #: None in datasets of an older farm
    score: AudioScore | None = None  #: of the mix, before any conversion; the key is only there where it was scored
    conversions: list[Conversion] = []  #: what was done to the audio after it was published, in order
    warnings: dict[str, int]
    composed: ComposedSong | None = None  #: of songs that the farm has written itself
    provenance: Provenance

    @model_serializer(mode="wrap")
    def _without_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if not self.mixes:
            del values["mixes"]
        if not self.dither:
            del values["dither"]
        if self.quality is None:
            del values["quality"]
        if self.score is None:
            del values["score"]
        return values

    def quality_block(self) -> dict[str, Any] | None:
        """Return what the checks found of song and stems, as the layout's metadata says it; None where nothing is known."""
        if self.quality is None:
            return None
        stems = {
            stem.name: {**stem.quality.model_dump(mode="json"), "findings": stem.findings}
            for stem in self.stems
            if stem.quality is not None
        }
        score = {} if self.score is None else {"score": self.score.model_dump(mode="json")}
        return {**self.quality.model_dump(mode="json"), **score, "stems": stems}
