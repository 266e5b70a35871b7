"""Second voices: they wait until the lead rests or holds a note, and answer with another note of the chord."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from schemas.genre import CHORD_TYPES
from schemas.score import ScoreNote, Section
from workers.composing.context import SongContext
from workers.composing.rhythm import Span, fitting, spans

#: From C4 to A5.
RANGE: Final = (60, 81)
_VELOCITY: Final = 80
#: Semitones between two voices that sound well together, within an octave: thirds, fourth, fifth, sixths.
_CONSONANT: Final = (3, 4, 5, 7, 8, 9)


def answer(song: SongContext, section: Section, layer: str, lead: Sequence[ScoreNote]) -> list[ScoreNote]:
    """Return the notes of a second voice in a section.

    Args:
        song: with its chords.
        section: in which both play.
        layer: of the second voice.
        lead: notes of the first one, in order of time.
    """
    low, high = song.layers[layer].key_range or RANGE
    key = (low + high) // 2
    notes: list[ScoreNote] = []
    for start, end in _places(song, section, layer, lead):
        chord = song.chord_at(start)
        above = _sounding(lead, start)
        keys = [
            other
            for other in range(low, high + 1)
            if (other - chord.root) % 12 in {step % 12 for step in CHORD_TYPES[chord.quality]}
        ]
        if above is not None:
            keys = [other for other in keys if abs(other - above.key) % 12 in _CONSONANT] or keys
        key = min(keys, key=lambda other: (abs(other - key), other))
        notes.append(ScoreNote(start, min(end, chord.end), key, _VELOCITY))
    return notes


def _places(song: SongContext, section: Section, layer: str, lead: Sequence[ScoreNote]) -> list[Span]:
    """Return where the second voice plays: where its own rhythm, or else a beat, falls on no note of the lead."""
    struck = {note.start for note in lead}
    found: list[Span] = []
    for number, bar in enumerate(song.bars_of(section)):
        own = fitting(song.layers[layer].rhythms, bar)
        stream = song.draws.stream("answers", layer, section.name, *song.variant(section, number))
        places = spans(stream.pick(own), bar) if own else song.beats_in(bar)
        free = [place for place in places if place[0] not in struck and not stream.chance(song.genre.rests)]
        found += free or places[:1]
    return found


def _sounding(notes: Sequence[ScoreNote], tick: int) -> ScoreNote | None:
    """Return the note that sounds at a time."""
    place = bisect_right(notes, tick, key=lambda note: note.start) - 1
    return notes[place] if place >= 0 and notes[place].end > tick else None
