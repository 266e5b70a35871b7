"""Splits a song into stems: one MIDI file for each part, which sounds alone as the part does in the whole.

A stem is a file of type 1 with two tracks. The first has the song's tempo, meters, keys, texts, lyrics and markers;
the second has the track's name, the bank (CC 0) and program at tick 0, the part's notes, and every message that sets
the state of its channel (controllers, pressures, bends) from all tracks of the song, in the song's order. Every stem
plays on channel 0, drums on channel 9.

Each note has exactly one note-off, where the note ends in the whole: see `workers.midi.parts`. Note-offs that end
nothing are left out. Only on channels that use portamento, sostenuto or legato (CC 65, 66, 68, 84), where FluidSynth
tells "struck again" from "released and struck", every note-off of the channel is kept as it is, and one is added only
where another part's note ends a note or nothing does.

What no stem can show is how parts that share a channel act on each other within the synthesiser. Such songs carry a
warning: `shared_channel_modes` (parts on a channel that uses portamento, sostenuto or legato: CC 65, 66, 68, 84) and
`drums_apart` (drum parts that hold different drums of one kind, such as closed and open hi-hat, which cut each other
off when they are played by one kit).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Final

import numpy as np

from schemas.errors import MidiError
from schemas.patch import DRUM_BANK
from schemas.song import Part, SplitResult
from workers.midi.model import (
    CONTROL,
    COPYRIGHT,
    CUE_POINT,
    DRUM_CHANNEL,
    EVENT,
    INSTRUMENT_NAME,
    KEY_SIGNATURE,
    LYRIC,
    MARKER,
    NOTE_OFF,
    NOTE_ON,
    PORT,
    PROGRAM,
    SET_TEMPO,
    SMPTE_OFFSET,
    TEXT,
    TIME_SIGNATURE,
    TRACK_NAME,
    Bools,
    Events,
    Ints,
    Meta,
    MidiFile,
    channels,
    decode_text,
    kinds,
)
from workers.midi.parts import PartKey, SongNotes, event_places, find_notes, playable, state_messages
from workers.midi.smf import file_bytes, read_midi, track_chunk
from workers.midi.tempo import TempoMap

#: Most parts of a song: part names have at most three digits.
MAX_PARTS: Final = 999
#: Release velocity of note-offs that the song does not have, the neutral value (MIDI 1.0, note-off).
NEUTRAL_RELEASE: Final = 64

_SONG_METAS: Final = frozenset(
    (TEXT, COPYRIGHT, LYRIC, MARKER, CUE_POINT, SET_TEMPO, SMPTE_OFFSET, TIME_SIGNATURE, KEY_SIGNATURE)
)
#: Portamento, sostenuto, legato, portamento control: a channel that uses them remembers more than which keys are down.
_MEMORY_CONTROLS: Final = (65, 66, 68, 84)
#: Drums that cut each other off: hi-hat, scratch, whistle, guiro, cuica, triangle, surdo (General MIDI 2, appendix B).
_EXCLUSIVE_DRUMS: Final = ((42, 44, 46), (29, 30), (71, 72), (73, 74), (78, 79), (80, 81), (86, 87))


def split_song(data: bytes) -> tuple[SplitResult, dict[str, bytes]]:
    """Split a Standard MIDI File into its parts.

    Equal bytes give equal stems, byte for byte.

    Args:
        data: the file's bytes.

    Returns:
        The parts, named S00, S01, ... in the order of (track, channel, first note, bank, program), with the song's
        duration and warnings; and the MIDI bytes of each part by its name.

    Raises:
        MidiError: the file is damaged, or has more than `MAX_PARTS` parts.
        NoNotesError: the file has no note.
    """
    midi = read_midi(data)
    notes = find_notes(midi)
    if len(notes.keys) > MAX_PARTS:
        raise MidiError(f"the song has {len(notes.keys)} parts, more than the {MAX_PARTS} that can be named")
    tempo = TempoMap.from_midi(midi)
    stems = _write_stems(midi, notes)
    parts = _describe(midi, notes, tempo, stems)
    duration_s = float(tempo.seconds(notes.end_tick.max()))
    warnings = _warnings(midi, notes, tempo)
    return SplitResult(parts=parts, duration_s=duration_s, warnings=warnings), stems


def part_name(number: int) -> str:
    """Return the name of a part: S00, S01, ..."""
    return f"S{number:02d}"


def _describe(midi: MidiFile, notes: SongNotes, tempo: TempoMap, stems: dict[str, bytes]) -> list[Part]:
    end_tick = np.zeros(len(notes.keys), np.int64)
    np.maximum.at(end_tick, notes.part, notes.end_tick)
    names = _track_names(midi)
    ends_s = tempo.seconds(end_tick).tolist()
    rows = zip(stems.items(), notes.keys, notes.counts(), ends_s, _struck(midi, notes), strict=True)
    return [
        Part(
            name=name,
            track=key.track,
            track_name=decode_text(names.get(key.track, b"")),
            channel=key.channel,
            bank=key.bank,
            program=key.program,
            is_drum=key.is_drum,
            notes=count,
            end_s=end_s,
            midi_sha256=hashlib.sha256(stem).hexdigest(),
            keys=struck,
        )
        for (name, stem), key, count, end_s, struck in rows
    ]


def _struck(midi: MidiFile, notes: SongNotes) -> list[str]:
    """Return the keys that each part strikes, as `Part.keys` has them."""
    pairs = np.unique(notes.part * 128 + midi.events["d1"][notes.onset])
    masks = [0] * len(notes.keys)
    for pair in pairs.tolist():
        masks[pair >> 7] |= 1 << (pair & 127)
    return [f"{mask:x}" for mask in masks]


def _track_names(midi: MidiFile, kind: int = TRACK_NAME) -> dict[int, bytes]:
    """Return the first name of each track that has one."""
    names: dict[int, bytes] = {}
    for meta in midi.metas:
        if meta.type == kind:
            names.setdefault(meta.track, meta.data)
    return names


def _warnings(midi: MidiFile, notes: SongNotes, tempo: TempoMap) -> dict[str, int]:
    """Gather what the annotation must say of the song, by name; only what occurs."""
    found = Counter({**midi.warnings, **tempo.warnings})
    found["sysex_ignored"] = midi.sysex_count
    found["hanging_notes"] = int(notes.hanging.sum())
    found["mode_messages_ignored"] = int((~playable(midi.events)).sum())
    ports = {meta.data for meta in midi.metas if meta.type == PORT}
    found["ports_merged"] = len(ports) if len(ports) > 1 else 0
    per_channel = Counter(key.channel for key in notes.keys)
    modes = _channels_using(midi.events, _MEMORY_CONTROLS)
    shared = {channel: count for channel, count in per_channel.items() if count > 1}
    found["shared_channel_modes"] = sum(count for channel, count in shared.items() if channel in modes)
    found["drums_apart"] = _drums_apart(midi.events, notes) if DRUM_CHANNEL in shared else 0
    return {name: count for name, count in sorted(found.items()) if count}


def _drums_apart(events: Events, notes: SongNotes) -> int:
    """Count the drum parts that hold drums which another part's drums would cut off."""
    pitch, is_drum = events["d1"][notes.onset], channels(events)[notes.onset] == DRUM_CHANNEL
    apart: set[int] = set()
    for group in _EXCLUSIVE_DRUMS:
        holders = set(notes.part[is_drum & np.isin(pitch, group)].tolist())
        apart |= holders if len(holders) > 1 else set()
    return len(apart)


