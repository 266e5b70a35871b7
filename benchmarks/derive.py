"""Versions of a song: in another key, faster or slower, a part of it, played by other instruments; and many of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.songs import cut
from schemas.base import draw
from workers.midi.model import (
    DRUM_CHANNEL,
    KEY_PRESSURE,
    NOTE_OFF,
    NOTE_ON,
    PROGRAM,
    SET_TEMPO,
    Bools,
    Meta,
    MidiFile,
    channels,
    kinds,
)
from workers.midi.smf import read_midi, write_midi
from workers.midi.tempo import DEFAULT_TEMPO_US, TempoMap

#: Programs that instruments are exchanged for: General MIDI's without effects and noises.
_INSTRUMENTS: Final = 96
_KEYS: Final = range(-6, 7)
#: What a derived song keeps of its original at least, and how much of it may be left out before.
_LEAST_KEPT: Final = 0.4
_MOST_SKIPPED: Final = 0.5
#: Derived songs are up to this much faster or slower.
_TEMPO_RANGE: Final = 0.15


def transposed(midi: MidiFile, semitones: int) -> MidiFile:
    """Return a song in another key; drums stay. Keys that would leave MIDI's 128 come back by octaves."""
    events = midi.events.copy()
    kind = kinds(events)
    keyed = ((kind == NOTE_ON) | (kind == NOTE_OFF) | (kind == KEY_PRESSURE)) & (channels(events) != DRUM_CHANNEL)
    key = events["d1"].astype(np.int64) + semitones
    key = np.where(key < 0, key + 12, np.where(key > 127, key - 12, key))
    events["d1"] = np.where(keyed, key, events["d1"])
    return replace(midi, events=events)


def at_tempo(midi: MidiFile, factor: float) -> MidiFile:
    """Return a song that is `factor` times as fast, by its tempo alone."""
    metas = [meta for meta in midi.metas if meta.type != SET_TEMPO]
    tempi = [meta for meta in midi.metas if meta.type == SET_TEMPO]
    if not any(meta.tick == 0 for meta in tempi):
        tempi.insert(0, Meta(0, 0, SET_TEMPO, DEFAULT_TEMPO_US.to_bytes(3, "big")))
    scaled = [
        meta._replace(data=min(round(int.from_bytes(meta.data, "big") / factor), 0xFFFFFF).to_bytes(3, "big"))
        for meta in tempi
    ]
    return replace(midi, metas=sorted([*scaled, *metas], key=lambda meta: meta.tick))


def stretched(midi: MidiFile, factor: float) -> MidiFile:
    """Return a song that is `factor` times as slow, by the ticks of its events, as another program would write it."""
    events = midi.events.copy()
    events["tick"] = np.rint(events["tick"] * factor)
    metas = [meta._replace(tick=round(meta.tick * factor)) for meta in midi.metas]
    ends = tuple(round(tick * factor) for tick in midi.end_ticks)
    return replace(midi, events=events, metas=metas, end_ticks=ends)


def reorchestrated(midi: MidiFile, seed: object) -> MidiFile:
    """Return a song in which every channel but the drums' has other instruments and another channel number."""
    free = [channel for channel in range(16) if channel != DRUM_CHANNEL]
    order = sorted(free, key=lambda channel: draw(seed, channel, "channel"))
    moved = np.arange(16, dtype=np.uint8)
    moved[free] = order
    events = midi.events.copy()
    kind, channel = kinds(events), channels(events)
    steps = np.array([1 + int(draw(seed, number, "program") * (_INSTRUMENTS - 1)) for number in range(16)])
    exchanged = (kind == PROGRAM) & (channel != DRUM_CHANNEL)
    events["d1"] = np.where(exchanged, (events["d1"] + steps[channel]) % _INSTRUMENTS, events["d1"])
    events["status"] = kind | moved[channel]
    return replace(midi, events=events)


def without_channels(midi: MidiFile, dropped: set[int]) -> MidiFile:
    """Return a song without some of its channels."""
    kept: Bools = ~np.isin(channels(midi.events), sorted(dropped))
    return replace(midi, events=midi.events[kept])


def derived(midi: MidiFile, number: int) -> MidiFile:
    """Return version `number` of a song: cut, in another key, at another tempo and by other instruments."""
    length_s = float(TempoMap.from_midi(midi).seconds(max(midi.end_ticks)))
    skipped = _MOST_SKIPPED * draw(number, "start")
    kept = _LEAST_KEPT + (1 - _LEAST_KEPT - skipped) * draw(number, "length")
    piece = cut(midi, skipped * length_s, kept * length_s)
    factor = 1 + _TEMPO_RANGE * (2 * draw(number, "tempo") - 1)
    return at_tempo(transposed(reorchestrated(piece, number), _KEYS[number % len(_KEYS)]), factor)


def write_corpus(folder: Path, songs: Path, count: int) -> int:
    """Write `count` files that are derived from the songs of a folder by turns; returns their bytes."""
    originals = [read_midi(path.read_bytes()) for path in sorted(songs.glob("*.mid"))]
    size = 0
    for number in range(count):
        path = folder / f"{number // 1000:03d}" / f"{number:06d}.mid"
        path.parent.mkdir(parents=True, exist_ok=True)
        size += path.write_bytes(write_midi(derived(originals[number % len(originals)], number)))
    return size
