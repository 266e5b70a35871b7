"""The melody: phrases of a motif and its answers, on the notes of the chord where it matters and of the scale between."""

from __future__ import annotations

from typing import Final

from schemas.genre import CHORD_TYPES
from schemas.score import PPQ, Bar, Chord, ScoreNote, Section
from workers.composing import counter
from workers.composing.context import SongContext
from workers.composing.draws import Stream
from workers.composing.markov import walk
from workers.composing.meters import is_compound
from workers.composing.rhythm import Span, fitting, spans

#: From C4 to A5.
RANGE: Final = (60, 81)
_VELOCITY: Final = 92
#: Bars of a phrase; the last of them ends with a long note and a rest.
_PHRASE: Final = 4
#: Lengths of notes in eighths, by style, with their weights.
_LENGTHS: Final = {
    "lead": {1: 0.45, 2: 0.4, 3: 0.1, 4: 0.05},
    "riff": {1: 0.7, 2: 0.3},
    "sparse": {2: 0.4, 4: 0.4, 6: 0.2},
}
_COMPOUND: Final = {1: 0.4, 2: 0.2, 3: 0.35, 6: 0.05}
_EIGHTH: Final = PPQ // 2
#: How often a note that is not on a beat leaves the chord for a note beside the last one.
_PASSING: Final = 0.75
_LEAP: Final = 9


def write(song: SongContext, layer: str) -> list[ScoreNote]:
    """Return the notes of a melody layer: the first of a song leads, the others answer it where both play."""
    lead = song.first_of("melody")
    answered = (
        [] if lead is None or lead == layer else [note for s in song.sections_of(lead) for note in _led(song, s, lead)]
    )
    notes: list[ScoreNote] = []
    for section in song.sections_of(layer):
        if lead is not None and lead != layer and lead in section.layers:
            notes += counter.answer(song, section, layer, answered)
        else:
            notes += _led(song, section, layer)
    return notes


def _led(song: SongContext, section: Section, layer: str) -> list[ScoreNote]:
    low, high = song.layers[layer].key_range or RANGE
    key = (low + high) // 2
    bars = song.bars_of(section)
    degrees = _degrees(song, section, layer)
    notes: list[ScoreNote] = []
    for number, bar in enumerate(bars):
        ends = number == len(bars) - 1 and (len(bars) > 1 or song.is_last(bar))  # one bar is no phrase to end
        struck = _rhythm(song, section, layer, bar, number, is_last=ends)
        for place, (start, end) in enumerate(struck):
            chord = song.chord_at(start)
            stream = song.draws.stream("melody", layer, section.name, *song.variant(section, number), start - bar.start)
            wanted = degrees[len(notes) % len(degrees)] if degrees else None
            on_beat = any(start == beat for beat, _ in song.beats_of(bar))
            classes = _classes(song, chord, stream, wanted, on_beat=on_beat)
            if song.is_last(bar) and place == len(struck) - 1:
                classes, end = {chord.root}, bar.end
            key = _next(key, classes, low, high, stream)
            notes.append(ScoreNote(start, _until(song, start, end, key), key, _VELOCITY if on_beat else _VELOCITY - 10))
    return notes


def _until(song: SongContext, start: int, end: int, key: int) -> int:
    """Return where a note ends: before a chord that it does not belong to."""
    after = song.chord_at(start).end
    while after < end:
        chord = song.chord_at(after)
        if key % 12 not in tones(chord):
            return after
        after = chord.end
    return end


def tones(chord: Chord) -> set[int]:
    """Return the pitch classes of a chord."""
    return {(chord.root + step) % 12 for step in CHORD_TYPES[chord.quality]}


def _degrees(song: SongContext, section: Section, layer: str) -> list[int]:
    """Return the pitch classes that the genre's chain of degrees goes through; none where it has no chain."""
    matrix = song.genre.melody_matrix
    if matrix is None:
        return []
    chain = walk(matrix, 8 * len(song.bars_of(section)), song.draws.stream("degrees", layer, section.name))
    return [song.key.scale[(int(degree) - 1) % 7] for degree in chain]


def _rhythm(song: SongContext, section: Section, layer: str, bar: Bar, number: int, *, is_last: bool) -> list[Span]:
    """Return what is struck in a bar: bars one and two of a phrase are its motif, which bars three and four take up."""
    spec, place = song.layers[layer], number % _PHRASE
    stream = song.draws.stream("melody rhythm", layer, section.name, place % 2, *song.variant(section, place % 2)[1:])
    own = fitting(spec.rhythms, bar)
    struck = spans(stream.pick(own), bar) if own else _free(spec.style or "lead", bar, stream)
    struck = [span for span in struck if not stream.chance(song.genre.rests)] or struck[:1]
    if place == _PHRASE - 1 or is_last:
        half = bar.start + bar.ticks // 2
        before = [span for span in struck if span[0] < half] or [(bar.start, half)]
        struck = [*before[:-1], (before[-1][0], max(before[-1][1], bar.start + bar.ticks * 3 // 4))]
    return struck


def _free(style: str, bar: Bar, stream: Stream) -> list[Span]:
    """Draw note after note until the bar is full."""
    lengths = _COMPOUND if is_compound(bar.meter) else _LENGTHS[style]
    found, at = [], bar.start
    while at < bar.end:
        until = min(bar.end, at + stream.choice(lengths) * _EIGHTH)
        found.append((at, until))
        at = until
    return found


def _classes(song: SongContext, chord: Chord, stream: Stream, wanted: int | None, *, on_beat: bool) -> set[int]:
    """Return the pitch classes that a note may have: of the chord on a beat, of the scale between."""
    of_chord = tones(chord)
    if wanted is not None and (not on_beat or wanted in of_chord):
        return {wanted}
    if on_beat or not stream.chance(_PASSING):
        return of_chord
    return set(song.key.scale) | of_chord


def _next(key: int, classes: set[int], low: int, high: int, stream: Stream) -> int:
    """Return the next key: near the last one more likely than far, and drawn back to the middle of the range."""
    keys = [other for other in range(low, high + 1) if other % 12 in classes and abs(other - key) <= _LEAP]
    keys = keys or [other for other in range(low, high + 1) if other % 12 in classes]
    middle = (low + high) / 2
    weights = {
        other: (0.35 if other == key else 1.0) / (1 + abs(other - key)) / (1 + (abs(other - middle) / 8) ** 2)
        for other in keys
    }
    return stream.choice(weights)
