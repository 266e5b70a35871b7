"""Songs made from real ones for measuring: pieces, long ones, many alike but not the same, and one of many parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.farmrun import ROOT
from workers.midi.model import (
    CONTROL,
    DRUM_CHANNEL,
    EVENT,
    KEY_PRESSURE,
    NOTE_OFF,
    NOTE_ON,
    PROGRAM,
    SET_TEMPO,
    Events,
    Meta,
    MidiFile,
    channels,
    kinds,
)
from workers.midi.smf import read_midi, write_midi
from workers.midi.tempo import DEFAULT_TEMPO_US, TempoMap

_SHARED: Final = ROOT.parent / "shared" / "corpus" / "songs"
#: The real songs beside the checkout, else the demo songs.
SONGS: Final = _SHARED if _SHARED.is_dir() else ROOT / "presets" / "demo"

#: Where in a song a piece is taken from: past the introduction, where most parts play.
_PIECE_FROM: Final = 0.35
#: Variant n of a song is this much slower or faster for each step away from the original.
_TEMPO_STEP: Final = 0.0005
_TRANSPOSITIONS: Final = (0, 1, -1, 2, -2)

#: The song of many parts: quarter notes of half a second, and notes of two seconds that follow without a gap.
_DIVISION: Final = 480
_NOTE_TICKS: Final = 4 * _DIVISION
_TICKS_PER_S: Final = 2 * _DIVISION
#: Programs that sound as long as a key is down: strings, voices, brass, reeds, pipes.
_SUSTAINED: Final = range(48, 80, 2)


def originals(folder: Path = SONGS) -> dict[str, MidiFile]:
    """Read the songs of a folder, by the names of their files."""
    return {path.stem: read_midi(path.read_bytes()) for path in sorted(folder.glob("*.mid"))}


def piece(midi: MidiFile, length_s: float) -> MidiFile:
    """Cut `length_s` seconds out of a song, from where most parts play."""
    tempo = TempoMap.from_midi(midi)
    whole_s = float(tempo.seconds(max(midi.end_ticks)))
    return cut(midi, max(0.0, min(_PIECE_FROM * whole_s, whole_s - length_s)), length_s)


def cut(midi: MidiFile, start_s: float, length_s: float) -> MidiFile:
    """Cut `length_s` seconds out of a song from `start_s` on, with the programs, controllers and tempo that hold there."""
    tempo = TempoMap.from_midi(midi)
    start, end = (int(tick) for tick in tempo.ticks([start_s, start_s + length_s]))
    events = midi.events
    before, inside = events[events["tick"] < start], events[(events["tick"] >= start) & (events["tick"] < end)].copy()
    inside["tick"] -= start
    metas = [meta._replace(tick=max(0, meta.tick - start)) for meta in _held(midi.metas, start, end)]
    return replace(
        midi,
        events=np.concatenate([_state(before), inside]),
        metas=metas,
        start_ticks=(0,) * midi.track_count,
        end_ticks=(end - start,) * midi.track_count,
    )


def variant(midi: MidiFile, number: int) -> MidiFile:
    """Return a song with the same work in it of which every stem sounds different.

    It is transposed by up to two semitones, and a little slower or faster; variant 0 is the song itself, and the mean
    of many is its length.
    """
    step = (number + 1) // 2 * (1 if number % 2 else -1)
    factor = 1 + _TEMPO_STEP * step
    metas = [meta for meta in midi.metas if meta.type != SET_TEMPO]
    tempi = [meta for meta in midi.metas if meta.type == SET_TEMPO]
    if not any(meta.tick == 0 for meta in tempi):
        tempi.insert(0, Meta(0, 0, SET_TEMPO, DEFAULT_TEMPO_US.to_bytes(3, "big")))
    slower = [meta._replace(data=_scaled(meta.data, factor)) for meta in tempi]
    events = midi.events.copy()
    kind = kinds(events)
    keyed = ((kind == NOTE_ON) | (kind == NOTE_OFF) | (kind == KEY_PRESSURE)) & (channels(events) != DRUM_CHANNEL)
    keys = events["d1"].astype(np.int64) + _TRANSPOSITIONS[number % len(_TRANSPOSITIONS)]
    events["d1"] = np.where(keyed, np.clip(keys, 0, 127), events["d1"])
    return replace(midi, events=events, metas=sorted([*metas, *slower], key=lambda meta: meta.tick))


def lengthened(midi: MidiFile, length_s: float) -> MidiFile:
    """Repeat a song until it is `length_s` seconds long, and cut it there."""
    whole = max(midi.end_ticks)
    times = int(length_s / float(TempoMap.from_midi(midi).seconds(whole))) + 1
    rounds = []
    for number in range(times):
        events = midi.events.copy()
        events["tick"] += number * whole
        rounds.append(events)
    metas = [meta._replace(tick=meta.tick + number * whole) for number in range(times) for meta in midi.metas]
    long = replace(midi, events=np.concatenate(rounds), metas=metas, end_ticks=(times * whole,) * midi.track_count)
    end = int(TempoMap.from_midi(long).ticks(length_s))
    return replace(
        long,
        events=long.events[long.events["tick"] < end],
        metas=[meta for meta in metas if meta.tick < end],
        end_ticks=(end,) * midi.track_count,
    )


def many_parts(parts: int, length_s: float) -> MidiFile:
    """Make a song of `parts` stems that all sound from the first second to the last, so that no chunk is silent."""
    free = [channel for channel in range(16) if channel != DRUM_CHANNEL]
    end = int(length_s * _TICKS_PER_S)
    rows = []
    for part in range(parts):
        channel, layer = free[part % len(free)], part // len(free)
        track, key = part + 1, 40 + 12 * layer + part % 5
        rows.append((0, track, PROGRAM | channel, _SUSTAINED[part % len(free)], 0))
        for number, tick in enumerate(range(0, end - _NOTE_TICKS, _NOTE_TICKS)):
            pitch = key + number % 7
            rows.append((tick, track, NOTE_ON | channel, pitch, 60 + part % 40))
            rows.append((tick + _NOTE_TICKS, track, NOTE_OFF | channel, pitch, 64))
    events = np.array(rows, EVENT)
    ordered = events[np.argsort(events["tick"], kind="stable")]
    return MidiFile(1, _DIVISION, ordered, [], (0,) * (parts + 1), (end,) * (parts + 1))


def write_songs(folder: Path, songs: dict[str, MidiFile]) -> Path:
    """Write songs as files of a new folder and return it."""
    folder.mkdir(parents=True)
    for name, midi in songs.items():
        (folder / f"{name}.mid").write_bytes(write_midi(midi))
    return folder


def crowd(count: int, length_s: float, folder: Path = SONGS) -> dict[str, MidiFile]:
    """Return `count` songs, the same mixture of pieces in every group of as many as there are originals."""
    pieces = list({name: piece(midi, length_s) for name, midi in originals(folder).items()}.values())
    return {
        f"song-{number:05d}": variant(pieces[number % len(pieces)], number // len(pieces)) for number in range(count)
    }


def _state(events: Events) -> Events:
    """Return at tick 0 the last message of every kind but notes, per channel and controller, in order."""
    last: dict[tuple[int, int], int] = {}
    kind = kinds(events)
    for index in np.flatnonzero((kind != NOTE_ON) & (kind != NOTE_OFF)).tolist():
        event = events[index]
        key = (int(event["status"]), int(event["d1"]) if kind[index] in (CONTROL, KEY_PRESSURE) else -1)
        last.pop(key, None)
        last[key] = index
    state = events[list(last.values())].copy()
    state["tick"] = 0
    return state


def _held(metas: list[Meta], start: int, end: int) -> list[Meta]:
    """Return what stands in [start, end), and before that the last of every type and track."""
    last = {(meta.type, meta.track): meta for meta in metas if meta.tick < start}
    return [*last.values(), *(meta for meta in metas if start <= meta.tick < end)]


def _scaled(tempo: bytes, factor: float) -> bytes:
    return min(round(int.from_bytes(tempo, "big") * factor), 0xFFFFFF).to_bytes(3, "big")