def _channels_using(events: Events, controllers: tuple[int, ...]) -> set[int]:
    used = (kinds(events) == CONTROL) & np.isin(events["d1"], controllers)
    return set(channels(events)[used].tolist())


def _write_stems(midi: MidiFile, notes: SongNotes) -> dict[str, bytes]:
    conductor = _conductor(midi)
    titles, instruments = _track_names(midi), _track_names(midi, INSTRUMENT_NAME)
    material = _Material(midi.events, notes)
    stems = {}
    for number, key in enumerate(notes.keys):
        events = material.stem(number)
        metas = [
            Meta(0, 1, kind, names[key.track])
            for kind, names in ((TRACK_NAME, titles), (INSTRUMENT_NAME, instruments))
            if key.track in names
        ]
        track = track_chunk(events, metas, end=int(events["tick"][-1]))
        stems[part_name(number)] = file_bytes(1, midi.division, [conductor, track])
    return stems


def _conductor(midi: MidiFile) -> bytes:
    """Write the first track of every stem: the song's own meta events, and its title."""
    title = _track_names(midi).get(0)
    metas = [Meta(0, 0, TRACK_NAME, title)] if title is not None else []
    metas += [meta for meta in midi.metas if meta.type in _SONG_METAS]
    return track_chunk(np.empty(0, EVENT), metas, end=metas[-1].tick if metas else 0)


