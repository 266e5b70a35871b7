"""Short pieces that show what an instrument does: to be heard, and to be measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from workers.midi.model import BEND, CONTROL, EVENT, NOTE_OFF, NOTE_ON, SET_TEMPO, Meta
from workers.midi.smf import file_bytes, track_chunk

#: 1000 ticks a second: a beat of half a second has 500.
_DIVISION: Final = 500
_TICKS_PER_S: Final = 1000
_QUARTER_US: Final = 500_000
_DRUM_CHANNEL: Final = 9
_RELEASE_VELOCITY: Final = 64
MODULATION, VOLUME, PAN, EXPRESSION, SUSTAIN = 1, 7, 10, 11, 64
#: The pitch wheel at rest, and as far up as it goes.
WHEEL_REST: Final = 8192
WHEEL_TOP: Final = 16383

#: Semitones of a major scale, up and down again.
_SCALE: Final = (0, 2, 4, 5, 7, 9, 11, 12, 11, 9, 7, 5, 4, 2, 0)
#: A phrase as semitones above its key note, beats, and velocity; None rests.
_PHRASE: Final = (
    (0, 1.0, 96), (4, 0.5, 70), (7, 0.5, 78), (12, 1.5, 112), (11, 0.5, 84), (9, 1.0, 90), (None, 0.5, 0),
    (7, 0.25, 60), (9, 0.25, 66), (7, 0.5, 72), (4, 0.5, 64), (2, 0.5, 58), (0, 2.0, 80),
)  # fmt: skip
#: A bar of drums of General MIDI: (beat, key, velocity).
_BEAT: Final = (
    (0.0, 36, 112), (0.0, 42, 80), (0.5, 42, 60), (1.0, 38, 104), (1.0, 42, 80), (1.5, 46, 84), (2.0, 36, 108),
    (2.0, 42, 80), (2.5, 36, 90), (2.5, 42, 60), (3.0, 38, 112), (3.0, 42, 80), (3.5, 45, 96), (3.75, 43, 100), (4.0, 49, 112),
)  # fmt: skip
#: Keys of General MIDI's drums (appendix B of General MIDI 1).
DRUM_KEYS: Final = range(35, 82)


class Note(NamedTuple):
    """A note to be played."""

    start_s: float
    seconds: float
    key: int
    velocity: int = 100


class Move(NamedTuple):
    """A controller, or the pitch wheel (`control` None), that takes a value."""

    at_s: float
    control: int | None
    value: int


class Tune(NamedTuple):
    """A piece: notes, and what is moved beside them."""

    notes: tuple[Note, ...]
    moves: tuple[Move, ...] = ()
    drums: bool = False

    @property
    def release_s(self) -> float:
        """When the last key is let go."""
        return max((note.start_s + note.seconds for note in self.notes), default=0.0)

    def midi(self) -> bytes:
        """Return it as a MIDI file."""
        channel = _DRUM_CHANNEL if self.drums else 0
        rows = [row for note in self.notes for row in _rows_of(note, channel)]
        rows += [_move_row(move, channel) for move in self.moves]
        rows.sort(key=lambda row: (row[0], row[2] >= NOTE_ON and row[2] < NOTE_ON + 16))  # offs and moves, then strikes
        events = np.array(rows, EVENT)
        tempo = Meta(0, 0, SET_TEMPO, _QUARTER_US.to_bytes(3, "big"))
        return file_bytes(0, _DIVISION, [track_chunk(events, [tempo], end=int(events["tick"].max(initial=0)))])


def _ticks(seconds: float) -> int:
    return round(seconds * _TICKS_PER_S)


def _rows_of(note: Note, channel: int) -> list[tuple[int, int, int, int, int]]:
    start, end = _ticks(note.start_s), max(_ticks(note.start_s + note.seconds), _ticks(note.start_s) + 1)
    return [
        (start, 0, NOTE_ON | channel, note.key, note.velocity),
        (end, 0, NOTE_OFF | channel, note.key, _RELEASE_VELOCITY),
    ]


def _move_row(move: Move, channel: int) -> tuple[int, int, int, int, int]:
    if move.control is None:
        return (_ticks(move.at_s), 0, BEND | channel, move.value & 0x7F, move.value >> 7)
    return (_ticks(move.at_s), 0, CONTROL | channel, move.control, move.value)


def middle_key(keys: Sequence[int]) -> int:
    """Return a key from which an octave up can be played: the C nearest to the middle of a range."""
    low, high = min(keys), max(keys)
    return max(low, min((low + high) // 2 // 12 * 12, high - 12))


def scale(keys: Sequence[int], *, drums: bool = False) -> Tune:
    """Return a scale of an octave, up and down; of drums every key once."""
    if drums:
        return in_turn(keys, seconds=0.2, gap_s=0.05, drums=True)
    base = middle_key(keys)
    return in_turn([base + step for step in _SCALE], seconds=0.23, gap_s=0.02)


def chord(keys: Sequence[int], *, drums: bool = False) -> Tune:
    """Return a chord that is held for two seconds; of drums, kick, snare and crash at once."""
    together = [key for key in (36, 38, 49) if key in keys] or [min(keys)] if drums else _triad(keys)
    return Tune(tuple(Note(0.0, 2.0, key) for key in together), drums=drums)


def _triad(keys: Sequence[int]) -> list[int]:
    base, high = middle_key(keys), max(keys)
    return [base + step for step in (0, 4, 7, 12) if base + step <= high]


def phrase(keys: Sequence[int], *, drums: bool = False) -> Tune:
    """Return a phrase of soft and loud notes; of drums, two bars."""
    if drums:
        bars = [(beat + 4 * bar, key, velocity) for bar in range(2) for beat, key, velocity in _BEAT]
        notes = [Note(beat / 2, 0.15, key, velocity) for beat, key, velocity in bars if key in keys]
        return Tune(tuple(notes), drums=True) if notes else scale(keys, drums=True)
    base, high, at_s, notes = middle_key(keys), max(keys), 0.0, []
    for step, beats, velocity in _PHRASE:
        if step is not None and base + step <= high:
            notes.append(Note(at_s, 0.45 * beats, base + step, velocity))
        at_s += beats / 2
    return Tune(tuple(notes))


def in_turn(keys: Iterable[int], *, seconds: float, gap_s: float, drums: bool = False, velocity: int = 100) -> Tune:
    """Return keys that are struck one after another."""
    notes = [Note(place * (seconds + gap_s), seconds, key, velocity) for place, key in enumerate(keys)]
    return Tune(tuple(notes), drums=drums)


def melody(keys: Sequence[int], *, drums: bool = False) -> Tune:
    """Return what stirs up an instrument: repeated notes, a pedal, the wheel, volume and modulation."""
    base = min(keys) if drums else middle_key(keys)
    high = max(keys)
    steps = (0, 7, 4, 4, 12, 9)
    notes = tuple(
        Note(0.25 * place, 0.2 + 0.1 * (place % 2), min(base + step, high), 70 + 8 * place)
        for place, step in enumerate(steps)
    )
    moves = (
        Move(0.0, VOLUME, 90), Move(0.3, None, 12000), Move(0.5, MODULATION, 60), Move(0.6, SUSTAIN, 127),
        Move(0.9, None, WHEEL_REST), Move(1.0, SUSTAIN, 0), Move(1.1, EXPRESSION, 100), Move(1.2, MODULATION, 0),
    )  # fmt: skip
    return Tune(notes, moves, drums)
