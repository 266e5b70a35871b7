"""What the drum kits of a soundfont have on which key, read from the file (SoundFont 2.04, section 7)."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from pathlib import Path

_KEY_RANGE, _INSTRUMENT, _SAMPLE = 43, 41, 53
_ALL_KEYS = 127 << 8
_DRUMS = 128

Zone = dict[int, int]


def kits(path: Path) -> dict[int, dict[int, set[str]]]:
    """Return program of a kit -> key -> names of the samples that it plays."""
    data = path.read_bytes()
    presets = _records(data, b"phdr", "<20sHHHIII")
    bags, generators = _records(data, b"pbag", "<HH"), _records(data, b"pgen", "<HH")
    instruments = _records(data, b"inst", "<20sH")
    inner_bags, inner_generators = _records(data, b"ibag", "<HH"), _records(data, b"igen", "<HH")
    names = [name.rstrip(b"\0").decode() for name, *_ in _records(data, b"shdr", "<20sIIIIIBbHH")]
    found: dict[int, dict[int, set[str]]] = {}
    for (_, program, bank, first, *_rest), following in itertools.pairwise(presets):
        if bank != _DRUMS:
            continue
        keys = found.setdefault(program, {})
        for zone in _zones(bags, generators, first, following[3]):
            if _INSTRUMENT in zone:
                number = zone[_INSTRUMENT]
                inner = _zones(inner_bags, inner_generators, instruments[number][1], instruments[number + 1][1])
                for sound in (sound for sound in inner if _SAMPLE in sound):
                    for key in set(_keys(zone)) & set(_keys(sound)):
                        keys.setdefault(key, set()).add(names[sound[_SAMPLE]])
    return found


def _records(data: bytes, tag: bytes, form: str) -> list[tuple]:  # type: ignore[type-arg]
    start = data.rindex(b"pdta")
    at = data.index(tag, start)
    (size,) = struct.unpack_from("<I", data, at + 4)
    return list(struct.iter_unpack(form, data[at + 8 : at + 8 + size]))


def _zones(bags: list[tuple], generators: list[tuple], first: int, last: int) -> Iterator[Zone]:  # type: ignore[type-arg]
    for number in range(first, last):
        yield dict(generators[bags[number][0] : bags[number + 1][0]])


def _keys(zone: Zone) -> range:
    low, high = zone.get(_KEY_RANGE, _ALL_KEYS) & 255, zone.get(_KEY_RANGE, _ALL_KEYS) >> 8
    return range(low, high + 1)
