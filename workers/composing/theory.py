"""Keys, scales, Roman numerals, chord types and their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.errors import PlanError
from schemas.genre import CHORD_TYPES, KEY, MINOR_MODES, NUMERAL

#: Semitones of the degrees above the tonic.
MODES: Final[dict[str, tuple[int, ...]]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
}
_LETTERS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SHARPS: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FLATS: Final = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
#: Signatures of the major keys by pitch class: sharps, negative for flats; of the two spellings of F sharp the sharps.
_SIGNATURES: Final = {0: 0, 1: -5, 2: 2, 3: -3, 4: 4, 5: -1, 6: 6, 7: 1, 8: -4, 9: 3, 10: -2, 11: 5}
_DEGREES: Final = {"I": 0, "II": 1, "III": 2, "IV": 3, "V": 4, "VI": 5, "VII": 6}
_LEADING_TONE: Final = 11
_FIFTH_DEGREE: Final = 4
_SEVENTH_DEGREE: Final = 6


@dataclass(frozen=True)
class Key:
    """A tonic and a mode."""

    tonic: int  #: pitch class
    mode: str  #: of `MODES`
    name: str  #: as it was written, such as `F#m`

    @property
    def scale(self) -> tuple[int, ...]:
        """Pitch classes of the degrees, from the tonic."""
        return tuple((self.tonic + step) % 12 for step in MODES[self.mode])

    @property
    def is_minor(self) -> bool:
        """Whether its third is minor."""
        return self.mode in MINOR_MODES

    @property
    def sharps(self) -> int:
        """Sharps of its signature (negative: flats): that of the major key with the same notes."""
        return _SIGNATURES[(self.tonic - _OFFSETS[self.mode]) % 12]

    @property
    def signature(self) -> str:
        """The major or minor key of the same signature and third, as MIDI files write it: `Bb`, `F#m`."""
        offset = 9 if self.is_minor else 0
        tonic = ((self.sharps * 7) + offset) % 12
        return (_SHARPS if self.sharps > 0 else _FLATS)[tonic] + ("m" if self.is_minor else "")

    def pitch_name(self, pitch_class: int) -> str:
        """Spell a pitch class with the accidentals of the key."""
        return (_FLATS if self.sharps < 0 else _SHARPS)[pitch_class % 12]


#: Semitones from the tonic of the major key with the same notes up to the mode's own tonic.
_OFFSETS: Final = {
    "major": 0, "dorian": 2, "phrygian": 4, "lydian": 5, "mixolydian": 7, "minor": 9, "locrian": 11,
}  # fmt: skip


def parse_key(word: str) -> Key:
    """Read a key, such as `C`, `Bbm`, `F#m` or `D dorian`.

    Raises:
        PlanError: it is none.
    """
    found = KEY.match(word.strip())
    mode = "" if found is None else found[4] or ("minor" if found[3] else "major")
    if found is None or mode not in MODES or (found[3] and found[4]):
        raise PlanError(
            f"there is no key {word!r}", hint=f"Write `C`, `F#m` or `D dorian`; the modes are {', '.join(MODES)}"
        )
    tonic = _LETTERS[found[1]] + {"": 0, "#": 1, "b": -1}[found[2]]
    return Key(tonic % 12, mode, word.strip())


@dataclass(frozen=True)
class Numeral:
    """A Roman numeral: where its root lies above the tonic, and what kinds of chord it may be."""

    symbol: str
    offset: int  #: semitones
    family: str  #: `major`, `minor`, `dominant`, `diminished` or `augmented`
    plain: str  #: chord type that it names itself

    def types(self) -> tuple[str, ...]:
        """Chord types that keep its function, the plainest first."""
        return _FAMILIES[self.family]


_FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "major": ("maj", "maj7", "add9", "maj9", "sus2", "sus4", "5"),
    "dominant": ("dom7", "maj", "9", "sus4", "5"),
    "minor": ("min", "m7", "m9", "sus2", "sus4", "5"),
    "diminished": ("dim", "m7b5", "dim7"),
    "augmented": ("aug",),
}
_SUFFIXES: Final = {
    "maj7": ("major", "maj7"), "M7": ("major", "maj7"), "maj9": ("major", "maj9"), "add9": ("major", "add9"),
    "sus2": (None, "sus2"), "sus4": (None, "sus4"), "5": (None, "5"),
}  # fmt: skip


def parse_numeral(symbol: str, key: Key) -> Numeral:
    """Read a Roman numeral in a key: `I`, `vi`, `viio`, `bVII`, `V7`, `ii7`, `iiø7`, `IVmaj7`, `Vsus4`.

    Degrees are those of the key's mode; a flat lowers that of the major scale, so that `bVII` is one and the same chord in
    all of them. In minor modes a diminished `vii` stands on the leading tone, as it does in
    harmonic minor.

    Raises:
        PlanError: it is none.
    """
    found = NUMERAL.match(symbol.strip())
    if found is None:
        raise PlanError(f"there is no chord {symbol!r}", hint="Write Roman numerals such as I, vi, V7, viio or bVII")
    accidental, letters, sign, suffix = found.groups()
    degree = _DEGREES[letters.upper()]
    family, plain = _kind(symbol, letters, sign, suffix, degree)
    offset = MODES["major"][degree] - 1 if accidental == "b" else MODES[key.mode][degree] + (accidental == "#")
    if key.is_minor and degree == _SEVENTH_DEGREE and family == "diminished" and not accidental:
        offset = _LEADING_TONE
    return Numeral(symbol.strip(), offset % 12, family, plain)


def _kind(symbol: str, letters: str, sign: str | None, suffix: str, degree: int) -> tuple[str, str]:
    """Return family and own chord type of a numeral."""
    is_major = letters.isupper()
    if sign in ("o", "°"):
        return "diminished", "dim7" if suffix == "7" else "dim"
    if sign == "ø":
        return "diminished", "m7b5"
    if sign == "+":
        return "augmented", "aug"
    plain_family = ("dominant" if degree == _FIFTH_DEGREE else "major") if is_major else "minor"
    if not suffix:
        return plain_family, "maj" if is_major else "min"
    if suffix in ("7", "9"):
        types = {"7": ("dom7", "m7"), "9": ("9", "m9")}[suffix]
        return ("dominant", types[0]) if is_major else ("minor", types[1])
    if suffix in _SUFFIXES:
        family, plain = _SUFFIXES[suffix]
        return family or plain_family, plain
    raise PlanError(f"the chord {symbol!r} ends in {suffix!r}", hint=f"Known are 7, 9, {', '.join(_SUFFIXES)}")


#: Chord types in the syntax of Harte et al. (ISMIR 2005), with the later shorthands of mir_eval.
_HARTE: Final = {
    "maj": "maj", "min": "min", "dom7": "7", "maj7": "maj7", "m7": "min7", "m7b5": "hdim7", "dim7": "dim7",
    "sus2": "sus2", "sus4": "sus4", "9": "9", "maj9": "maj9", "m9": "min9", "add9": "maj(9)", "dim": "dim",
    "aug": "aug", "5": "(1,5)",
}  # fmt: skip
_INTERVALS: Final = {
    0: "1", 2: "2", 3: "b3", 4: "3", 5: "4", 6: "b5", 7: "5", 8: "#5", 9: "bb7", 10: "b7", 11: "7", 14: "9",
}  # fmt: skip


def harte(root: str, quality: str, inversion: int = 0) -> str:
    """Return the label of a chord, such as `D:min7/b3`.

    Args:
        root: name of its root.
        quality: of `CHORD_TYPES`.
        inversion: which of its notes is the lowest; 0 is the root.
    """
    bass = CHORD_TYPES[quality][inversion]
    return f"{root}:{_HARTE[quality]}" + (f"/{_INTERVALS[bass]}" if inversion else "")
