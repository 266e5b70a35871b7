"""The bass player: the lowest note of every chord where it begins, and a way to the next one."""

from __future__ import annotations

from typing import Final

from schemas.genre import CHORD_TYPES
from schemas.score import Bar, Chord, ScoreNote, Section
from workers.composing.context import SongContext
from workers.composing.draws import Stream
from workers.composing.rhythm import Span, cut_at, drawn, joined

#: From E1, a bass's lowest string, to G3.
RANGE: Final = (28, 55)
_VELOCITY: Final = 88
_FIFTH: Final = 7
#: Semitones from which a bass steps to the next chord's note.
_STEPS: Final = (1, 2, -1, -2)


def write(song: SongContext, layer: str) -> list[ScoreNote]:
    """Return the notes of a bass layer."""
    return [note for section in song.sections_of(layer) for note in _section(song, section, layer)]


def _section(song: SongContext, section: Section, layer: str) -> list[ScoreNote]:
    spec = song.layers[layer]
    low, high = spec.key_range or RANGE
    notes: list[ScoreNote] = []
    last = low + (high - low) // 4
    for number, bar in enumerate(song.bars_of(section)):
        purpose = (layer, section.name, *song.variant(section, number))
        walking = song.draws.stream("walking", *purpose)
        for count, (start, end) in enumerate(_spans(song, bar, layer, song.draws.stream("rhythm", *purpose))):
            chord = song.chord_at(start)
            pitch_class = _pitch_class(song, spec.style or "roots", start, end, count, walking)
            is_octave = spec.style == "octaves" and count % 2 == 1 and start != chord.start
            key = _near(pitch_class, last, low, high, octave=is_octave)
            last = last if is_octave else key
            velocity = _VELOCITY if start == chord.start else _VELOCITY - 8
            notes.append(ScoreNote(start, min(end, chord.end), key, velocity))
    return notes


def _spans(song: SongContext, bar: Bar, layer: str, stream: Stream) -> list[Span]:
    """Return what is struck in a bar: the beginning of every chord too, so that what lies lowest is what its label says."""
    spec = song.layers[layer]
    if song.is_last(bar):
        return [(bar.start, bar.end)]
    walks = spec.style == "walking"
    struck = song.beats_in(bar) if walks else drawn(spec.rhythms, bar, stream, [(bar.start, bar.end)])
    chords = [chord for chord in song.chords_in(bar) if chord.start >= bar.start]
    struck = cut_at(struck, [chord.start for chord in chords])
    silent = {chord.start for chord in chords} - {start for start, _ in struck}
    return joined(struck, [(chord.start, min(chord.end, bar.end)) for chord in chords if chord.start in silent])


def lowest(chord: Chord) -> int:
    """Return the pitch class of a chord's lowest note, its inversion counted."""
    return (chord.root + CHORD_TYPES[chord.quality][chord.inversion]) % 12


def _pitch_class(song: SongContext, style: str, start: int, end: int, count: int, walking: Stream) -> int:
    chord = song.chord_at(start)
    if start == chord.start or style in ("roots", "octaves"):
        return lowest(chord)
    if style == "fifths":
        fifth = (chord.root + next((step for step in CHORD_TYPES[chord.quality] if step in (6, 7, 8)), _FIFTH)) % 12
        return fifth if count % 2 else lowest(chord)
    return _walked(song, chord, end, walking)


def _walked(song: SongContext, chord: Chord, end: int, stream: Stream) -> int:
    """Step to a note of the chord, and on its last beat to the one next to where the bass goes."""
    if end < chord.end or chord.end >= song.end:
        return (chord.root + stream.pick(CHORD_TYPES[chord.quality])) % 12
    target = lowest(song.chord_at(chord.end))
    near = [(target + step) % 12 for step in _STEPS if (target + step) % 12 in song.key.scale]
    return stream.pick(near) if near else (target - 1) % 12


def _near(pitch_class: int, last: int, low: int, high: int, *, octave: bool) -> int:
    """Return the key of a pitch class that is nearest to the last one, or an octave above it."""
    keys = [key for key in range(low, high + 1) if key % 12 == pitch_class]
    if octave:
        above = [key for key in keys if key >= last + 12]
        return above[0] if above else keys[-1]
    return min(keys, key=lambda key: (abs(key - last), key))
