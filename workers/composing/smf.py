"""Write a score as a Standard MIDI File: a conductor track, and one track for each layer."""

from __future__ import annotations

import io
from collections.abc import Iterable

import mido

from schemas.score import PPQ, Layer, Score
from workers.composing.theory import parse_key

_DRUM_CHANNEL = 9
#: Channels of the other layers, in their order; more layers than channels share the last.
_CHANNELS = tuple(channel for channel in range(16) if channel != _DRUM_CHANNEL)

_Timed = tuple[int, int, mido.Message | mido.MetaMessage]


def to_midi(score: Score) -> bytes:
    """Return the MIDI file of a score, type 1, `PPQ` ticks to the quarter; every track ends where the song does."""
    midi = mido.MidiFile(type=1, ticks_per_beat=PPQ)
    midi.tracks.append(_track(score.title, _conductor(score), score.end))
    others = 0
    for layer in score.layers:
        channel = _DRUM_CHANNEL if layer.is_drum else _CHANNELS[min(others, len(_CHANNELS) - 1)]
        others += not layer.is_drum
        midi.tracks.append(_track(layer.name, _messages(layer, channel), score.end))
    file = io.BytesIO()
    midi.save(file=file)
    return file.getvalue()


def _conductor(score: Score) -> Iterable[_Timed]:
    yield 0, 0, mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(score.tempo_bpm))
    yield 0, 0, mido.MetaMessage("key_signature", key=parse_key(score.key).signature)
    before = None
    for bar in score.bars:
        if bar.meter != before:
            numerator, denominator = before = bar.meter
            yield bar.start, 0, mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator)
    for section in score.sections:
        yield section.start, 1, mido.MetaMessage("marker", text=section.name)


def _messages(layer: Layer, channel: int) -> Iterable[_Timed]:
    yield 0, 0, mido.Message("program_change", channel=channel, program=layer.program)
    for note in layer.notes:
        # Of what happens at once, keys are released before others are struck.
        yield note.start, 2, mido.Message("note_on", channel=channel, note=note.key, velocity=note.velocity)
        yield note.end, 1, mido.Message("note_off", channel=channel, note=note.key, velocity=0)


def _track(name: str, messages: Iterable[_Timed], end: int) -> mido.MidiTrack:
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
    now = 0
    for tick, _, message in sorted(messages, key=lambda timed: timed[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=end - now))
    return track
