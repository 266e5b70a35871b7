"""Genres: the data from which songs are composed. A folder with `genre.yaml`, and matrices and patterns beside it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from schemas.base import FarmModel

#: Chord type -> semitones above the root.
CHORD_TYPES: Final[dict[str, tuple[int, ...]]] = {
    "maj": (0, 4, 7), "min": (0, 3, 7), "dom7": (0, 4, 7, 10), "maj7": (0, 4, 7, 11), "m7": (0, 3, 7, 10),
    "m7b5": (0, 3, 6, 10), "dim7": (0, 3, 6, 9), "sus2": (0, 2, 7), "sus4": (0, 5, 7), "9": (0, 4, 7, 10, 14),
    "maj9": (0, 4, 7, 11, 14), "m9": (0, 3, 7, 10, 14), "add9": (0, 4, 7, 14), "dim": (0, 3, 6), "aug": (0, 4, 8),
    "5": (0, 7),
}  # fmt: skip
INVERSIONS: Final = ("root", "first", "second", "third")
METERS: Final = ("2/4", "3/4", "4/4", "5/4", "6/8", "7/8", "12/8")
SECTIONS: Final = ("intro", "verse", "chorus", "bridge", "outro")
ROLES: Final = ("beat", "melody", "harmony", "bassline")

#: Ways of playing by role; the first where none is named.
STYLES: Final[dict[str, tuple[str, ...]]] = {
    "beat": ("patterns",),
    "melody": ("lead", "riff", "sparse"),
    "harmony": ("pad", "block", "arpeggio", "strum"),
    "bassline": ("roots", "fifths", "octaves", "walking"),
}

Weight = Annotated[float, Field(ge=0, le=1e6)]
Probability = Annotated[float, Field(ge=0, le=1)]
Range = tuple[float, float]


class Matrix(FarmModel):
    """A Markov chain of first or second order: the keys of `transitions` are `now`, or `before,now`."""

    order: Literal[1, 2] = 1
    init_probs: dict[str, Weight]
    transitions: dict[str, dict[str, Weight]] = {}


class LayerSpec(FarmModel):
    """One layer of a genre."""

    role: Literal["beat", "melody", "harmony", "bassline"]
    #: How likely it plays in a section.
    probability: Probability = 1.0
    #: General MIDI programs to draw from; a drum layer's are kits.
    programs: dict[Annotated[int, Field(ge=0, le=127)], Weight] = {0: 1.0}
    #: Soundfonts with one of these tags are drawn first; see `farm assets`.
    tags: list[str] = []
    #: How it is played: of `STYLES[role]`.
    style: str = ""
    #: Rhythms of a bar to draw from, `x` strikes, `-` holds, `.` rests, dividing the bar evenly: `x--.x-..`. Those that do
    #: not go with a section's meter are left out there; of drums the patterns say it.
    rhythms: list[Annotated[str, Field(pattern=r"^[x.][x.-]*$")]] = []
    #: Lowest and highest key.
    key_range: tuple[int, int] | None = None

    @model_validator(mode="after")
    def _known_style(self) -> LayerSpec:
        if self.style and self.style not in STYLES[self.role]:
            raise ValueError(
                f"there is no style {self.style!r} of a {self.role} layer; there are {', '.join(STYLES[self.role])}"
            )
        return self


class Genre(FarmModel):
    """Everything that a genre decides; weights need not sum to 1."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    description: str = ""
    tempo_bpm: Range = (60, 180)
    swing: Range = (0.5, 0.75)
    meters: dict[str, Weight] = {}
    #: How likely a section has another meter than the song.
    meter_change: Probability = 0.0
    keys: dict[str, Weight] = {}  #: such as `C`, `F#m`, or with a mode: `D dorian`
    chord_types: dict[str, Weight] = {}
    chord_filter: list[str] | None = None  #: only these types
    inversions: dict[str, Weight] = {}
    #: Chords in a bar: 0.5 is one for two bars.
    harmonic_rhythm: dict[float, Weight] = {1.0: 1.0}
    layers: dict[str, LayerSpec] = {}
    #: How likely a layer plays in a section, times the layer's own probability.
    sections: dict[str, dict[str, Probability]] = {}
    structures: dict[str, Weight] = {}  #: sections joined by `-`: `intro-verse-chorus`
    section_bars: dict[str, dict[int, Weight]] = {}
    #: Loudness of a section's notes relative to the others: factors of velocity.
    dynamics: dict[str, Annotated[float, Field(gt=0, le=2)]] = {}
    rests: Probability = 0.1  #: share of the melody's time
    humanise_ms: Annotated[float, Field(ge=0, le=30)] = 6.0
    velocity: tuple[int, int] = (60, 110)
    variation: Probability = 0.5  #: how much of a repeated section differs
    #: Factor of the probability of an effect in the mix.
    effects: dict[str, Annotated[float, Field(ge=0, le=10)]] = {}
    #: Progressions by section: Roman numerals separated by commas, each for one chord.
    progressions: dict[str, list[str]] = {}
    chord_matrix: Matrix | None = None
    melody_matrix: Matrix | None = None
    #: Drum patterns by meter and section (`4/4` -> `verse` or `verse_roll` -> lines), see the pattern files.
    patterns: dict[str, dict[str, list[str]]] = {}

    @field_validator("meters")
    @classmethod
    def _known_meters(cls, value: dict[str, float]) -> dict[str, float]:
        return _known(value, METERS, "meter")

    @field_validator("chord_types")
    @classmethod
    def _known_types(cls, value: dict[str, float]) -> dict[str, float]:
        return _known(value, tuple(CHORD_TYPES), "chord type")

    @field_validator("inversions")
    @classmethod
    def _known_inversions(cls, value: dict[str, float]) -> dict[str, float]:
        return _known(value, INVERSIONS, "inversion")

    @model_validator(mode="after")
    def _ordered(self) -> Genre:
        for name in ("tempo_bpm", "swing", "velocity"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name}: the lowest value must not be above the highest")
        return self


def _known(value: dict[str, float], known: tuple[str, ...], what: str) -> dict[str, float]:
    for key in value:
        if key not in known:
            raise ValueError(f"there is no {what} {key!r}; there are {', '.join(known)}")
    if value and not any(value.values()):
        raise ValueError(f"no {what} has a weight above 0")
    return value
