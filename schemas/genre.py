"""Genres: the data from which songs are composed. A folder with `genre.yaml`, and matrices and patterns beside it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

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
#: Kinds of scale that a key may name: `D dorian`. A key without one is major, with an `m` minor.
MODES: Final = ("major", "minor", "dorian", "phrygian", "lydian", "mixolydian", "locrian")
#: Those whose third is minor.
MINOR_MODES: Final = ("minor", "dorian", "phrygian", "locrian")
#: What the composer adds to a song, in the order of the signal.
EFFECTS: Final = ("compressor", "gain", "chorus", "ladder_filter", "phaser", "delay", "reverb")

#: A key: letter, accidental, `m` or the name of a mode.
KEY: Final = re.compile(r"^([A-G])([#b]?)(m?)(?: ([a-z]+))?$")
#: A chord: accidental, degree (small: minor), sign of its fifth, and what is added.
NUMERAL: Final = re.compile(r"^([b#]?)(III|II|IV|I|VII|VI|V|iii|ii|iv|i|vii|vi|v)(o|°|ø|\+)?(.*)$")
#: What may be added to a numeral.
SUFFIXES: Final = ("", "7", "9", "maj7", "M7", "maj9", "add9", "sus2", "sus4", "5")
#: One drum of a pattern: a General MIDI key, `!` accents it and `.` makes it a ghost note.
HIT: Final = re.compile(r"^(\d{1,3})([!.]?)$")
#: Keys in an octave: with fewer, a player could lack a note.
OCTAVE: Final = 12
_HIGHEST_KEY: Final = 127

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

    @field_validator("init_probs")
    @classmethod
    def _can_begin(cls, value: dict[str, float]) -> dict[str, float]:
        if not any(value.values()):
            raise ValueError("nothing has a weight above 0")
        return value

    @property
    def symbols(self) -> set[str]:
        """Every symbol that it names."""
        named = {word for key in self.transitions for word in key.split(",")}
        return named.union(self.init_probs, *self.transitions.values())


class LayerSpec(FarmModel):
    """One layer of a genre."""

    role: Literal["beat", "melody", "harmony", "bassline"]
    #: How likely it plays in a section.
    probability: Probability = 1.0
    #: General MIDI programs to draw from; a drum layer's are kits.
    programs: dict[Annotated[int, Field(ge=0, le=127)], Weight] = {0: 1.0}
    #: Of the soundfonts for every layer (`compose.soundfonts`), those with one of these tags play it; see `farm assets`.
    tags: list[str] = []
    #: How it is played: of `STYLES[role]`.
    style: str = ""
    #: Rhythms of a bar to draw from, `x` strikes, `-` holds, `.` rests, dividing the bar evenly: `x--.x-..`, or of one
    #: meter only: `3/4 x-.x.x`. Those that do not go with a section's meter are left out there; of drums the patterns say it.
    rhythms: list[Annotated[str, Field(pattern=r"^((2|3|4|5)/4 |(6|7|12)/8 )?[x.][x.-]*$")]] = []
    #: Lowest and highest key, an octave apart at least; of harmony, between which the middle of each chord lies.
    key_range: tuple[int, int] | None = None

    @field_validator("key_range")
    @classmethod
    def _an_octave(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not 0 <= value[0] <= value[1] - (OCTAVE - 1) <= _HIGHEST_KEY - (OCTAVE - 1):
            raise ValueError(
                "keys lie between 0 and 127, and from the lowest to the highest there is an octave at least"
            )
        return value

    @field_validator("programs")
    @classmethod
    def _some_program(cls, value: dict[int, float]) -> dict[int, float]:
        if not any(value.values()):
            raise ValueError("no program has a weight above 0")
        return value

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
    #: Parts of the range to draw from, such as `90-100`; left out, all tempos are alike.
    tempos: dict[str, Weight] = {}
    swing: Range = (0.5, 0.75)
    #: Values of swing about which songs lie; left out, the whole range is alike.
    swings: dict[float, Weight] = {}
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
    #: Factor of the probability of an effect in the mix, of `EFFECTS`.
    effects: dict[str, Annotated[float, Field(ge=0, le=10)]] = {}
    #: Progressions by section: Roman numerals separated by commas, each for one chord.
    progressions: dict[str, list[str]] = {}
    #: Chains of numerals for major keys and for minor ones; a key for which there is none has progressions.
    chord_matrix: Matrix | None = None
    minor_chord_matrix: Matrix | None = None
    #: How likely the chords of a section are of a chain where there are progressions too.
    chain: Probability = 1.0
    #: Chain of scale degrees, `1` to `7`.
    melody_matrix: Matrix | None = None
    #: Drum patterns by meter and section: `4/4` -> `verse`, or `verse_roll` for its last bar -> lines. Those of one layer
    #: among several: `congas/verse`.
    patterns: dict[str, dict[str, list[str]]] = {}

    @field_validator("meters", "patterns")
    @classmethod
    def _known_meters(cls, value: dict[str, Any]) -> dict[str, Any]:
        return _known(value, METERS, "meter")

    @field_validator("chord_types")
    @classmethod
    def _known_types(cls, value: dict[str, float]) -> dict[str, float]:
        return _known(value, tuple(CHORD_TYPES), "chord type")

    @field_validator("chord_filter")
    @classmethod
    def _known_filter(cls, value: list[str] | None) -> list[str] | None:
        if value is not None:
            _known(dict.fromkeys(value, 1.0), tuple(CHORD_TYPES), "chord type")
            if not value:
                raise ValueError("an empty filter leaves no chord; leave it out to allow all types")
        return value

    @field_validator("inversions")
    @classmethod
    def _known_inversions(cls, value: dict[str, float]) -> dict[str, float]:
        return _known(value, INVERSIONS, "inversion")

    @field_validator("effects")
    @classmethod
    def _known_effects(cls, value: dict[str, float]) -> dict[str, float]:
        for key in value:
            if key not in EFFECTS:
                raise ValueError(f"there is no effect {key!r}; there are {', '.join(EFFECTS)}")
        return value

    @field_validator("keys")
    @classmethod
    def _are_keys(cls, value: dict[str, float]) -> dict[str, float]:
        for key in value:
            key_mode(key)
        return _some(value, "key")

    @field_validator("tempos")
    @classmethod
    def _are_tempos(cls, value: dict[str, float]) -> dict[str, float]:
        for key in value:
            tempo_bucket(key)
        return _some(value, "range of tempos")

    @field_validator("structures")
    @classmethod
    def _are_structures(cls, value: dict[str, float]) -> dict[str, float]:
        for key in value:
            if not all(word.isidentifier() for word in key.split("-")):
                raise ValueError(f"{key!r} is no structure; write sections joined by `-`: intro-verse-chorus-outro")
        return _some(value, "structure")

    @field_validator("section_bars", "harmonic_rhythm", "swings")
    @classmethod
    def _above_zero(cls, value: dict[Any, Any]) -> dict[Any, Any]:
        for table in [inner for inner in value.values() if isinstance(inner, dict)] or [value]:
            if any(key <= 0 for key in table if not isinstance(key, str)):
                raise ValueError("every value must be above 0")
            if table and not any(table.values()):
                raise ValueError("none of the values has a weight above 0")
        return value

    @field_validator("progressions")
    @classmethod
    def _are_progressions(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        for line in [line for lines in value.values() for line in lines]:
            for symbol in line.split(","):
                check_numeral(symbol)
        return value

    @field_validator("chord_matrix", "minor_chord_matrix")
    @classmethod
    def _of_chords(cls, value: Matrix | None) -> Matrix | None:
        for symbol in () if value is None else value.symbols:
            check_numeral(symbol)
        return value

    @field_validator("melody_matrix")
    @classmethod
    def _of_degrees(cls, value: Matrix | None) -> Matrix | None:
        for symbol in () if value is None else value.symbols:
            if symbol not in tuple("1234567"):
                raise ValueError(f"there is no scale degree {symbol!r}; they are 1 to 7")
        return value

    @field_validator("patterns")
    @classmethod
    def _are_drums(cls, value: dict[str, dict[str, list[str]]]) -> dict[str, dict[str, list[str]]]:
        for line in [line for table in value.values() for lines in table.values() for line in lines]:
            check_pattern(line)
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Genre:
        for name in ("tempo_bpm", "swing", "velocity"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name}: the lowest value must not be above the highest")
        if self.tempo_bpm[0] <= 0 or self.tempo_bpm[1] > 400:
            raise ValueError("tempo_bpm: tempos lie above 0 and at most at 400")
        if self.swing[0] < 0.5 or self.swing[1] > 0.75:
            raise ValueError("swing: it lies between 0.5 (straight) and 0.75")
        if self.velocity[0] < 1 or self.velocity[1] > _HIGHEST_KEY:
            raise ValueError("velocity: it lies between 1 and 127")
        return self


def key_mode(word: str) -> str:
    """Return the mode of a key, such as `minor` of `F#m`.

    Raises:
        ValueError: it is no key.
    """
    found = KEY.match(word.strip())
    mode = "" if found is None else found[4] or ("minor" if found[3] else "major")
    if found is None or mode not in MODES or (found[3] and found[4]):
        raise ValueError(f"there is no key {word!r}; write `C`, `F#m` or `D dorian`, the modes are {', '.join(MODES)}")
    return mode


def tempo_bucket(word: str) -> Range:
    """Return the lowest and highest tempo of a bucket, such as `90-100`.

    Raises:
        ValueError: it is none.
    """
    low, sign, high = word.partition("-")
    try:
        bucket = float(low), float(high if sign else low)
    except ValueError:
        raise ValueError(f"{word!r} is no range of tempos; write `90-100`") from None
    if not 0 < bucket[0] <= bucket[1]:
        raise ValueError(f"{word!r} is no range of tempos: the lowest comes first")
    return bucket


def check_numeral(symbol: str) -> None:
    """Check that a word names a chord, such as `I`, `vi`, `V7`, `viio` or `bVII`.

    Raises:
        ValueError: it names none.
    """
    found = NUMERAL.match(symbol.strip())
    if found is None:
        raise ValueError(f"there is no chord {symbol.strip()!r}; write Roman numerals such as I, vi, V7, viio or bVII")
    if found[4] not in SUFFIXES:
        raise ValueError(f"the chord {symbol.strip()!r} ends in {found[4]!r}; known are {', '.join(SUFFIXES[1:])}")


def check_pattern(line: str) -> None:
    """Check that a line is a drum pattern: keys joined by `+`, entries separated by commas, 0 for a rest.

    Raises:
        ValueError: an entry is no drum.
    """
    for entry in line.split(","):
        for word in [] if entry.strip() == "0" else entry.split("+"):
            found = HIT.match(word.strip())
            if found is None or not 0 < int(found[1]) <= _HIGHEST_KEY:
                raise ValueError(
                    f"there is no drum {word.strip()!r} in `{line}`; write General MIDI keys such as 36, 38, 42"
                )


def progression_modes(progression: str) -> set[str]:
    """Return of which keys a progression is: `major`, `minor`, both where it has both tonics, none where nothing tells.

    Its tonic chords say it; where it has none, chords that stand in one of the two only.
    """
    plain = [_degree(word) for word in progression.split(",")]
    tonics = {mode for mode, tonic in (("major", "I"), ("minor", "i")) if tonic in plain}
    if tonics:
        return tonics
    if _ONLY_MAJOR & set(plain):
        return {"major"}
    return {"minor"} if _ONLY_MINOR & set(plain) else set()


#: Degrees with neither accidental nor sign that stand in major keys, and others that stand in minor ones.
_ONLY_MAJOR: Final = frozenset({"ii", "iii", "vi", "IV", "II"})
_ONLY_MINOR: Final = frozenset({"iio", "iiø", "ii°", "iv", "v", "III", "VI", "VII"})


def _degree(symbol: str) -> str:
    """Return degree and sign of a numeral without what is added; empty where it has an accidental."""
    found = NUMERAL.match(symbol.strip())
    return "" if found is None or found[1] else found[2] + (found[3] or "")


def _known(value: dict[str, Any], known: tuple[str, ...], what: str) -> dict[str, Any]:
    for key in value:
        if key not in known:
            raise ValueError(f"there is no {what} {key!r}; there are {', '.join(known)}")
    return _some(value, what)


def _some(value: dict[str, Any], what: str) -> dict[str, Any]:
    if value and not any(value.values()):
        raise ValueError(f"no {what} has a weight above 0")
    return value
