"""The harmony's player: the chords of the song, held, struck, strummed or broken."""

from __future__ import annotations

from typing import Final

from schemas.score import PPQ, Chord, ScoreNote, Section
from workers.composing.context import SongContext
from workers.composing.harmony import REGISTER
from workers.composing.rhythm import Span, drawn

#: From one string to the next of a strum.
_STRUM_TICKS: Final = PPQ // 48
_VELOCITY: Final = 78


def write(song: SongContext, layer: str) -> list[ScoreNote]:
    """Return the notes of a harmony layer."""
    return [note for section in song.sections_of(layer) for note in _section(song, section, layer)]


def _section(song: SongContext, section: Section, layer: str) -> list[ScoreNote]:
    spec, chords = song.layers[layer], song.chords_of(section)
    if (spec.style or "pad") == "pad" and not spec.rhythms:
        return [note for chord in chords for note in _struck(chord, (chord.start, chord.end), song, layer)]
    notes: list[ScoreNote] = []
    for number, bar in enumerate(song.bars_of(section)):
        stream = song.draws.stream("rhythm", layer, section.name, *song.variant(section, number))
        notes += _bar(song, layer, chords, drawn(spec.rhythms, bar, stream, song.beats_in(bar)))
    return notes


def _bar(song: SongContext, layer: str, chords: list[Chord], spans: list[Span]) -> list[ScoreNote]:
    notes: list[ScoreNote] = []
    for number, (start, end) in enumerate(spans):
        chord = next(chord for chord in reversed(chords) if chord.start <= start)
        struck = _struck(chord, (start, min(end, chord.end)), song, layer)
        if song.layers[layer].style == "arpeggio":
            struck = [struck[_up_and_down(number, len(struck))]]
        notes += struck
    return notes


def _up_and_down(number: int, keys: int) -> int:
    """Return which key of a chord comes next: up, then down, without striking the outer ones twice."""
    if keys == 1:
        return 0
    place = number % (2 * keys - 2)
    return place if place < keys else 2 * keys - 2 - place


def _struck(chord: Chord, span: Span, song: SongContext, layer: str) -> list[ScoreNote]:
    """Return the notes of one chord, in the octave of the layer's own range."""
    spec = song.layers[layer]
    low, high = spec.key_range or REGISTER
    middle = sum(chord.keys) / len(chord.keys)
    shift = 0 if low <= middle <= high else 12 * round(((low + high) / 2 - middle) / 12)
    start, end = span
    step = _STRUM_TICKS if spec.style == "strum" and end - start > 8 * _STRUM_TICKS else 0
    return [
        ScoreNote(start + number * step, end, key + shift, _VELOCITY - 2 * number)
        for number, key in enumerate(chord.keys)
    ]
