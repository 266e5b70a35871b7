"""Reads and writes Standard MIDI Files (RP-001) without losing an event.

What is read although the standard forbids it, each counted in `MidiFile.warnings`:
a track without end-of-track (`no_end_of_track`), bytes behind it (`bytes_after_end_of_track`), a track chunk that
claims more bytes than there are but ends properly (`track_length`), more tracks than the header says, which players
skip and so does the farm (`extra_tracks`), chunks of other kinds (`foreign_chunks`).
Everything else that is not as it must be is refused with a `MidiError` that names the track and the byte.
"""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import Final, NamedTuple

import numpy as np

from schemas.errors import MidiError
from workers.midi.model import (
    END_OF_TRACK,
    EVENT,
    MAX_TICK,
    Bools,
    Events,
    Ints,
    Meta,
    MidiFile,
    smpte_ticks_per_second,
)
from workers.midi.tokens import SYSEX, Columns, Other, Tokens, cut_track, read_runs

#: Largest file that is read, bytes: above two million events, where the longest real songs have some 100,000.
MAX_FILE_BYTES: Final = 8 * 2**20
#: Most tracks: the range of the track column.
MAX_TRACKS: Final = 2**15 - 1
#: Longest delta time of the format, ticks.
_MAX_DELTA: Final = 2**28 - 1


class _Header(NamedTuple):
    midi_type: int
    tracks: int
    division: int
    end: int  #: offset of the first chunk behind it


def read_midi(data: bytes) -> MidiFile:
    """Read a Standard MIDI File of type 0, 1 or 2, with metrical or SMPTE time.

    Some 1 ms for a file of 40 KB; time and memory are bounded by the file's size, 8 MiB at most.

    Raises:
        MidiError: the bytes are no such file or are damaged; says what is wrong in which track and byte.
    """
    if len(data) > MAX_FILE_BYTES:
        raise MidiError(f"the file has {len(data)} bytes, more than the {MAX_FILE_BYTES} that a song may have")
    header = _read_header(data)
    chunks = _Chunks(data, header)
    columns = _join(read_runs(data, chunks.tokens.two, 2), read_runs(data, chunks.tokens.one, 1))
    return _assemble(header, chunks, columns)


def _read_header(data: bytes) -> _Header:
    if data[:4] != b"MThd":
        raise MidiError("the file does not start with MThd, so it is no Standard MIDI File")
    length = int.from_bytes(data[4:8], "big")
    if len(data) < 14 or length < 6 or 8 + length > len(data):
        raise MidiError("the file ends inside its header")
    midi_type, tracks, division = (int.from_bytes(data[at : at + 2], "big") for at in (8, 10, 12))
    if midi_type > 2:
        raise MidiError(f"the header says type {midi_type}; there are only types 0, 1 and 2")
    if tracks > MAX_TRACKS:
        raise MidiError(f"the header promises {tracks} tracks, more than the {MAX_TRACKS} that a song may have")
    if division == 0:
        raise MidiError("the header's division is zero: a quarter note would have no ticks")
    if division & 0x8000:
        smpte_ticks_per_second(division)
    return _Header(midi_type, tracks, division, 8 + length)


class _Chunks:
    """Walks through the chunks of a file and cuts every track that the header promises."""

    def __init__(self, data: bytes, header: _Header) -> None:
        self.tokens = Tokens()
        self.starts: list[int] = []  #: offset of each track's first event
        self.warnings: Counter[str] = Counter()
        self._data = data
        position = header.end
        while position + 8 <= len(data):
            position = self._chunk(position, is_wanted=len(self.starts) < header.tracks)
        if len(self.starts) < header.tracks:
            raise MidiError(f"the header promises {header.tracks} tracks, but the file ends after {len(self.starts)}")

    def _chunk(self, position: int, *, is_wanted: bool) -> int:
        """Take the chunk at `position`; return where the next one is."""
        name, start = self._data[position : position + 4], position + 8
        end = start + int.from_bytes(self._data[position + 4 : start], "big")
        if is_wanted and name == b"MTrk":
            self._track(start, end)
        elif is_wanted and end > len(self._data):
            raise MidiError(f"byte {position}: a chunk {name!r} of {end - start} bytes does not fit into the file")
        else:
            self.warnings["extra_tracks" if name == b"MTrk" else "foreign_chunks"] += 1
        return end

    def _track(self, start: int, end: int) -> None:
        """Cut one track and see to it that its last message is an end-of-track."""
        track, limit = len(self.starts), min(end, len(self._data))
        behind = cut_track(self._data, start, limit, track, self.tokens)
        if behind is None:
            if end > limit:
                raise MidiError(f"track {track} is cut off: the file ends {end - limit} bytes before the track does")
            self.warnings["no_end_of_track"] += 1
            self.tokens.other.append(Other(limit, 0, track, END_OF_TRACK, b""))
        elif end > limit:
            self.warnings["track_length"] += 1
        elif behind < limit:
            self.warnings["bytes_after_end_of_track"] += 1
        self.starts.append(start)


