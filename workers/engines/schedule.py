"""What a synthesiser must be told and when: MIDI messages on the grid of its blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from workers.midi.keyboard import PEDAL_DOWN, SOSTENUTO, SUSTAIN
from workers.midi.model import CONTROL, EVENT, NOTE_OFF, NOTE_ON, PROGRAM, Events, Floats, MidiFile, channels, kinds
from workers.midi.notes import NoteTable, read_notes
from workers.midi.parts import BANK_LSB, BANK_MSB, find_enders, merge_for_render, playable
from workers.midi.smf import read_midi
from workers.midi.tempo import TempoMap

#: Frames that FluidSynth renders at once: an event can only take effect where such a block starts.
BLOCK_FRAMES: Final = 64


@dataclass(frozen=True)
class Schedule:
    """Messages in the order in which they are sent, as columns of equal length, and what is known of the notes.

    Every key and pedal that nothing releases is released where the tracks end.
    """

    block: list[int]  #: index of the block before which the message is sent
    kind: list[int]  #: high half of the status byte; a note-on of velocity 0 is a note-off
    channel: list[int]
    d1: list[int]
    d2: list[int]
    notes: int
    muted: int  #: notes whose volume or expression is zero from their onset to their release
    onset_s: dict[int, float]  #: of each note-on, by its index among the messages: its exact time
    audible_s: dict[int, float]  #: of each note-on: when it can first be heard; infinity for a muted one
    release_s: float  #: when the last note is released by key and pedals
    release_block: int


def stem_schedule(data: bytes, rate_hz: int) -> Schedule:
    """Read the MIDI file of a stem; program changes and bank selects are left out, since the patch says what plays.

    Raises:
        MidiError: the bytes are no MIDI file.
    """
    midi = read_midi(data)
    events = midi.events[playable(midi.events)]
    kind = kinds(events)
    bank = (kind == CONTROL) & ((events["d1"] == BANK_MSB) | (events["d1"] == BANK_LSB))
    return make_schedule(midi, events[~bank & (kind != PROGRAM)], rate_hz)


def song_schedule(data: bytes, rate_hz: int) -> Schedule:
    """Read the MIDI file of a whole song, to be played by one synthesiser with its own programs and banks.

    Raises:
        MidiError: the bytes are no MIDI file, or hold no note.
    """
    midi = read_midi(data)
    return make_schedule(midi, merge_for_render(midi), rate_hz)


def make_schedule(midi: MidiFile, events: Events, rate_hz: int) -> Schedule:
    """Put `events`, which are in the order of play, onto the grid: each goes to the nearest edge of a block."""
    events = _let_go(events, max(midi.end_ticks, default=0))
    tempo = TempoMap.from_midi(midi)
    kind, channel = kinds(events), channels(events)
    kind[(kind == NOTE_ON) & (events["d2"] == 0)] = NOTE_OFF
    onset_s: dict[int, float] = {}
    audible_s: dict[int, float] = {}
    muted, release_s = 0, 0.0
    for number in np.unique(channel[kind == NOTE_ON]).tolist():
        own = channel == number
        table = read_notes(replace(midi, events=events[own]), tempo)
        struck = np.flatnonzero(own & (kind == NOTE_ON))
        struck = struck[np.lexsort((events["d1"][struck], events["tick"][struck]))]  # the order of the table
        onset_s.update(zip(struck.tolist(), table.onset_s.tolist(), strict=True))
        audible_s.update(zip(struck.tolist(), _audible(table).tolist(), strict=True))
        muted += int(table.muted.sum())
        release_s = max(release_s, float(table.offset_s.max()))
    return Schedule(
        block=_blocks(tempo.seconds(events["tick"]), rate_hz).tolist(),
        kind=kind.tolist(),
        channel=channel.tolist(),
        d1=events["d1"].tolist(),
        d2=events["d2"].tolist(),
        notes=len(onset_s),
        muted=muted,
        onset_s=onset_s,
        audible_s=audible_s,
        release_s=release_s,
        release_block=int(_blocks(np.array(release_s), rate_hz)),
    )


def _blocks(time_s: Floats, rate_hz: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.floor(time_s * (rate_hz / BLOCK_FRAMES) + 0.5).astype(np.int64)


def _audible(table: NoteTable) -> Floats:
    return np.where(table.muted, np.inf, table.audible_s)


def _let_go(events: Events, end_tick: int) -> Events:
    """Release at `end_tick` every key and pedal that nothing releases."""
    kind, channel = kinds(events), channels(events)
    struck = np.flatnonzero((kind == NOTE_ON) & (events["d2"] > 0))
    _, hanging = find_enders(events, struck)
    releases = [
        (end_tick, event["track"], NOTE_OFF | event["status"] & 0x0F, event["d1"], 64)
        for event in events[struck[hanging]]
    ]
    for pedal in (SUSTAIN, SOSTENUTO):
        moves = np.flatnonzero((kind == CONTROL) & (events["d1"] == pedal))
        for number in np.unique(channel[moves]).tolist():
            last = events[moves[channel[moves] == number][-1]]
            if last["d2"] >= PEDAL_DOWN:
                releases.append((end_tick, last["track"], CONTROL | number, pedal, 0))
    if not releases:
        return events
    joined = np.concatenate([events, np.array(releases, EVENT)])
    ordered: Events = joined[np.argsort(joined["tick"], kind="stable")]
    return ordered
