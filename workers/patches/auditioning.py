"""A patch as one hears it: a scale, a chord and a phrase as audio files, with a picture and what was measured on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from schemas.errors import MissingDependencyError, OutputError
from workers.patches.pictures import draw_spectrograms
from workers.patches.scanning import record_of
from workers.patches.sounding import level_db, onset_lag_s, peak_of, sounding_keys
from workers.patches.studio import RATE_HZ, Audio, Studio, Take, keys_of
from workers.patches.tunes import chord, phrase, scale
from workers.patches.wanted import Wanted, plugin_of

#: Files are turned down to this where they would clip, -1 dBFS; what is told of levels is from before.
_CEILING: Final = 10 ** (-1 / 20)
_BITS: Final = "PCM_24"
PICTURE: Final = "spectrogram.png"


def audition(wanted: Wanted, folder: Path, tell: Callable[[str], object]) -> dict[str, Any]:
    """Render the pieces through the engine process, write them, and say what was measured.

    Returns:
        {"patch", "engine", "pieces": [{"name", "file", "seconds", "peak_dbfs", "rms_dbfs", "loudness_lufs", "findings"}],
        "keys": the keys that sound, "onset_s", "latency_frames": None where nothing says, "load_s", "speed": seconds of
        audio that are rendered in one, "picture": file, "turned_down_db", "notes": [words]}

    Raises:
        EngineError: the engine failed.
        OutputError: the folder cannot be written.
    """
    patch = wanted.patch
    keys = keys_of(patch, wanted.key_range)
    pieces = {"scale": scale, "chord": chord, "phrase": phrase}
    takes: dict[str, Take] = {}
    with Studio(patch) as studio:
        for name, make in pieces.items():
            tell(name)
            takes[name] = studio.play(make(keys, drums=patch.is_drum))
        tell("range")
        sound = sounding_keys(studio, keys, drums=patch.is_drum)
    notes: list[str] = []
    loudest = max(peak_of(take.audio) for take in takes.values())
    gain = min(1.0, _CEILING / loudest) if loudest else 1.0
    _make(folder)
    for name, take in takes.items():
        _write(folder / f"{name}.flac", take.audio * np.float32(gain))
    costs = [take.cost for take in takes.values()]
    render_s = sum(cost.render_s for cost in costs)
    return {
        "patch": patch.name,
        "engine": f"{patch.engine} {patch.engine_version}",
        "pieces": [_told(name, take, folder) for name, take in takes.items()],
        "keys": sound,
        "onset_s": onset_lag_s(takes["scale"], 0.0),
        "latency_frames": _latency(wanted, notes, tell),
        "load_s": costs[0].load_s,
        "memory_mb": costs[-1].rss_mb,
        "speed": sum(len(take.audio) for take in takes.values()) / RATE_HZ / render_s if render_s else None,
        "picture": _picture(folder, takes, patch.name, notes),
        "turned_down_db": 20 * float(np.log10(gain)) if gain < 1.0 else 0.0,
        "notes": notes,
    }


def _told(name: str, take: Take, folder: Path) -> dict[str, Any]:
    return {
        "name": name,
        "file": str(folder / f"{name}.flac"),
        "seconds": len(take.audio) / RATE_HZ,
        "peak_dbfs": 20 * float(np.log10(max(peak_of(take.audio), 1e-9))),
        "rms_dbfs": level_db(take.audio),
        "loudness_lufs": take.measured.loudness_lufs,
        "findings": [finding.value for finding in take.verdict.findings],
        "detail": take.verdict.detail,
    }


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error.strerror}", hint="Name another with --out") from error


def _write(path: Path, audio: Audio) -> None:
    try:
        soundfile.write(path, audio, RATE_HZ, subtype=_BITS)
    except (OSError, soundfile.LibsndfileError) as error:
        raise OutputError(f"{path} cannot be written: {error}", hint="Name another folder with --out") from error


def _latency(wanted: Wanted, notes: list[str], tell: Callable[[str], object]) -> int | None:
    """Return the frames by which the plug-in says that it is late (the engine makes up for them); 0 for what has none."""
    plugin = plugin_of(wanted.patch)
    if plugin is None:
        return 0
    tell("latency")
    record = record_of(plugin, settings=wanted.patch.settings)  # type: ignore[arg-type]  # of a plug-in, since it is one
    if not record["facts"]:
        notes.append(f"by itself it {record['found']}: {record['why']}")
        return None
    return int(record["facts"]["latency_frames"])


def _picture(folder: Path, takes: dict[str, Take], name: str, notes: list[str]) -> str:
    try:
        draw_spectrograms({piece: take.audio for piece, take in takes.items()}, RATE_HZ, name, folder / PICTURE)
    except MissingDependencyError as error:
        notes.append(str(error))
        return ""
    return str(folder / PICTURE)
