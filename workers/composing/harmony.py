"""The chords of a song: progressions or chains of numerals, made into chord types and inversions, and voiced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from schemas.genre import CHORD_TYPES, INVERSIONS, Genre, progression_modes
from schemas.score import Bar, Chord, Section
from workers.composing.context import SongContext
from workers.composing.draws import Stream
from workers.composing.markov import walk
from workers.composing.meters import beats_of
from workers.composing.theory import Key, Numeral, parse_numeral

#: Where chords are voiced when a genre gives the harmony no register: from G3 to C5.
REGISTER: Final = (55, 72)
_FALLBACK: Final = ("I", "IV", "V", "vi")
_FALLBACK_MINOR: Final = ("i", "iv", "v", "VI")
#: What a seventh chord that a progression asks for may be besides itself.
_SPELT: Final = {"dom7": ("dom7", "9"), "m7": ("m7", "m9"), "maj7": ("maj7", "maj9")}


def write_chords(song: SongContext) -> list[Chord]:
    """Return the chords of all sections, without a gap; each occurrence of a section has the chords of its name."""
    chords: list[Chord] = []
    for section in song.sections:
        chords += _of_section(song, section, chords[-1].keys if chords else [])
    return chords


def _of_section(song: SongContext, section: Section, before: Sequence[int]) -> list[Chord]:
    genre, draws = song.genre, song.draws
    bars, is_last = song.bars_of(section), section.end == song.end
    per_bar = draws.stream("harmonic rhythm", section.name).choice(genre.harmonic_rhythm)
    spans = _spans(bars[:-1], per_bar) + _spans(bars[-1:], 1.0) if is_last else _spans(bars, per_bar)
    symbols = _symbols(genre, song.key, section.name, len(spans), draws.stream("chords", section.name))
    if is_last:
        ending = [_before_the_end(genre, song.key, draws.stream("cadence")), tonic(song.key)]
        symbols = [*symbols[:-2], *ending][-len(spans) :]
    kinds = draws.stream("chord types", section.name)
    chosen: dict[str, tuple[str, int]] = {}
    chords: list[Chord] = []
    for symbol, (start, end) in zip(symbols, spans, strict=True):
        numeral = parse_numeral(symbol, song.key)
        if symbol not in chosen:
            chosen[symbol] = _kind(numeral, genre, kinds)
        quality, inversion = chosen[symbol]
        inversion = 0 if end == song.end else inversion
        root = (song.key.tonic + numeral.offset) % 12
        keys = voiced(root, quality, inversion, before, _register(genre))
        chords.append(
            Chord(start=start, end=end, root=root, quality=quality, inversion=inversion, numeral=symbol, keys=keys)
        )
        before = keys
    return chords


def _spans(bars: Sequence[Bar], per_bar: float) -> list[tuple[int, int]]:
    """Return start and end of the chords of some bars: several a bar, each of whole beats, or several bars each."""
    if per_bar < 1:
        together = max(1, round(1 / per_bar))
        groups = [bars[at : at + together] for at in range(0, len(bars), together)]
        return [(group[0].start, group[-1].start + group[-1].ticks) for group in groups]
    return [span for bar in bars for span in _in_bar(bar, round(per_bar))]


def _in_bar(bar: Bar, count: int) -> list[tuple[int, int]]:
    beats = beats_of(bar.meter)
    count = min(count, len(beats))
    firsts = [len(beats) * number // count for number in range(count)]
    starts = [bar.start + beats[first].start for first in firsts]
    return list(zip(starts, [*starts[1:], bar.start + bar.ticks], strict=True))


def _symbols(genre: Genre, key: Key, section: str, count: int, stream: Stream) -> list[str]:
    """Return the numerals of a section: a chain of the genre's matrix, or one of its progressions again and again."""
    matrix = genre.minor_chord_matrix if key.is_minor else genre.chord_matrix
    lines = [line for line in genre.progressions.get(section, []) if is_in(line, key)]
    if matrix is not None and (not lines or stream.chance(genre.chain)):
        return walk(matrix, count, stream)
    cycle = [word.strip() for word in stream.pick(lines).split(",")] if lines else []
    cycle = cycle or list(_FALLBACK_MINOR if key.is_minor else _FALLBACK)
    return [cycle[number % len(cycle)] for number in range(count)]


