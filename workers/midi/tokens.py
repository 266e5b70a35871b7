"""Cuts the bytes of tracks into messages: runs of channel messages in C, everything else one by one.

A run of channel messages with two data bytes is a regular language, and so is one with a single data byte; the
`re` module finds its end. Inside such a run the bytes below 0x80 come in a fixed cycle (last byte of the delta, data,
data), whatever running status and long deltas do between them, so numpy reads a whole run at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple, NoReturn

import numpy as np

from schemas.errors import MidiError
from workers.midi.model import END_OF_TRACK, Bytes, Ints

#: Stands for a system exclusive message where a meta type is expected.
SYSEX: Final = -1

_DELTA = rb"[\x80-\xff]{0,3}[\x00-\x7f]"
_TWO = rb"[\x80-\xbf\xe0-\xef]"
_ONE = rb"[\xc0-\xdf]"
_DATA = rb"[\x00-\x7f]"
#: Longest run that one match takes: the matcher of `re` needs some 170 bytes for each repetition.
_RUN = b"{0,4096}"


def _run(status: bytes, data: bytes, *, running: bool) -> re.Pattern[bytes]:
    first = status + (b"?" if running else b"")
    return re.compile(rb"%b%b%b(?:%b%b?%b)%b" % (_DELTA, first, data, _DELTA, status, data, _RUN), re.DOTALL)


#: A run whose first message has a status byte of its own, and one that goes on under the running status.
_TWO_FRESH, _TWO_RUNNING = (_run(_TWO, _DATA * 2, running=flag) for flag in (False, True))
_ONE_FRESH, _ONE_RUNNING = (_run(_ONE, _DATA, running=flag) for flag in (False, True))
#: A meta event with a payload below 128 bytes, up to where the payload begins: the usual one, read without detours.
_SHORT_META = re.compile(_DELTA + rb"\xff[\x00-\xff]" + _DATA)


class Other(NamedTuple):
    """A message that is no channel message."""

    position: int  #: where it starts, offset in the file
    delta: int
    track: int
    type: int  #: meta type, or `SYSEX`
    data: bytes


@dataclass
class Tokens:
    """What the tracks of a file were cut into; positions are byte offsets in the file."""

    two: list[tuple[int, int]] = field(default_factory=list)  #: runs of messages with two data bytes: start, end
    one: list[tuple[int, int]] = field(default_factory=list)  #: the same for one data byte
    other: list[Other] = field(default_factory=list)  #: every other message


class _Track(NamedTuple):
    """The bytes of a file, up to where a track ends in them, and the track's number."""

    data: bytes
    end: int
    number: int

    def fail(self, offset: int, why: str) -> NoReturn:
        raise MidiError(
            f"track {self.number}, byte {offset}: {why}", hint="the file is damaged; export it again from its source"
        )


class Columns(NamedTuple):
    """Channel messages of some runs, in file order; `status` is 0 under running status. All of shape [messages]."""

    position: Ints
    delta: Ints
    status: Bytes
    d1: Bytes
    d2: Bytes


def cut_track(data: bytes, start: int, end: int, track: int, out: Tokens) -> int | None:
    """Cut the track whose events lie in `data[start:end]` and add them to `out`.

    Running status outlives meta and system exclusive messages, as in mido: the standard forbids it, real files do it,
    and it can mean nothing else.

    Returns:
        The offset behind the end-of-track event, or None where the bytes end without one.

    Raises:
        MidiError: the bytes are no events; names the track and the offset.
    """
    source = _Track(data, end, track)
    position, running = start, 0
    two, one, other = out.two, out.one, out.other
    while position < end:
        match = (_TWO_RUNNING if running == 2 else _TWO_FRESH).match(data, position, end)
        if match:
            running = 2
            two.append((position, match.end()))
            position = match.end()
            continue
        match = (_ONE_RUNNING if running == 1 else _ONE_FRESH).match(data, position, end)
        if match:
            running = 1
            one.append((position, match.end()))
            position = match.end()
            continue
        message, position = _cut_meta(source, position) or _cut_other(source, position, running)
        other.append(message)
        if message.type == END_OF_TRACK:
            return position
    return None


