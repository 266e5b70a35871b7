"""One MIDI file of all stems of a song: what sounds in its audio, a track for each stem.

Every stem has a channel of its own, since each brings the controllers and bends of its channel along: fifteen melodic stems
and one of drums (channel 10, as always) to a port; the port is named by the meta event 21h, which sequencers know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from workers.midi.model import DRUM_CHANNEL, PORT, Events, Meta, MidiFile, channels, kinds
from workers.midi.notes import NoteTable, read_notes
from workers.midi.smf import file_bytes, read_midi, track_chunk
from workers.midi.tempo import TempoMap

#: Channels for stems that are no drums.
_MELODIC: Final = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)
_CONDUCTOR, _OWN = 0, 1


def join_stems(stems: Mapping[str, bytes]) -> bytes:
    """Return a MIDI file of type 1: the conductor's track, which all stems share, and a track for each stem, in order.

    Args:
        stems: MIDI files of the stems of one song as the split writes them, by name.

    Raises:
        MidiError: a file is damaged.
    """
    tracks: list[bytes] = []
    melodic = drums = 0
    division = 480
    for data in stems.values():
        midi = read_midi(data)
        division = midi.division
        if not tracks:
            tracks.append(_chunk(midi, _CONDUCTOR, midi.events[:0], []))
        own = midi.events[midi.events["track"] == _OWN]
        if (channels(own) == DRUM_CHANNEL).any():
            port, channel = drums, DRUM_CHANNEL
            drums += 1
        else:
            port, channel = melodic // len(_MELODIC), _MELODIC[melodic % len(_MELODIC)]
            melodic += 1
        own["status"] = kinds(own) | channel
        tracks.append(_chunk(midi, _OWN, own, [Meta(0, _OWN, PORT, bytes([port & 0x7F]))]))
    return file_bytes(1, division, tracks)


def joined_notes(data: bytes) -> list[NoteTable]:
    """Return the notes of each stem in a file that `join_stems` wrote, in order.

    Raises:
        MidiError: the file is damaged.
    """
    midi = read_midi(data)
    tempo = TempoMap.from_midi(midi)
    tables = []
    for track in range(1, len(midi.end_ticks)):
        # What nothing ends or lifts ends with the stem, and not with the longest of them.
        ends = (midi.end_ticks[_CONDUCTOR], midi.end_ticks[track])
        own = replace(midi, events=midi.events[midi.events["track"] == track], end_ticks=ends)
        tables.append(read_notes(own, tempo))
    return tables


def _chunk(midi: MidiFile, track: int, events: Events, metas: list[Meta]) -> bytes:
    own = [*metas, *(meta for meta in midi.metas if meta.track == track)]
    last = max([0, *(meta.tick for meta in own), *events["tick"][-1:].tolist()])
    return track_chunk(np.ascontiguousarray(events), own, end=last)