class _Material:
    """What stems are made of: the messages of a song, and which of them each part needs."""

    def __init__(self, events: Events, notes: SongNotes) -> None:
        self._events, self._notes = events, notes
        self._own = np.split(np.argsort(notes.part, kind="stable"), np.cumsum(notes.counts())[:-1])
        wary = np.isin(channels(events), list(_channels_using(events, _MEMORY_CONTROLS)))
        self._needs_off = self._find_needs(wary)
        self._off_places = notes.off_places()
        kept = np.union1d(state_messages(events), np.flatnonzero(wary & _is_note_off(events)))
        self._by_channel = [kept[channels(events)[kept] == channel] for channel in range(16)]

    def stem(self, number: int) -> Events:
        """Return the messages of one part's stem, in order."""
        events, notes, key = self._events, self._notes, self._notes.keys[number]
        own = self._own[number]
        ending = own[self._needs_off[own]]
        preset, kept = _preset(key), np.concatenate([self._by_channel[key.channel], notes.onset[own]])
        messages = np.concatenate([preset, events[kept], self._note_offs(ending)])
        before_all = np.full(len(preset), -1)
        place = np.concatenate([before_all, event_places(kept), self._off_places[ending]])
        stem: Events = messages[np.argsort(place, kind="stable")]
        stem["track"] = 1
        stem["status"] = kinds(stem) | (DRUM_CHANNEL if key.is_drum else 0)
        return stem

    def _find_needs(self, wary: Bools) -> Bools:
        """Return which notes need a note-off of their own: all of them on most channels.

        On `wary` channels, whose note-offs are all kept, only those that another part's note ends, and hanging ones.
        """
        notes = self._notes
        part_of = np.full(len(self._events) + 1, -1, np.int64)
        part_of[notes.onset] = notes.part
        other = part_of[notes.ender]
        needs: Bools = notes.hanging | ~wary[notes.onset] | ((other >= 0) & (other != notes.part))
        return needs

    def _note_offs(self, ending: Ints) -> Events:
        """Return the note-offs of the notes `ending`: the song's own where it has one, else made for the purpose."""
        events, notes = self._events, self._notes
        offs = events[np.minimum(notes.ender[ending], len(events) - 1)]
        made = ~_is_note_off(offs) | notes.hanging[ending]
        offs["status"][made] = NOTE_OFF
        offs["d1"] = events["d1"][notes.onset[ending]]
        offs["d2"][made] = NEUTRAL_RELEASE
        offs["tick"] = notes.end_tick[ending]
        return offs


def _is_note_off(events: Events) -> Bools:
    """Return which messages release a key: note-offs, and note-ons without velocity."""
    kind = kinds(events)
    off: Bools = (kind == NOTE_OFF) | ((kind == NOTE_ON) & (events["d2"] == 0))
    return off


def _preset(key: PartKey) -> Events:
    """Return the messages at tick 0 that choose the part's bank and program."""
    rows = [(0, 1, PROGRAM, key.program, 0)]
    if key.bank not in {0, DRUM_BANK}:
        rows.insert(0, (0, 1, CONTROL, 0, key.bank))
    return np.array(rows, EVENT)
