"""What makes two files the same music: a fingerprint of all that is played, and a sketch that versions of a song share.

The **fingerprint** is a hash of every note's key, program, onset and length in milliseconds, from the first note on.
Another title, another order of tracks, another resolution, another type of file leave it as it is.

The **sketch** is made of melodic turns. The highest notes of every channel but the drums' make a line; what repeats the
key before it is passed over, and `TURN` intervals in a row, modulo an octave, are a turn. A turn is the same whatever
the key, the tempo, the rhythm, the instrument and the channel, and turns of a piece of a song are turns of the song.
Turns that go round in a small circle, such as broken chords, are in too many songs to tell them apart and do not count.
Of the hashes of a song's distinct turns the smallest `SKETCH_SIZE` are its sketch (Broder, "On the resemblance and
containment of documents", 1997: a bottom-k sketch, from which resemblance and containment are estimated).
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

import numpy as np
import numpy.typing as npt

from schemas.song import SKETCH_SIZE
from workers.midi.model import DRUM_CHANNEL, Bools, Floats, Ints, MidiFile, channels
from workers.midi.parts import SongNotes
from workers.midi.tempo import TempoMap

#: Intervals of a turn.
TURN: Final = 8
#: Notes that follow one another within this part of a quarter note are one chord: the spread of a hand.
_CHORD_QUARTERS: Final = 1 / 24
#: Quarter notes of a second where a file has none of its own.
_QUARTERS_PER_S: Final = 2.0
#: A turn that repeats itself after so many intervals or fewer says nothing of a song.
_LONGEST_CIRCLE: Final = 4
#: Distinct intervals that a turn needs.
_LEAST_DISTINCT: Final = 3

_MULTIPLIER: Final = np.uint64(
    0x9E3779B97F4A7C15
)  # Steele et al., "Fast splittable pseudorandom number generators", 2014
_MIX: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))

Words = npt.NDArray[np.uint64]


def fingerprint(notes: SongNotes, midi: MidiFile, onset_s: Floats, end_s: Floats) -> str:
    """Return the hash of all that is played, 32 hex digits.

    Args:
        onset_s, end_s: of each note, seconds, shape [notes].
    """
    programs = np.array([key.program + 128 * key.is_drum for key in notes.keys], np.int64)
    onset = _milliseconds(onset_s - onset_s.min())
    length = _milliseconds(end_s - onset_s)
    key = midi.events["d1"][notes.onset].astype(np.int64)
    table = np.stack([onset, programs[notes.part], key, length], axis=1)
    ordered = table[np.lexsort(table.T[::-1])].astype("<i8")
    return hashlib.sha256(ordered.tobytes()).hexdigest()[:32]


def _milliseconds(seconds: Floats) -> Ints:
    """Round to milliseconds; what lies half-way goes up, whatever the last bits of the float are."""
    rounded: Ints = np.floor(seconds * 1000 + 0.5 + 1e-5).astype(np.int64)
    return rounded


def sketch(notes: SongNotes, midi: MidiFile, tempo: TempoMap) -> str:
    """Return the sketch of a song as base64 of little-endian 32-bit numbers, rising; empty where it has no turns."""
    hashes = np.unique(_turns(*_lines(notes, midi, tempo)))[:SKETCH_SIZE]
    return base64.b64encode(hashes.astype("<u4").tobytes()).decode("ascii")


def _lines(notes: SongNotes, midi: MidiFile, tempo: TempoMap) -> tuple[Ints, Ints]:
    """Return channel and key of the highest note of every chord, channel by channel, without repeated keys."""
    events = midi.events[notes.onset]
    channel = channels(events).astype(np.int64)
    order = np.argsort(channel, kind="stable")
    order = order[channel[order] != DRUM_CHANNEL]
    if not len(order):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    channel, key = channel[order], events["d1"][order].astype(np.int64)
    quarters = _quarters(events["tick"][order], midi, tempo)
    begins = _changes(channel) | (np.diff(quarters, prepend=-1.0) > _CHORD_QUARTERS)
    starts = np.flatnonzero(begins)
    channel, top = channel[starts], np.maximum.reduceat(key, starts)
    moves = _changes(channel) | _changes(top)
    return channel[moves], top[moves]


def _quarters(ticks: Ints, midi: MidiFile, tempo: TempoMap) -> Floats:
    if midi.ticks_per_quarter is None:
        return tempo.seconds(ticks) * _QUARTERS_PER_S
    scaled: Floats = ticks / midi.ticks_per_quarter
    return scaled


def _changes(values: Ints) -> Bools:
    """Return where a value is not that before it; the first is."""
    changed: Bools = np.ones(len(values), np.bool_)
    changed[1:] = values[1:] != values[:-1]
    return changed


def _turns(channel: Ints, key: Ints) -> npt.NDArray[np.uint32]:
    """Return the hashes of the turns of lines, in any order and with repeats."""
    count = len(key) - TURN
    if count <= 0:
        return np.zeros(0, np.uint32)
    steps = np.diff(key) % 12
    kept = channel[:count] == channel[TURN:]
    for circle in range(1, _LONGEST_CIRCLE + 1):
        kept &= ~_all_in_turn(steps[circle:] == steps[:-circle], TURN - circle, count)
    windows = np.lib.stride_tricks.sliding_window_view(steps, TURN)[kept]
    present = np.bitwise_count(np.bitwise_or.reduce(np.int64(1) << windows, axis=1))
    windows = windows[present >= _LEAST_DISTINCT]
    packed = (windows.astype(np.uint64) << (np.arange(TURN, dtype=np.uint64) * np.uint64(4))).sum(
        axis=1, dtype=np.uint64
    )
    return (_mixed(packed) >> np.uint64(32)).astype(np.uint32)


def _all_in_turn(flags: Bools, length: int, count: int) -> Bools:
    """Return for each of `count` places whether `length` flags from there on are all set."""
    unset = np.concatenate([[0], np.cumsum(~flags)])
    clear: Bools = unset[length : length + count] == unset[:count]
    return clear


def _mixed(words: Words) -> Words:
    """Spread numbers over 64 bits (the finaliser of SplitMix64)."""
    words = (words + np.uint64(1)) * _MULTIPLIER
    words = (words ^ (words >> np.uint64(30))) * _MIX[0]
    words = (words ^ (words >> np.uint64(27))) * _MIX[1]
    return words ^ (words >> np.uint64(31))
