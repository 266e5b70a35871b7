"""Builds the bytes of Standard MIDI Files by hand, independently of the farm's own writer.

An event is (absolute tick, bytes behind the delta time); a file is made of tracks, a track of events:

    song([name(0, "Bass"), note_on(0, 40), note_off(480, 40)], division=480)

At the end, helpers that read the stems of a split as plain tuples, to be compared with tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.song import SplitResult
from workers.midi.model import MidiFile
from workers.midi.smf import read_midi

Event = tuple[int, bytes]
Message = tuple[int, int, int, int]  #: tick, status, data, data


def note_on(tick: int, key: int, velocity: int = 100, channel: int = 0) -> Event:
    return tick, bytes([0x90 | channel, key, velocity])


def note_off(tick: int, key: int, velocity: int = 64, channel: int = 0) -> Event:
    return tick, bytes([0x80 | channel, key, velocity])


def note(tick: int, length: int, key: int, velocity: int = 100, channel: int = 0) -> list[Event]:
    """Return a note-on and its note-off."""
    return [note_on(tick, key, velocity, channel), note_off(tick + length, key, channel=channel)]


def control(tick: int, number: int, value: int, channel: int = 0) -> Event:
    return tick, bytes([0xB0 | channel, number, value])


def program(tick: int, number: int, channel: int = 0) -> Event:
    return tick, bytes([0xC0 | channel, number])


def channel_pressure(tick: int, value: int, channel: int = 0) -> Event:
    return tick, bytes([0xD0 | channel, value])


def key_pressure(tick: int, key: int, value: int, channel: int = 0) -> Event:
    return tick, bytes([0xA0 | channel, key, value])


def bend(tick: int, value: int, channel: int = 0) -> Event:
    """Return a pitch wheel message; 8192 is the centre."""
    return tick, bytes([0xE0 | channel, value & 0x7F, value >> 7])


def meta(tick: int, kind: int, data: bytes) -> Event:
    return tick, bytes([0xFF, kind]) + number(len(data)) + data


def name(tick: int, text: str) -> Event:
    return meta(tick, 0x03, text.encode())


def tempo(tick: int, bpm: float) -> Event:
    return meta(tick, 0x51, round(60e6 / bpm).to_bytes(3, "big"))


def meter(tick: int, numerator: int, denominator: int) -> Event:
    return meta(tick, 0x58, bytes([numerator, denominator.bit_length() - 1, 24, 8]))


def key_signature(tick: int, sharps: int, *, minor: bool = False) -> Event:
    return meta(tick, 0x59, bytes([sharps & 0xFF, int(minor)]))


def sysex(tick: int, data: bytes) -> Event:
    return tick, b"\xf0" + number(len(data)) + data


def number(value: int) -> bytes:
    """Return a variable-length quantity."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.insert(0, value & 0x7F | 0x80)
    return bytes(out)


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "big") + body


def track(events: Iterable[Event], *, end: int | None = None) -> bytes:
    """Return a track chunk: events sorted by tick (equal ticks as given), and an end-of-track at `end` or at once."""
    body, now = b"", 0
    for tick, message in sorted(events, key=lambda event: event[0]):
        body += number(tick - now) + message
        now = tick
    return chunk(b"MTrk", body + number((end or now) - now) + b"\xff\x2f\x00")


def file(chunks: Sequence[bytes], *, midi_type: int = 1, division: int = 480, tracks: int | None = None) -> bytes:
    """Return a file of finished chunks; the header promises as many tracks as there are track chunks."""
    count = sum(part[:4] == b"MTrk" for part in chunks) if tracks is None else tracks
    header = b"".join(word.to_bytes(2, "big") for word in (midi_type, count, division))
    return chunk(b"MThd", header) + b"".join(chunks)


def song(*tracks: Iterable[Event], midi_type: int | None = None, division: int = 480, end: int | None = None) -> bytes:
    """Return a file of these tracks: type 0 for one of them, else type 1, unless said otherwise."""
    kind = (0 if len(tracks) == 1 else 1) if midi_type is None else midi_type
    return file([track(events, end=end) for events in tracks], midi_type=kind, division=division)


def messages_of(midi: MidiFile) -> list[Message]:
    return [(tick, status, d1, d2) for tick, _, status, d1, d2 in midi.events.tolist()]


def stem_messages(stems: dict[str, bytes], part: str) -> list[Message]:
    """Return the messages of a stem behind its program change."""
    messages = messages_of(read_midi(stems[part]))
    first = next(index for index, message in enumerate(messages) if message[1] & 0xF0 == 0xC0)
    return messages[first + 1 :]


def notes_of(messages: list[Message]) -> list[tuple[int, int, int]]:
    return [(tick, d1, d2) for tick, status, d1, d2 in messages if status & 0xF0 == 0x90 and d2 > 0]


def state_of(messages: list[Message]) -> list[Message]:
    return [message for message in messages if message[1] & 0xF0 not in {0x80, 0x90, 0xC0}]


def part_keys(result: SplitResult) -> list[tuple[int, int, int, int, int]]:
    return [(part.track, part.channel, part.bank, part.program, part.notes) for part in result.parts]