def _cut_meta(track: _Track, start: int) -> tuple[Other, int] | None:
    """Cut one short meta event, if that is what stands here; return it and the offset behind it."""
    data, end, number = track
    match = _SHORT_META.match(data, start, end)
    if match is None:
        return None
    body = match.end()
    behind = body + data[body - 1]
    if behind > end:
        return None
    delta = data[start] if body - start == 4 else _number(track, start, "time")[0]
    return Other(start, delta, number, data[body - 2], data[body:behind]), behind


def _cut_other(track: _Track, start: int, running: int) -> tuple[Other, int]:
    """Cut one meta or system exclusive message; anything else that stands here is an error."""
    data, end, _ = track
    delta, position = _number(track, start, "time")
    status = data[position] if position < end else -1
    if status == 0xFF and position + 1 < end:
        kind, position = data[position + 1], position + 2
    elif status in (0xF0, 0xF7):
        kind, position = SYSEX, position + 1
    else:
        _refuse(track, position, running)
    length, body = _number(track, position, "length")
    if body + length > end:
        track.fail(start, f"a message of {length} bytes does not fit into the rest of the track")
    return Other(start, delta, track.number, kind, data[body : body + length]), body + length


def _number(track: _Track, position: int, what: str) -> tuple[int, int]:
    """Read a variable-length quantity of up to four bytes; return it and the offset behind it."""
    value = 0
    for offset in range(position, min(position + 4, track.end)):
        byte = track.data[offset]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, offset + 1
    if track.end - position < 4:
        track.fail(track.end, f"the track ends inside a {what}")
    return track.fail(position, f"a {what} is longer than four bytes")


def _refuse(track: _Track, position: int, running: int) -> NoReturn:
    """Say why the bytes at `position`, behind a delta time, are no message."""
    data, end, _ = track
    if position >= end:
        track.fail(end, "the track ends behind a time, where an event must follow")
    status = data[position]
    if status == 0xFF:
        track.fail(end, "the track ends inside a meta event")
    if status >= 0xF0:
        track.fail(position, f"0x{status:02X} is a system message, which has no place in a file")
    if status < 0x80 and not running:
        track.fail(position, f"data byte 0x{status:02X} stands where no status came before")
    first = position + 1 if status >= 0x80 else position
    wanted = running if status < 0x80 else 1 if 0xC0 <= status < 0xE0 else 2
    for offset in range(first, min(first + wanted, end)):
        if data[offset] >= 0x80:
            track.fail(offset, f"0x{data[offset]:02X} stands where a data byte (0x00-0x7F) must be")
    track.fail(end, "the track ends inside an event")


def read_runs(data: bytes, runs: list[tuple[int, int]], data_bytes: int) -> Columns:
    """Read runs of channel messages with `data_bytes` (1 or 2) data bytes each."""
    joined = np.frombuffer(b"".join([data[start:end] for start, end in runs]), np.uint8)
    low = np.flatnonzero(joined < 0x80).reshape(-1, data_bytes + 1)
    tail, first, last = low[:, 0], low[:, 1], low[:, -1]
    begin = np.empty(len(low), np.int64)
    begin[:1] = 0
    begin[1:] = last[:-1] + 1
    status = np.where(first - tail == 2, joined[np.maximum(first - 1, 0)], 0).astype(np.uint8)
    d2 = joined[last] if data_bytes == 2 else np.zeros(len(low), np.uint8)
    return Columns(_positions(runs, begin), _deltas(joined, tail, tail - begin), status, joined[first], d2)


def _positions(runs: list[tuple[int, int]], begin: Ints) -> Ints:
    """Turn offsets in the joined runs into offsets in the file."""
    spans = np.array(runs, np.int64).reshape(-1, 2)
    starts = np.cumsum(spans[:, 1] - spans[:, 0]) - (spans[:, 1] - spans[:, 0])
    run = np.searchsorted(starts, begin, side="right") - 1
    positions: Ints = begin + (spans[:, 0] - starts)[run]
    return positions


def _deltas(joined: Bytes, tail: Ints, more: Ints) -> Ints:
    """Return delta times whose last byte is at `tail`, with `more` (0-3) bytes before it."""
    delta = joined[tail].astype(np.int64)
    for step in (1, 2, 3):
        long = np.flatnonzero(more >= step)
        if not len(long):
            break
        delta[long] |= (joined[tail[long] - step].astype(np.int64) & 0x7F) << (7 * step)
    return delta
