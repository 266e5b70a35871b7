"""Short songs, each different, made from numbers that a seed draws: the bytes of MIDI files, and what plays them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from schemas.base import draw
from workers.specimens.soundfont import (
    RATE_HZ,
    VOLUME_RELEASE,
    Preset,
    Zone,
    timecents,
    write_soundfont,
)

#: Pulses of a quarter note; at 120 quarters a minute, the tempo of a file that names none.
_DIVISION: Final = 480
#: Programs of the soundfont: one for each channel but the drums'.
PROGRAMS: Final = 15
#: A song has a part on each of these channels at most; the tenth is the drums'.
CHANNELS: Final = tuple(channel for channel in range(16) if channel != 9)
_NOTES: Final = 6
_EIGHTH: Final = 240
_SCALE: Final = (0, 2, 4, 7, 9)
_PERIODS: Final = 220  # of 440 Hz: half a second, so that the loop has no seam


def write_songs(folder: Path, *, songs: int, parts: int, seed: int) -> None:
    """Write songs of about two seconds, `parts` parts each, as `0001.mid` and so on.

    Args:
        folder: made if it is not there.
        songs: how many.
        parts: 1 to 15.
        seed: of every draw; another seed gives other songs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, songs + 1):
        (folder / f"{number:05d}.mid").write_bytes(song(seed, number, parts))


def song(seed: int, number: int, parts: int) -> bytes:
    """Return one song: a track for each part, on a channel and a program of its own."""
    tracks = [_track(seed, number, part, CHANNELS[part]) for part in range(parts)]
    header = b"".join(word.to_bytes(2, "big") for word in (1, len(tracks), _DIVISION))
    return _chunk(b"MThd", header) + b"".join(_chunk(b"MTrk", track) for track in tracks)


def _track(seed: int, number: int, part: int, channel: int) -> bytes:
    name = f"part {part}".encode()
    body = b"\x00\xff\x03" + bytes([len(name)]) + name + bytes([0, 0xC0 | channel, part])
    rest = 0
    for index in range(_NOTES):
        chance = draw(seed, number, part, index, "note")
        key = 48 + 12 * (part % 3) + _SCALE[int(chance * 997) % len(_SCALE)]
        velocity = 60 + int(chance * 7919) % 60
        length = _EIGHTH // 2 + int(chance * 104729) % (_EIGHTH // 2)
        body += _delta(rest) + bytes([0x90 | channel, key, velocity])
        body += _delta(length) + bytes([0x80 | channel, key, 64])
        rest = _EIGHTH - length + _EIGHTH * (int(chance * 15485863) % 2)
    return body + b"\x00\xff\x2f\x00"


def _delta(ticks: int) -> bytes:
    return bytes([ticks & 0x7F]) if ticks < 0x80 else bytes([ticks >> 7 | 0x80, ticks & 0x7F])


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "big") + body


def write_instruments(path: Path) -> Path:
    """Write a soundfont of some 100 KB whose programs have a few overtones each, and never the same."""
    time_s = np.arange(round(RATE_HZ * _PERIODS / 440)) / RATE_HZ
    presets = []
    for program in range(PROGRAMS):
        overtones = [(1, 1.0), (2 + program % 3, 0.3), (3 + program % 5, 0.2), (1 + program // 3, 0.1)]
        wave = sum(level * np.sin(2 * np.pi * 440 * number * time_s) for number, level in overtones)
        sample = np.asarray(0.25 * wave, dtype=np.float64)
        zone = Zone(sample, loop_start=0, generators={VOLUME_RELEASE: timecents(0.05)})
        presets.append(Preset(f"Specimen {program}", program, (zone,)))
    return write_soundfont(path, presets, name="Specimens")
