"""The notes of a stem as an annotation needs them: onset, release by key and by pedals, bend, silence."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from schemas.errors import MidiError
from workers.midi.controls import OPEN, Spans, bent_spans, silent_spans
from workers.midi.keyboard import holds
from workers.midi.model import NOTE_ON, Bools, Bytes, Floats, Ints, MidiFile, channels, kinds
from workers.midi.tempo import TempoMap


@dataclass(frozen=True)
class NoteTable:
    """The notes of a stem, sorted by onset, then pitch; columns of shape [notes].

    A note is `muted` when channel volume (CC 7) or expression (CC 11) is zero from its onset until its offset, so that
    silence is right. `audible_s` is when a note can first be heard: its onset, or, where it starts under a volume or
    expression of zero, the time at which both are above it; infinity where that never comes. `bent` tells that the
    pitch is off the key's own at some time before the offset, by the wheel (times its range, RPN 0) or by channel
    tuning (RPN 1 and 2).
    """

    onset_tick: Ints
    onset_s: Floats
    key_off_s: Floats  #: when the key alone is released
    offset_s: Floats  #: when key and pedals are; never before `key_off_s`
    pitch: Bytes  #: 0-127
    velocity: Bytes  #: 1-127
    bent: Bools
    muted: Bools
    audible_s: Floats

    def __len__(self) -> int:
        """Return the number of notes."""
        return len(self.pitch)


def read_notes(midi: MidiFile, tempo: TempoMap | None = None) -> NoteTable:
    """Read the notes of a stem; keys and pedals as `workers.midi.keyboard` says.

    Args:
        midi: a stem: all its channel messages on one channel.
        tempo: its tempo map, where the caller has it already.

    Returns:
        The notes; columns of length 0 for a file without notes. What nothing ends, ends with the last track.

    Raises:
        MidiError: the messages are on more than one channel.
    """
    events = midi.events
    if len(np.unique(channels(events))) > 1:
        raise MidiError("notes are read from stems, whose messages are all on one channel", hint="split the song first")
    tempo = tempo or TempoMap.from_midi(midi)
    onset = np.flatnonzero((kinds(events) == NOTE_ON) & (events["d2"] > 0))
    start = events["tick"][onset].astype(np.int64)
    key_off, offset = holds(events, onset, max(midi.end_ticks, default=0))
    audible, muted = _audibility(start, offset, silent_spans(events))
    table = NoteTable(
        onset_tick=start,
        onset_s=tempo.seconds(start),
        key_off_s=tempo.seconds(key_off),
        offset_s=tempo.seconds(offset),
        pitch=events["d1"][onset],
        velocity=events["d2"][onset],
        bent=_touches(start, offset, bent_spans(events)),
        muted=muted,
        audible_s=np.where(audible < OPEN, tempo.seconds(np.where(audible < OPEN, audible, 0)), np.inf),
    )
    order = np.lexsort((table.pitch, table.onset_tick))
    return NoteTable(*(getattr(table, column.name)[order] for column in fields(NoteTable)))


def _touches(start: Ints, end: Ints, spans: Spans) -> Bools:
    """Return which of the notes [start, end) have a moment in one of the spans; a note of no length, its onset."""
    since, until = (np.append(ticks, OPEN) for ticks in spans)
    following = np.searchsorted(until[:-1], start, side="right")
    touched: Bools = since[following] < np.maximum(end, start + 1)
    return touched


def _audibility(start: Ints, end: Ints, silences: Spans) -> tuple[Ints, Bools]:
    """Return the tick at which each note can first be heard (`OPEN` for never), and whether that is too late."""
    since, until = (np.append(ticks, OPEN) for ticks in silences)
    following = np.searchsorted(until[:-1], start, side="right")
    silent = since[following] <= start
    audible: Ints = np.where(silent, until[following], start)
    return audible, silent & (audible >= end)