def _join(two: Columns, one: Columns) -> Columns:
    """Put the messages of both kinds of runs into file order and give each its status byte."""
    order = np.argsort(np.concatenate([two.position, one.position]), kind="stable")
    status = np.concatenate([two.status, one.status])[order]
    own = np.where(status > 0, np.arange(len(status)), 0)
    return Columns(
        np.concatenate([two.position, one.position])[order],
        np.concatenate([two.delta, one.delta])[order],
        status[np.maximum.accumulate(own)],
        np.concatenate([two.d1, one.d1])[order],
        np.concatenate([two.d2, one.d2])[order],
    )


def _assemble(header: _Header, chunks: _Chunks, columns: Columns) -> MidiFile:
    """Turn deltas into ticks, and messages in file order into events in play order."""
    other = chunks.tokens.other
    tick, track, other_tick = _ticks(other, columns, np.array(chunks.starts, np.int64))
    ends = np.array(
        [at for at, message in zip(other_tick, other, strict=True) if message.type == END_OF_TRACK], np.int64
    )
    begins = np.cumsum(ends) - ends if header.midi_type == 2 else np.zeros(len(ends), np.int64)
    if len(ends) and int((begins + ends).max()) > MAX_TICK:
        late = int(np.argmax(begins + ends > MAX_TICK))
        raise MidiError(f"track {late} goes on to tick {begins[late] + ends[late]}; a song ends at {MAX_TICK}")
    return MidiFile(
        midi_type=header.midi_type,
        division=header.division,
        events=_events(tick + begins[track], track, columns),
        metas=_metas(other, other_tick, begins.tolist()),
        start_ticks=tuple(begins.tolist()),
        end_ticks=tuple((begins + ends).tolist()),
        sysex_count=sum(message.type == SYSEX for message in other),
        warnings=dict(sorted(chunks.warnings.items())),
    )


def _ticks(other: list[Other], columns: Columns, starts: Ints) -> tuple[Ints, Ints, list[int]]:
    """Return tick and track of every channel message, and the tick of every other one; ticks count from the track."""
    count = len(columns.position)
    position = np.concatenate([columns.position, np.array([message.position for message in other], np.int64)])
    delta = np.concatenate([columns.delta, np.array([message.delta for message in other], np.int64)])
    order = np.argsort(position, kind="stable")
    total = np.cumsum(delta[order])
    track = np.searchsorted(starts, position[order], side="right") - 1
    first = np.searchsorted(track, np.arange(len(starts)))
    before = (total - delta[order])[first] if len(order) else np.zeros(0, np.int64)
    tick = np.empty_like(total)
    tick[order] = total - before[track]
    return tick[:count], track[order < count], tick[count:].tolist()


def _metas(other: list[Other], ticks: list[int], begins: list[int]) -> list[Meta]:
    """Return the meta events in play order; `other` lies in the order of the tracks, which a stable sort keeps."""
    metas = [
        Meta(tick + begins[track], track, kind, body)
        for tick, (_, _, track, kind, body) in zip(ticks, other, strict=True)
        if kind not in {SYSEX, END_OF_TRACK}
    ]
    metas.sort(key=itemgetter(0))
    return metas


def _events(tick: Ints, track: Ints, columns: Columns) -> Events:
    order = np.argsort(tick, kind="stable")
    events = np.empty(len(tick), EVENT)
    fields = (tick, track, columns.status, columns.d1, columns.d2)
    for name, column in zip(EVENT.names or (), fields, strict=True):
        events[name] = np.asarray(column)[order]
    return events


