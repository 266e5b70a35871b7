"""Which stems reach the chorus: FluidSynth computes an effect that nothing is sent to all the same, and adds zeros.

The chorus is a fifth of the work of a stem with effects. It is fed by generators and modulators of the soundfont, and by
controller 93 through a default modulator (SoundFont 2.04, sections 8.1.3 and 8.4.8); NRPN could set it, too. A stem that none
of them can reach sounds the same to the last bit without it.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from workers.engines.schedule import Schedule
from workers.midi.model import CONTROL

#: Controller of the chorus send, and those that name a parameter that is not registered (MIDI 1.0).
CHORUS_SEND: Final = 93
_NRPN: Final = (98, 99)
#: Generators (SoundFont 2.04, section 8.1.2): chorusEffectsSend and instrument.
_SEND: Final = 15
_INSTRUMENT: Final = 41
#: A modulator's source that is zero while controller 93 is: that controller, rising from 0 (section 8.2). The upper six bits,
#: the shape of the curve, make no difference at 0.
_SOURCE_BITS: Final = 0x03FF
_FROM_CONTROLLER: Final = 0x80 | CHORUS_SEND
#: A modulator whose destination is another modulator has this bit in it.
_LINK: Final = 0x8000

_BAG: Final = np.dtype([("generator", "<u2"), ("modulator", "<u2")])
_GENERATOR: Final = np.dtype([("kind", "<u2"), ("amount", "<u2")])
_MODULATOR: Final = np.dtype([("source", "<u2"), ("kind", "<u2"), ("amount", "<i2"), ("by", "<u2"), ("curve", "<u2")])
_INST: Final = np.dtype([("name", "S20"), ("bag", "<u2")])
_PRESET: Final = np.dtype([("name", "S20"), ("program", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("rest", "V12")])

_Reaches = NDArray[np.bool_]


def stem_reaches_chorus(schedule: Schedule) -> bool:
    """Whether a message of the schedule may send something to the chorus, whatever the soundfont."""
    controls = zip(schedule.kind, schedule.d1, schedule.d2, strict=True)
    return any(
        kind == CONTROL and ((number == CHORUS_SEND and value > 0) or number in _NRPN)
        for kind, number, value in controls
    )


def presets_that_reach_chorus(path: Path) -> dict[tuple[int, int], bool]:
    """Return for each (bank, program) of a soundfont whether its own tables may send something to the chorus.

    Empty where the file has no such tables, or they cannot be made out.
    """
    stat = path.stat()
    return _read(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=8)
def _read(path: Path, _size: int, _mtime_ns: int) -> dict[tuple[int, int], bool]:
    try:
        with path.open("rb") as file:
            tables = _tables(file)
        return _presets(tables)
    except (KeyError, ValueError, IndexError, struct.error):
        return {}


def _tables(file: BinaryIO) -> dict[bytes, bytes]:
    """Return the chunks of the list `pdta`, by name; samples are passed over."""
    file.seek(12)
    while len(head := file.read(8)) == 8:
        kind, size = struct.unpack("<4sI", head)
        end = file.tell() + size + size % 2
        if kind == b"LIST" and file.read(4) == b"pdta":
            return _chunks(file.read(size - 4))
        file.seek(end)
    return {}


def _chunks(data: bytes) -> dict[bytes, bytes]:
    found, start = {}, 0
    while start + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, start)
        found[kind] = data[start + 8 : start + 8 + size]
        start += 8 + size + size % 2
    return found


def _presets(tables: dict[bytes, bytes]) -> dict[tuple[int, int], bool]:
    instruments = np.frombuffer(tables[b"inst"], _INST)
    presets = np.frombuffer(tables[b"phdr"], _PRESET)
    by_instrument = _fed(tables, b"i", instruments["bag"])
    generators = np.frombuffer(tables[b"pgen"], _GENERATOR)
    played = generators["kind"] == _INSTRUMENT
    through = np.zeros(len(generators), np.bool_)
    through[played] = by_instrument[generators["amount"][played]]
    fed = _fed(tables, b"p", presets["bag"], through)
    found: dict[tuple[int, int], bool] = {}
    for preset, reaches in zip(presets[:-1], fed.tolist(), strict=True):  # the last one ends the table
        key = (int(preset["bank"]), int(preset["program"]))
        found[key] = found.get(key, False) or reaches
    return found


def _fed(
    tables: dict[bytes, bytes], level: bytes, bags: NDArray[np.uint16], through: _Reaches | None = None
) -> _Reaches:
    """Return for each preset or instrument whether any of its zones may feed the chorus.

    Args:
        tables: of the soundfont.
        level: `p` or `i`, with which the names of its tables begin.
        bags: first zone of each, and of the one that ends the table.
        through: generators that feed it through what they name.
    """
    zones = np.frombuffer(tables[level + b"bag"], _BAG)
    generators = np.frombuffer(tables[level + b"gen"], _GENERATOR)
    modulators = np.frombuffer(tables[level + b"mod"], _MODULATOR)
    sends = (generators["kind"] == _SEND) & (generators["amount"] != 0)
    if through is not None:
        sends |= through
    held = (modulators["source"] & _SOURCE_BITS) == _FROM_CONTROLLER
    moved = ((modulators["kind"] == _SEND) & ~held) | (modulators["kind"] & _LINK != 0)
    return _any_between(sends, zones["generator"][bags]) | _any_between(moved, zones["modulator"][bags])


def _any_between(flags: _Reaches, edges: NDArray[np.uint16]) -> _Reaches:
    """Return for each pair of neighbouring edges whether a flag between them is set."""
    counts = np.concatenate([[0], np.cumsum(flags)])[edges]
    if (np.diff(edges.astype(np.int64)) < 0).any():
        raise ValueError("the tables are out of order")
    return np.asarray(np.diff(counts) > 0)
