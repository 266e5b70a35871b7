"""Songs with the band that the presets of plans ask for."""

from __future__ import annotations

import random
from pathlib import Path

from tests.support import midi

#: (program, channel, lowest key, velocity): piano, guitar, bass, drums, and very quiet strings.
_PARTS = ((0, 0, 60, 100), (25, 1, 55, 100), (33, 2, 36, 100), (0, 9, 36, 100), (48, 3, 62, 30))
#: Notes of each part; 50 are asked for.
NOTES = 56


def rock_song(number: int = 0) -> bytes:
    """Return a song of seven seconds with five parts; songs of other numbers play other notes."""
    tracks = []
    for part, (number_of_program, channel, low, velocity) in enumerate(_PARTS):
        chance = random.Random(f"{number} {part}")
        steps = [chance.randrange(12) for _ in range(NOTES)]
        notes = [
            event
            for index, step in enumerate(steps)
            for event in midi.note(index * 120, 100, low + step, velocity, channel)
        ]
        tracks.append([midi.name(0, f"Part {part}"), midi.program(0, number_of_program, channel), *notes])
    return midi.song([midi.tempo(0, 120)], *tracks)


def write_songs(folder: Path, count: int) -> Path:
    """Write so many different songs into `folder`; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"rock{number}.mid").write_bytes(rock_song(number))
    return folder
