"""The harmony's player: the chords of the song, held, struck, strummed or broken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from schemas.score import PPQ, Bar, Chord, ScoreNote, Section
from workers.composing.context import SongContext
from workers.composing.harmony import REGISTER
from workers.composing.rhythm import Span, cut_at, drawn, joined

#: From one string to the next of a strum.
_STRUM_TICKS: Final = PPQ // 48
_VELOCITY: Final = 78
_HIGHEST_KEY: Final = 127


def write(song: SongContext, layer: str) -> list[ScoreNote]:
    """Return the notes of a harmony layer."""
    return [note for section in song.sections_of(layer) for note in _section(song, section, layer)]


def _section(song: SongContext, section: Section, layer: str) -> list[ScoreNote]:
    spec, chords = song.layers[layer], song.chords_of(section)
    if (spec.style or "pad") == "pad" and not spec.rhythms:
        return [note for chord in chords for note in _struck(chord, (chord.start, chord.end), song, layer)]
    notes: list[ScoreNote] = []
    for number, bar in enumerate(song.bars_of(section)):
        if song.is_last(bar):
            notes += _struck(chords[-1], (bar.start, bar.end), song, layer)
            continue
        stream = song.draws.stream("rhythm", layer, section.name, *song.variant(section, number))
        notes += _bar(song, layer, _all_heard(drawn(spec.rhythms, bar, stream, song.beats_in(bar)), chords, bar))
    return notes


def _all_heard(struck: Sequence[Span], chords: Sequence[Chord], bar: Bar) -> list[Span]:
    """Strike where a chord begins under a held one, and every chord of the bar once at least."""
    inside = [chord for chord in chords if bar.start <= chord.start < bar.end]
    struck = cut_at(struck, [chord.start for chord in inside])
    unheard = [
        (chord.start, chord.end)
        for chord in inside
        if chord.end <= bar.end and not any(chord.start <= start < chord.end for start, _ in struck)
    ]
    return joined(struck, unheard)


def _bar(song: SongContext, layer: str, struck: Sequence[Span]) -> list[ScoreNote]:
    notes: list[ScoreNote] = []
    for number, (start, end) in enumerate(struck):
        chord = song.chord_at(start)
        keys = _struck(chord, (start, min(end, chord.end)), song, layer)
        if song.layers[layer].style == "arpeggio":
            keys = [keys[_up_and_down(number, len(keys))]]
        notes += keys
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
    while chord.keys[-1] + shift > _HIGHEST_KEY:
        shift -= 12
    while chord.keys[0] + shift < 0:
        shift += 12
    start, end = span
    step = _STRUM_TICKS if spec.style == "strum" and end - start > 8 * _STRUM_TICKS else 0
    return [
        ScoreNote(start + number * step, end, key + shift, _VELOCITY - 2 * number)
        for number, key in enumerate(chord.keys)
    ]
