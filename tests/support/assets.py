"""A folder of assets of one's own, and files to put into it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from workers.specimens import soundfont
from workers.specimens.soundfont import RATE_HZ, Preset, Zone


def own_registry(folder: Path, *, soundfonts: list[dict[str, Any]] = [], midi: list[dict[str, Any]] = []) -> None:  # noqa: B006
    """Write a person's registry into a folder of assets."""
    tables = [("soundfont", table) for table in soundfonts] + [("midi", table) for table in midi]
    lines = [
        f"[[{kind}]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for kind, table in tables
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "assets.toml").write_text("\n".join(lines), encoding="utf-8")


def tone(path: Path, overtone: float = 0.0, *, program: int | None = None) -> Path:
    """Write a soundfont of one wave, a sine and its octave at a level: all programs and a kit of it, or one program alone."""
    times_s = np.arange(RATE_HZ) / RATE_HZ
    wave = 0.3 * (np.sin(2 * np.pi * 440 * times_s) + overtone * np.sin(2 * np.pi * 880 * times_s))
    zone = Zone(np.asarray(wave, dtype=np.float64), loop_start=0)
    programs = range(128) if program is None else [program]
    kit = [Preset("Kit", 0, (zone,), bank=128)] if program is None else []
    return soundfont.write_soundfont(
        path, [*(Preset(f"Tone {number}", number, (zone,)) for number in programs), *kit], name="T"
    )
