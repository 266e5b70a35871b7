"""Write a score as a Standard MIDI File: a conductor track, and one track for each layer."""

from __future__ import annotations

from typing import Final

import numpy as np

from schemas.score import PPQ, Layer, Score
from workers.composing.meters import quarter_us
from workers.composing.theory import parse_key
from workers.midi.model import (
    DRUM_CHANNEL,
    EVENT,
    KEY_SIGNATURE,
    MARKER,
    NOTE_OFF,
    NOTE_ON,
    PROGRAM,
    SET_TEMPO,
    TIME_SIGNATURE,
    TRACK_NAME,
    Events,
    Meta,
)  # fmt: skip
from workers.midi.smf import file_bytes, track_chunk

#: Channels of the layers that are no drums, in their order; more layers than channels share the last.
_CHANNELS: Final = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)
#: MIDI clocks of a metronome's click, and thirty-second notes in a quarter, as time signatures state them.
_CLOCKS: Final = bytes([24, 8])


def to_midi(score: Score) -> bytes:
    """Return the MIDI file of a score, type 1, `PPQ` ticks to the quarter; every track ends where the song does."""
    chunks = [track_chunk(np.zeros(0, EVENT), _conductor(score), end=score.end)]
    others = 0
    for layer in score.layers:
        channel = DRUM_CHANNEL if layer.is_drum else _CHANNELS[min(others, len(_CHANNELS) - 1)]
        others += not layer.is_drum
        chunks.append(track_chunk(_events(layer, channel), [_text(0, TRACK_NAME, layer.name)], end=score.end))
    return file_bytes(1, PPQ, chunks)


def _text(tick: int, kind: int, text: str) -> Meta:
    return Meta(tick, 0, kind, text.encode("latin-1", "replace"))


def _conductor(score: Score) -> list[Meta]:
    tempo = quarter_us(score.tempo_bpm)
    metas = [
        _text(0, TRACK_NAME, score.title),
        Meta(0, 0, SET_TEMPO, tempo.to_bytes(3, "big")),
        Meta(0, 0, KEY_SIGNATURE, _key(score.key)),
    ]
    before = None
    for bar in score.bars:
        if bar.meter != before:
            numerator, denominator = before = bar.meter
            metas.append(Meta(bar.start, 0, TIME_SIGNATURE, bytes([numerator, denominator.bit_length() - 1]) + _CLOCKS))
    return [*metas, *(_text(section.start, MARKER, section.name) for section in score.sections)]


def _key(word: str) -> bytes:
    """Return sharps (negative: flats) and 0 for major or 1 for minor."""
    key = parse_key(word)
    return (key.sharps % 256).to_bytes(1, "big") + bytes([key.is_minor])


def _events(layer: Layer, channel: int) -> Events:
    """Return the program change and the notes; of what happens at once, keys are released before others are struck."""
    notes = np.array(layer.notes, dtype=np.int64).reshape(-1, 4)
    count = len(notes)
    events = np.zeros(1 + 2 * count, EVENT)
    events["status"][0], events["d1"][0] = PROGRAM | channel, layer.program
    releases, strikes = events[1 : 1 + count], events[1 + count :]
    releases["tick"], releases["status"], releases["d1"] = notes[:, 1], NOTE_OFF | channel, notes[:, 2]
    strikes["tick"], strikes["status"], strikes["d1"] = notes[:, 0], NOTE_ON | channel, notes[:, 2]
    strikes["d2"] = notes[:, 3]
    return events[np.argsort(events["tick"], kind="stable")]
