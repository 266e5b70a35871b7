"""MIDI files as a plug-in's host is given them: every message on channel 1 and exactly at its frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from workers.midi.model import (
    BEND,
    CHANNEL_PRESSURE,
    CONTROL,
    EVENT,
    NOTE_OFF,
    NOTE_ON,
    PROGRAM,
    SET_TEMPO,
    Events,
    Floats,
    Ints,
    Meta,
    kinds,
)
from workers.midi.smf import file_bytes, read_midi, track_chunk
from workers.midi.tempo import TempoMap

#: Ticks of a quarter note, the most there can be, and microseconds of one: 131 068 ticks a second, so that each frame of
#: every sample rate has a tick of its own near its middle, which a host that rounds down takes for that frame.
_DIVISION: Final = 32767
_QUARTER_US: Final = 250_000
_TICKS_PER_S: Final = _DIVISION * 1e6 / _QUARTER_US
_ALL_SOUND_OFF, _RESET_CONTROLLERS, _ALL_NOTES_OFF, _BANK = 120, 121, 123, 0
_CENTRE: Final = 64
#: The shortest time for which a key is down, as FluidSynth has it (synth.min-note-length).
_SHORTEST_S: Final = 0.01
_NEVER: Final = np.iinfo(np.int64).max
_PROBE_NOTE_S: Final = 0.12
_PROBE_VELOCITY: Final = 100


def framed_midi(midi: bytes, rate_hz: int, lead: int, *, clean: bool) -> bytes:
    """Return a stem with each message at the frame nearest to its time, `lead` frames later.

    Args:
        midi: the stem.
        rate_hz: frames a second.
        lead: frames before the stem.
        clean: whether to end all sounds and reset all controllers first.

    Raises:
        MidiError: the bytes are no MIDI file.
    """
    parsed = read_midi(midi)
    frames = np.floor(TempoMap.from_midi(parsed).seconds(parsed.events["tick"]) * rate_hz + 0.5).astype(np.int64)
    events, frames = _lasting(parsed.events, frames, round(_SHORTEST_S * rate_hz))
    return _file(events, (frames + lead + 0.5) / rate_hz, _cleaning() if clean else [])


def _lasting(events: Events, frames: Ints, shortest: int) -> tuple[Events, Ints]:
    """Let every note last for a moment, or until its key is struck again; of two strikes at one frame the last stays."""
    kind = kinds(events)
    frames, stays = frames.copy(), np.ones(len(events), np.bool_)
    notes = np.flatnonzero((kind == NOTE_ON) | (kind == NOTE_OFF))
    for key in np.unique(events["d1"][notes]):
        own = notes[events["d1"][notes] == key]
        ons = np.flatnonzero((kind[own] == NOTE_ON) & (events["d2"][own] > 0))
        again = np.append(frames[own[ons[1:]]], _NEVER)
        for at, next_frame in zip(ons.tolist(), again.tolist(), strict=True):
            off = own[at + 1 : at + 2]
            frames[off] = np.maximum(frames[off], min(int(frames[own[at]]) + shortest, next_frame))
            stays[own[at : at + 2]] = int(frames[own[at]]) < next_frame
    order = np.argsort(frames, kind="stable")
    order = order[stays[order]]
    return events[order], frames[order]


def program_midi(program: int) -> bytes:
    """Return a file that chooses a program; those from 128 on are in the banks 1 and up (CC 0)."""
    bank, number = divmod(program, 128)
    messages = [(CONTROL, _BANK, bank)] if bank else []
    return _file(np.zeros(0, EVENT), np.zeros(0), [*messages, (PROGRAM, number, 0)])


def probe_midi(keys: Sequence[int]) -> tuple[bytes, float]:
    """Return a file that strikes keys one after another, and how long it is, seconds."""
    rows, times = [], []
    for place, key in enumerate(keys):
        start_s = place * _PROBE_NOTE_S
        rows += [(0, 0, NOTE_ON, key, _PROBE_VELOCITY), (0, 0, NOTE_OFF, key, _CENTRE)]
        times += [start_s, start_s + 0.8 * _PROBE_NOTE_S]
    return _file(np.array(rows, EVENT), np.array(times), []), (len(keys) + 1) * _PROBE_NOTE_S


def _cleaning() -> list[tuple[int, int, int]]:
    """Return what brings an instrument to rest: no sound, no key, no controller."""
    return [
        (CONTROL, _ALL_SOUND_OFF, 0),
        (CONTROL, _ALL_NOTES_OFF, 0),
        (CONTROL, _RESET_CONTROLLERS, 0),
        (CHANNEL_PRESSURE, 0, 0),
        (BEND, 0, _CENTRE),
    ]


def _file(events: Events, time_s: Floats, first: list[tuple[int, int, int]]) -> bytes:
    """Write messages at their times, those of `first` at time 0."""
    begin = np.array([(0, 0, status, d1, d2) for status, d1, d2 in first], EVENT)
    timed = events.copy()
    timed["tick"] = np.floor(time_s * _TICKS_PER_S + 0.5)
    timed["track"] = 0
    timed["status"] &= 0xF0
    joined = np.concatenate([begin, timed])
    tempo = Meta(0, 0, SET_TEMPO, _QUARTER_US.to_bytes(3, "big"))
    end = int(joined["tick"].max(initial=0)) + 1
    return file_bytes(0, _DIVISION, [track_chunk(joined, [tempo], end=end)])
