"""Writes small SoundFont 2 files (SoundFont 2.04) whose presets are known samples."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE_HZ: Final = 44100
#: Generators (SoundFont 2.04, section 8.1.2).
PAN, VOLUME_DELAY, VOLUME_ATTACK, VOLUME_RELEASE, INSTRUMENT = 17, 33, 34, 38, 41
KEY_RANGE, SAMPLE, SAMPLE_MODES, EXCLUSIVE_CLASS, ROOT_KEY = 43, 53, 54, 57, 58
_MONO_SAMPLE = 1
_GAP_FRAMES = 46  # zeros that have to follow every sample


@dataclass(frozen=True)
class Zone:
    """A sample, float [frames] within +-1, for a range of keys; looped from `loop_start` to its end, or played once."""

    sample: NDArray[np.float64]
    keys: tuple[int, int] = (0, 127)
    root: int = 69
    loop_start: int | None = None
    generators: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Preset:
    """A preset; its zones all sound at once where their key ranges overlap."""

    name: str
    program: int
    zones: tuple[Zone, ...]
    bank: int = 0


def timecents(seconds: float) -> int:
    """Return a time in the unit of envelopes."""
    return round(1200 * float(np.log2(seconds)))


def write_soundfont(path: Path, presets: Sequence[Preset], *, name: str) -> Path:
    """Write a soundfont of this name; returns its path."""
    made = sorted(presets, key=lambda preset: (preset.bank, preset.program))
    zones = [zone for preset in made for zone in preset.zones]
    info = _list(
        b"INFO", [(b"ifil", struct.pack("<HH", 2, 1)), (b"isng", b"EMU8000\0"), (b"INAM", name.encode() + b"\0")]
    )
    pcm = [np.concatenate([zone.sample, np.zeros(_GAP_FRAMES)]) for zone in zones]
    smpl = np.rint(np.concatenate(pcm) * 32767).astype("<i2").tobytes()
    body = info + _list(b"sdta", [(b"smpl", smpl)]) + _list(b"pdta", _hydra(made, zones))
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body) + 4) + b"sfbk" + body)
    return path


def _hydra(presets: list[Preset], zones: list[Zone]) -> list[tuple[bytes, bytes]]:
    """Return the nine tables; every preset has one zone and one instrument, which has the preset's zones."""
    phdr, pbag, pgen, inst, ibag, igen, shdr = (bytearray() for _ in range(7))
    zone_number = 0
    for number, preset in enumerate(presets):
        phdr += struct.pack("<20sHHHIII", preset.name.encode(), preset.program, preset.bank, number, 0, 0, 0)
        pbag += struct.pack("<HH", number, 0)
        pgen += struct.pack("<HH", INSTRUMENT, number)
        inst += struct.pack("<20sH", preset.name.encode(), zone_number)
        for zone in preset.zones:
            ibag += struct.pack("<HH", len(igen) // 4, 0)
            igen += _generators(zone, zone_number)
            zone_number += 1
    start = 0
    for number, zone in enumerate(zones):
        end = start + len(zone.sample)
        loop = start + (zone.loop_start or 0)
        shdr += struct.pack(
            "<20sIIIIIBbHH", f"s{number}".encode(), start, end, loop, end, RATE_HZ, zone.root, 0, 0, _MONO_SAMPLE
        )
        start = end + _GAP_FRAMES
    phdr += struct.pack("<20sHHHIII", b"EOP", 0, 0, len(presets), 0, 0, 0)
    pbag += struct.pack("<HH", len(presets), 0)
    inst += struct.pack("<20sH", b"EOI", len(zones))
    ibag += struct.pack("<HH", len(igen) // 4, 0)
    shdr += struct.pack("<20sIIIIIBbHH", b"EOS", 0, 0, 0, 0, 0, 0, 0, 0, 0)
    empty_mod, empty_gen = bytes(10), bytes(4)
    tables = [phdr, pbag, empty_mod, pgen + empty_gen, inst, ibag, empty_mod, igen + empty_gen, shdr]
    names = (b"phdr", b"pbag", b"pmod", b"pgen", b"inst", b"ibag", b"imod", b"igen", b"shdr")
    return [(name, bytes(table)) for name, table in zip(names, tables, strict=True)]


def _generators(zone: Zone, sample: int) -> bytes:
    keys = struct.pack("<HBB", KEY_RANGE, *zone.keys)
    rest = {ROOT_KEY: zone.root, SAMPLE_MODES: 0 if zone.loop_start is None else 1, **zone.generators}
    return keys + b"".join(struct.pack("<Hh", *pair) for pair in rest.items()) + struct.pack("<HH", SAMPLE, sample)


def _list(kind: bytes, chunks: list[tuple[bytes, bytes]]) -> bytes:
    body = kind + b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks
    )
    return b"LIST" + struct.pack("<I", len(body)) + body
