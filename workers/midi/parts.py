"""Finds the parts of a song: which note belongs to which (track, channel, bank, program), and what ends it.

The rules are those of the synthesiser that will play the parts (FluidSynth 2, bank selection style `gs`), so that a
part sounds alone as it does in the whole:

* A program change takes the bank of the last CC 0 before it; CC 32 is ignored, and so is CC 0 on the drum channel.
  Program and bank belong to the channel, whatever tracks the messages stand in.
* One note sounds per channel and key. It ends at the next note-on or note-off of that key on that channel, of
  whichever track, or at an All Sound Off or All Notes Off (CC 120, 123) of the channel at an earlier tick. (At the
  same tick the message of the key counts, since FluidSynth lets a note-off soften an All Sound Off just before it.)
* A note that nothing ends is closed at the end of its track.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from schemas.errors import NoNotesError
from schemas.patch import DRUM_BANK
from workers.midi.model import (
    BEND,
    CONTROL,
    DRUM_CHANNEL,
    MAX_TICK,
    NOTE_OFF,
    NOTE_ON,
    PROGRAM,
    Bools,
    Events,
    Ints,
    MidiFile,
    channels,
    kinds,
)

BANK_MSB: Final = 0
BANK_LSB: Final = 32
ALL_SOUND_OFF: Final = 120
ALL_NOTES_OFF: Final = 123
#: CC 124-127, omni and mono modes. FluidSynth heeds them on the first channel of a group alone and then regroups
#: all sixteen channels, so that the same message means one thing in a stem and another in the whole: never played.
MODE_MESSAGES: Final = range(124, 128)


class PartKey(NamedTuple):
    """What notes must share to be one part."""

    track: int
    channel: int
    bank: int  #: 128 for drums
    program: int

    @property
    def is_drum(self) -> bool:
        """Whether the part plays on the drum channel."""
        return self.channel == DRUM_CHANNEL


@dataclass(frozen=True)
class SongNotes:
    """The notes of a song in play order, as columns of shape [notes], and the parts they fall into.

    `ender` is the index of the event that ends the note; for a hanging note it is the index before which its
    closing note-off belongs, behind every event of that tick.
    """

    keys: tuple[PartKey, ...]  #: in the order of track, channel, first note, bank, program
    part: Ints  #: index into `keys`
    onset: Ints  #: index of the note-on in the file's events
    ender: Ints
    end_tick: Ints
    hanging: Bools

    def off_places(self) -> Ints:
        """Return where the note-off of each note stands among the events, on the scale of `event_places`.

        It stands right before the event that ends the note, and the closing of a hanging note before those of
        later ticks.
        """
        places: Ints = event_places(self.ender) - np.where(self.hanging, 2, 1)
        return places

    def counts(self) -> list[int]:
        """Return the number of notes of each part."""
        numbers: list[int] = np.bincount(self.part, minlength=len(self.keys)).tolist()
        return numbers


def event_places(indices: Ints) -> Ints:
    """Return the places of events in an order that leaves room for note-offs before each."""
    return indices * 4


def find_notes(midi: MidiFile) -> SongNotes:
    """Find the notes of a song, what ends each, and the part it belongs to.

    Raises:
        NoNotesError: the file has no note.
    """
    events = midi.events
    kind = kinds(events)
    is_on = (kind == NOTE_ON) & (events["d2"] > 0)
    onset = np.flatnonzero(is_on)
    if not len(onset):
        raise NoNotesError("the file has no notes")
    ender, hanging = find_enders(events, onset)
    end_tick = events["tick"][np.minimum(ender, len(events) - 1)]
    if hanging.any():
        track_end = np.array(midi.end_ticks, np.int64)[events["track"][onset[hanging]]]
        end_tick[hanging] = track_end
        ender[hanging] = np.searchsorted(events["tick"], track_end, side="right")
    keys, part = _parts(events, onset)
    return SongNotes(keys, part, onset, ender, end_tick, hanging)


def find_enders(events: Events, onset: Ints) -> tuple[Ints, Bools]:
    """Return for each note-on the event that ends it, and whether there is none.

    Args:
        events: messages in play order.
        onset: indices of the note-ons.

    Returns:
        Indices of the ending events, `len(events)` where there is none; and where that is so. Of shape [notes].
    """
    count = len(events)
    kind, channel = kinds(events), channels(events).astype(np.int64)
    notes = np.flatnonzero((kind == NOTE_ON) | (kind == NOTE_OFF))
    key = (channel[notes] * 128 + events["d1"][notes]).astype(np.uint16)  # 16 bits are sorted by radix
    order = np.argsort(key, kind="stable")
    same = key[order][1:] == key[order][:-1]
    following = np.full(count, count, np.int64)
    following[notes[order[:-1]][same]] = notes[order[1:]][same]
    ender = following[onset]
    silencing = (kind == CONTROL) & ((events["d1"] == ALL_NOTES_OFF) | (events["d1"] == ALL_SOUND_OFF))
    stops = np.flatnonzero(silencing)
    if len(stops):
        tick = np.append(events["tick"], MAX_TICK + 1)
        stop = _next_on_channel(stops, channel, onset, count)
        ender = np.where(tick[stop] < tick[ender], stop, ender)
    return ender, ender == count


def _next_on_channel(marks: Ints, channel: Ints, at: Ints, count: int) -> Ints:
    """Return for each event `at` the first of the events `marks` behind it on its channel, else `count`."""
    ranked = np.sort(channel[marks] * count + marks)
    place = np.searchsorted(ranked, channel[at] * count + at)
    found = ranked[np.minimum(place, len(ranked) - 1)]
    hit = (place < len(ranked)) & (found // count == channel[at])
    following: Ints = np.where(hit, found % count, count)
    return following


def _last_on_channel(marks: Ints, channel: Ints, at: Ints, count: int) -> Ints:
    """Return for each event `at` the last of the events `marks` before it on its channel, else -1."""
    if not len(marks):
        return np.full(len(at), -1, np.int64)
    ranked = np.sort(channel[marks] * count + marks)
    place = np.searchsorted(ranked, channel[at] * count + at) - 1
    found = ranked[np.maximum(place, 0)]
    hit = (place >= 0) & (found // count == channel[at])
    last: Ints = np.where(hit, found % count, -1)
    return last


def _programs(events: Events, onset: Ints) -> tuple[Ints, Ints]:
    """Return bank and program in force at each note-on."""
    count, kind, channel = len(events), kinds(events), channels(events).astype(np.int64)
    value1, value2 = events["d1"].astype(np.int64), events["d2"].astype(np.int64)
    changes = np.flatnonzero(kind == PROGRAM)
    banks = np.flatnonzero((kind == CONTROL) & (events["d1"] == BANK_MSB))
    bank_event = _last_on_channel(banks, channel, changes, count)
    bank_of = np.zeros(count + 1, np.int64)  # the last row stands for "no program change yet"
    bank_of[changes] = np.where(bank_event >= 0, value2[bank_event], 0)
    change = _last_on_channel(changes, channel, onset, count)
    program = np.where(change >= 0, value1[change], 0)
    bank = np.where(channel[onset] == DRUM_CHANNEL, DRUM_BANK, bank_of[change])
    return bank, program


def _parts(events: Events, onset: Ints) -> tuple[tuple[PartKey, ...], Ints]:
    """Return the parts in their order, and the part of each note-on."""
    bank, program = _programs(events, onset)
    track, channel = events["track"][onset].astype(np.int64), channels(events)[onset].astype(np.int64)
    packed = ((track * 16 + channel) * 256 + bank) * 128 + program
    values, first, part = np.unique(packed, return_index=True, return_inverse=True)
    first_tick = events["tick"][onset[first]]
    order = np.lexsort((values, first_tick, values >> 15))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    keys = tuple(
        PartKey(int(value) >> 19, int(value) >> 15 & 15, int(value) >> 7 & 255, int(value) & 127)
        for value in values[order]
    )
    return keys, rank[part.reshape(-1)]


def playable(events: Events) -> Bools:
    """Return which messages are sent to a synthesiser: all but the channel mode messages CC 124-127."""
    mode = (events["d1"] >= MODE_MESSAGES.start) & (kinds(events) == CONTROL)
    sent: Bools = ~mode
    return sent


def merge_for_render(midi: MidiFile) -> Events:
    """Return every message of a song for one synthesiser, in the order in which it must be sent.

    These are the file's events, tracks merged, with their own channels, program changes and bank selects; without
    the channel mode messages CC 124-127; and with a note-off for each hanging note at the end of its track. Send
    each at `TempoMap.seconds(tick)`: what sounds is what the stems of `split_song` sound together.

    Raises:
        NoNotesError: the file has no note.
    """
    events, notes = midi.events, find_notes(midi)
    open_notes = np.flatnonzero(notes.hanging)
    open_notes = open_notes[np.argsort(notes.end_tick[open_notes], kind="stable")]
    closing = events[notes.onset[open_notes]].copy()
    closing["tick"] = notes.end_tick[open_notes]
    closing["status"] = NOTE_OFF | channels(closing)
    closing["d2"] = 64
    sent = np.flatnonzero(playable(events))
    place = np.concatenate([event_places(sent), notes.off_places()[open_notes]])
    merged: Events = np.concatenate([events[sent], closing])[np.argsort(place, kind="stable")]
    return merged


def state_messages(events: Events) -> Ints:
    """Return the indices of the messages that set a channel's state: controllers, pressures, bends, not programs."""
    kind = kinds(events)
    bank = (kind == CONTROL) & ((events["d1"] == BANK_MSB) | (events["d1"] == BANK_LSB))
    state = (kind > NOTE_ON) & (kind <= BEND) & (kind != PROGRAM) & ~bank & playable(events)
    found: Ints = np.flatnonzero(state)
    return found