def tonic(key: Key) -> str:
    """Return the numeral on which songs of a key end."""
    return "i" if key.is_minor else "I"


def _before_the_end(genre: Genre, key: Key, stream: Stream) -> str:
    """Draw the last chord but one: what goes to the tonic in the genre's own chains and progressions, else its dominant."""
    goal = tonic(key)
    matrix = genre.minor_chord_matrix if key.is_minor else genre.chord_matrix
    weights: dict[str, float] = {}
    for row, after in () if matrix is None else sorted(matrix.transitions.items()):
        before = row.split(",")[-1].strip()
        weights[before] = weights.get(before, 0.0) + after.get(goal, 0.0) / (sum(after.values()) or 1.0)
    for line in [line for name in sorted(genre.progressions) for line in genre.progressions[name] if is_in(line, key)]:
        cycle = [word.strip() for word in line.split(",")]
        for before, now in zip([cycle[-1], *cycle[:-1]], cycle, strict=True):
            if now == goal:
                weights[before] = weights.get(before, 0.0) + 1.0
    leading = {symbol: weight for symbol, weight in weights.items() if weight > 0 and not _is_tonic(symbol)}
    return stream.choice(leading) if leading else "V"


def _is_tonic(symbol: str) -> bool:
    return "".join(letter for letter in symbol if letter in "IViv") in ("I", "i") and symbol[:1] not in "b#"


def is_in(progression: str, key: Key) -> bool:
    """Whether a progression is of the key's mode: it has a tonic chord with its third, or none at all."""
    modes = progression_modes(progression)
    return not modes or modes == {"minor" if key.is_minor else "major"}


def _kind(numeral: Numeral, genre: Genre, stream: Stream) -> tuple[str, int]:
    """Draw type and inversion of a chord."""
    quality = _quality(numeral, genre, stream)
    possible = {
        name: weight
        for name, weight in genre.inversions.items()
        if INVERSIONS.index(name) < len(CHORD_TYPES[quality]) and weight > 0
    }
    return quality, INVERSIONS.index(stream.choice(possible)) if possible else 0


def _quality(numeral: Numeral, genre: Genre, stream: Stream) -> str:
    """Draw a type that keeps the numeral's function, among those that the genre allows, by the genre's weights.

    Where the genre has none of them, the numeral's own; where its filter forbids that, the allowed one that shares most
    notes with it.
    """
    allowed = set(CHORD_TYPES if genre.chord_filter is None else genre.chord_filter)
    named = numeral.plain not in ("maj", "min")  # the progression itself says which
    fitting = [
        kind for kind in (_SPELT.get(numeral.plain, (numeral.plain,)) if named else numeral.types()) if kind in allowed
    ]
    weights: Mapping[str, float] = {kind: genre.chord_types.get(kind, 0.0) for kind in fitting}
    if any(weights.values()):
        return stream.choice(weights)
    if fitting:
        return fitting[0] if named or numeral.plain not in fitting else numeral.plain
    plain = set(CHORD_TYPES[numeral.plain])
    return max(sorted(allowed), key=lambda kind: (len(plain & set(CHORD_TYPES[kind])), -len(CHORD_TYPES[kind])))


def _register(genre: Genre) -> tuple[int, int]:
    found = [spec.key_range for spec in genre.layers.values() if spec.role == "harmony" and spec.key_range]
    return found[0] if found else REGISTER


def voiced(root: int, quality: str, inversion: int, before: Sequence[int], register: tuple[int, int]) -> list[int]:
    """Return the keys of a chord in an inversion, in the octave that is nearest to the chord before.

    Args:
        root: pitch class.
        quality: of `CHORD_TYPES`.
        inversion: its lowest notes go up an octave, so many of them.
        before: keys of the chord before; empty at the start.
        register: the middle of the chord stays inside, where it can.
    """
    steps = CHORD_TYPES[quality]
    shape = sorted([*steps[inversion:], *(step + 12 for step in steps[:inversion])])
    target = sum(before) / len(before) if before else sum(register) / 2
    middle = sum(shape) / len(shape)

    def cost(octave: int) -> tuple[float, float]:
        at = root + 12 * octave + middle
        outside = max(register[0] - at, at - register[1], 0.0)
        return outside, abs(at - target)

    octave = min(range(1, 8), key=cost)
    return [root + 12 * octave + step for step in shape]
