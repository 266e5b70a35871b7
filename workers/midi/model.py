"""What a Standard MIDI File holds once it is read: numpy columns for channel messages, small tuples for meta events.

The format is that of the MIDI Manufacturers Association, *Standard MIDI Files 1.0* (RP-001, 1996).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.errors import MidiError

#: One channel message: absolute tick, track, status byte with channel, and data bytes (`d2` is 0 where there is none).
EVENT: Final = np.dtype(
    [("tick", np.int64), ("track", np.int16), ("status", np.uint8), ("d1", np.uint8), ("d2", np.uint8)], align=True
)

Events = npt.NDArray[np.void]
Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

#: Kinds of channel message: the high half of a status byte.
NOTE_OFF: Final = 0x80
NOTE_ON: Final = 0x90
KEY_PRESSURE: Final = 0xA0
CONTROL: Final = 0xB0
PROGRAM: Final = 0xC0
CHANNEL_PRESSURE: Final = 0xD0
BEND: Final = 0xE0

#: Channel of the drums in General MIDI, counted from 0.
DRUM_CHANNEL: Final = 9

#: Types of meta event (RP-001, page 8 and following).
TEXT: Final = 0x01
COPYRIGHT: Final = 0x02
TRACK_NAME: Final = 0x03
INSTRUMENT_NAME: Final = 0x04
LYRIC: Final = 0x05
MARKER: Final = 0x06
CUE_POINT: Final = 0x07
PORT: Final = 0x21
END_OF_TRACK: Final = 0x2F
SET_TEMPO: Final = 0x51
SMPTE_OFFSET: Final = 0x54
TIME_SIGNATURE: Final = 0x58
KEY_SIGNATURE: Final = 0x59

#: Latest tick of a song: the longest time that one delta of the format can express (28 bits).
MAX_TICK: Final = 2**28 - 1

#: Frames per second by the code in the division word; 29 stands for drop-frame, 30000/1001 (RP-001, page 4).
_FRAME_RATES: Final[dict[int, Fraction]] = {
    24: Fraction(24),
    25: Fraction(25),
    29: Fraction(30000, 1001),
    30: Fraction(30),
}


class Meta(NamedTuple):
    """One meta event: absolute tick, track, type byte, payload."""

    tick: int
    track: int
    type: int
    data: bytes


@dataclass(frozen=True)
class MidiFile:
    """A Standard MIDI File as numbers.

    Ticks are absolute. Tracks of types 0 and 1 start together at tick 0; those of type 2 follow one another, each
    starting where the one before it ended. `events` lies in play order: by tick, then track, then order in the track,
    which is the order in which FluidSynth's player sends it. System exclusive messages are counted, not kept.

    Args:
        midi_type: 0, 1 or 2.
        division: the header's division word; see `ticks_per_quarter` and `ticks_per_second`.
        events: array [events] of `EVENT`.
        metas: meta events but end-of-track, by tick, then track, then order in the track.
        start_ticks, end_ticks: per track, where it begins and where its end-of-track stands.
        sysex_count: system exclusive messages and escapes that were passed over.
        warnings: departures from the standard that were read past, by name, with their number.
    """

    midi_type: int
    division: int
    events: Events
    metas: list[Meta]
    start_ticks: tuple[int, ...]
    end_ticks: tuple[int, ...]
    sysex_count: int = 0
    warnings: Mapping[str, int] = field(default_factory=dict)

    @property
    def track_count(self) -> int:
        """Number of tracks, empty ones counted."""
        return len(self.end_ticks)

    @property
    def ticks_per_quarter(self) -> int | None:
        """Ticks in a quarter note; None where time runs in SMPTE frames."""
        return None if self.division & 0x8000 else self.division

    @property
    def ticks_per_second(self) -> Fraction | None:
        """Ticks in a second where time runs in SMPTE frames; None where tempo rules."""
        return None if not self.division & 0x8000 else smpte_ticks_per_second(self.division)

    def __eq__(self, other: object) -> bool:
        """Two files are equal when every event, meta event, start and end is."""
        if not isinstance(other, MidiFile):
            return NotImplemented
        return self._plain() == other._plain() and bool(np.array_equal(self.events, other.events))

    __hash__ = None  # type: ignore[assignment]

    def _plain(self) -> tuple[Any, ...]:
        return (self.midi_type, self.division, self.metas, self.start_ticks, self.end_ticks, self.sysex_count)


def smpte_ticks_per_second(division: int) -> Fraction:
    """Return the ticks per second of an SMPTE division word (bit 15 set).

    Raises:
        MidiError: the frame rate is none of 24, 25, 29.97 and 30, or a frame has no ticks.
    """
    frames, per_frame = 256 - (division >> 8), division & 0xFF
    if frames not in _FRAME_RATES or per_frame == 0:
        raise MidiError(
            f"the header's division 0x{division:04X} is no SMPTE time: {frames} frames a second, {per_frame} ticks each"
        )
    return _FRAME_RATES[frames] * per_frame


def kinds(events: Events) -> Bytes:
    """Return the kind of each message: its status byte without the channel, shape [events]."""
    kind: Bytes = events["status"] & np.uint8(0xF0)
    return kind


def channels(events: Events) -> Bytes:
    """Return the channel of each message, 0-15, shape [events]."""
    channel: Bytes = events["status"] & np.uint8(0x0F)
    return channel


def decode_text(data: bytes) -> str:
    """Read the text of a meta event: UTF-8 where it is that, else Latin-1; control characters become spaces."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()
