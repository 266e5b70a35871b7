"""The bass player: the lowest note of every chord where it begins, and a way to the next one."""

from __future__ import annotations

from typing import Final

from schemas.genre import CHORD_TYPES
from schemas.score import Chord, ScoreNote, Section
from workers.composing.context import SongContext
from workers.composing.rhythm import drawn

#: From E1, a bass's lowest string, to G3.
RANGE: Final = (28, 55)
_VELOCITY: Final = 88
_FIFTH: Final = 7


def write(song: SongContext, layer: str) -> list[ScoreNote]:
    """Return the notes of a bass layer."""
    return [note for section in song.sections_of(layer) for note in _section(song, section, layer)]


def _section(song: SongContext, section: Section, layer: str) -> list[ScoreNote]:
    spec, chords = song.layers[layer], song.chords_of(section)
    low, high = spec.key_range or RANGE
    notes: list[ScoreNote] = []
    last = (low + high) // 2 - 6
    for number, bar in enumerate(song.bars_of(section)):
        stream = song.draws.stream("rhythm", layer, section.name, *song.variant(section, number))
        spans = (
            song.beats_in(bar) if spec.style == "walking" else drawn(spec.rhythms, bar, stream, song.beats_in(bar)[:1])
        )
        for count, (start, end) in enumerate(_with_chords(spans, chords, bar.start, bar.start + bar.ticks)):
            chord = next(chord for chord in reversed(chords) if chord.start <= start)
            pitch_class = _pitch_class(song, spec.style or "roots", chord, chords, start, end, count)
            last = _near(pitch_class, last, low, high, octave=spec.style == "octaves" and count % 2 == 1)
            notes.append(
                ScoreNote(start, min(end, chord.end), last, _VELOCITY if start == chord.start else _VELOCITY - 8)
            )
    return notes


def _with_chords(spans: list[tuple[int, int]], chords: list[Chord], start: int, end: int) -> list[tuple[int, int]]:
    """Strike the beginning of every chord in a bar too: what sounds below it is what the chord's label says."""
    starts = {chord.start: chord.end for chord in chords if start <= chord.start < end}
    struck = {begin for begin, _ in spans}
    missing = [(begin, min(until, end)) for begin, until in starts.items() if begin not in struck]
    cut = [(a, min([b, *(begin for begin in starts if a < begin < b)])) for a, b in spans]
    together = sorted([*cut, *missing])
    return [
        (a, min(b, together[number + 1][0]) if number + 1 < len(together) else b)
        for number, (a, b) in enumerate(together)
    ]


def lowest(chord: Chord) -> int:
    """Return the pitch class of a chord's lowest note, its inversion counted."""
    return (chord.root + CHORD_TYPES[chord.quality][chord.inversion]) % 12


def _pitch_class(
    song: SongContext, style: str, chord: Chord, chords: list[Chord], start: int, end: int, count: int
) -> int:
    if start == chord.start or style in ("roots", "octaves"):
        return lowest(chord)
    if style == "fifths":
        fifth = (chord.root + next((step for step in CHORD_TYPES[chord.quality] if step in (6, 7, 8)), _FIFTH)) % 12
        return fifth if count % 2 else lowest(chord)
    return _walking(song, chord, chords, start, end)


def _walking(song: SongContext, chord: Chord, chords: list[Chord], start: int, end: int) -> int:
    """Step to a note of the chord, and on its last beat to the one next to where the bass goes."""
    after = next((other for other in chords if other.start >= chord.end), None)
    stream = song.draws.stream("walking", start)
    if end >= chord.end and after is not None:
        target = lowest(after)
        scale = song.key.scale
        near = [
            pitch
            for pitch in ((target + 1) % 12, (target + 2) % 12, (target - 1) % 12, (target - 2) % 12)
            if pitch in scale
        ]
        return stream.pick(near) if near else (target - 1) % 12
    return (chord.root + stream.pick(CHORD_TYPES[chord.quality])) % 12


def _near(pitch_class: int, last: int, low: int, high: int, *, octave: bool) -> int:
    """Return the key of a pitch class that is nearest to the last one, or an octave above it."""
    keys = [key for key in range(low, high + 1) if key % 12 == pitch_class]
    if octave:
        above = [key for key in keys if key >= last + 12]
        return above[0] if above else keys[-1]
    return min(keys, key=lambda key: (abs(key - last), key))