def write_midi(midi: MidiFile) -> bytes:
    """Write a file that `read_midi` reads back as an equal `MidiFile`, but for its system exclusive messages.

    Running status is used wherever it may be; at equal ticks the meta events of a track stand before its channel
    messages. The bytes depend on the events alone.

    Raises:
        MidiError: a track has an event before its start or behind its end, or a gap that the format cannot express.
    """
    events, tracks = midi.events, []
    for track, (start, end) in enumerate(zip(midi.start_ticks, midi.end_ticks, strict=True)):
        own = events[events["track"] == track]
        metas = [meta for meta in midi.metas if meta.track == track]
        tracks.append(track_chunk(own, metas, start=start, end=end))
    return file_bytes(midi.midi_type, midi.division, tracks)


def file_bytes(midi_type: int, division: int, tracks: list[bytes]) -> bytes:
    """Put a header before finished track chunks."""
    header = b"".join(number.to_bytes(2, "big") for number in (midi_type, len(tracks), division))
    return b"".join([b"MThd\0\0\0\6", header, *tracks])


def track_chunk(events: Events, metas: list[Meta], *, start: int = 0, end: int) -> bytes:
    """Write one track chunk: `events` and `metas` in order of their ticks, which count from `start`, up to `end`.

    Raises:
        MidiError: as `write_midi`.
    """
    finish = [*sorted(metas, key=lambda meta: meta.tick), Meta(end, 0, END_OF_TRACK, b"")]
    bodies = [bytes([0xFF, meta.type]) + _variable(len(meta.data)) + meta.data for meta in finish]
    meta_tick = np.array([meta.tick for meta in finish], np.int64)
    slot = np.searchsorted(events["tick"], meta_tick, side="left")
    slot[-1] = len(events)
    is_event = np.ones(len(events) + len(finish), np.bool_)
    is_event[slot + np.arange(len(finish))] = False
    tick = np.empty(len(is_event), np.int64)
    tick[is_event], tick[~is_event] = events["tick"], meta_tick
    delta = np.diff(tick, prepend=start)
    if int(delta.min()) < 0 or int(delta.max()) > _MAX_DELTA:
        worst = int(np.argmax((delta < 0) | (delta > _MAX_DELTA)))
        raise MidiError(f"an event at tick {tick[worst]} cannot stand {delta[worst]} ticks behind the one before it")
    body = _fill(events, is_event, delta, bodies)
    return b"MTrk" + len(body).to_bytes(4, "big") + body


def _variable(number: int) -> bytes:
    """Write a number as a variable-length quantity."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))


def _fill(events: Events, is_event: Bools, delta: Ints, bodies: list[bytes]) -> bytes:
    """Lay messages and meta events (`bodies`, where `is_event` is false) out as bytes."""
    status, item = events["status"], np.flatnonzero(is_event)
    two = (status < 0xC0) | (status >= 0xE0)
    fresh = np.ones(len(events), np.bool_)
    fresh[1:] = (status[1:] != status[:-1]) | (np.diff(item) != 1)
    size = np.empty(len(delta), np.int64)
    size[item] = 1 + fresh + two
    size[~is_event] = [len(body) for body in bodies]
    delta_size = 1 + (delta >= 1 << 7) + (delta >= 1 << 14) + (delta >= 1 << 21)
    tail = np.cumsum(delta_size + size) - size - 1
    out = np.zeros(int(tail[-1] + size[-1]) + 1, np.uint8)
    out[tail] = delta & 0x7F
    for step in (1, 2, 3):
        long = np.flatnonzero(delta_size > step)
        out[tail[long] - step] = delta[long] >> 7 * step & 0x7F | 0x80
    at = tail[item] + 1
    out[at[fresh]] = status[fresh]
    out[at + fresh] = events["d1"]
    out[(at + fresh)[two] + 1] = events["d2"][two]
    written = bytearray(out.tobytes())
    for offset, body in zip((tail[~is_event] + 1).tolist(), bodies, strict=True):
        written[offset : offset + len(body)] = body
    return bytes(written)
