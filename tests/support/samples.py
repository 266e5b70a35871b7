"""Recordings for tests: loops of clicks and of tones whose tempo and key are known, and libraries of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from schemas.patch import AssetRef, Patch, SampleSettings
from schemas.samples import Sample, SampleLibrary
from workers.engines.base import Engine

RATE_HZ: Final = 44100
#: Pitch classes of a major triad and of the scale around it, from the tonic: what a loop in C plays, one a beat.
_TUNE: Final = (0, 4, 7, 4, 0, 5, 9, 5, 2, 7, 11, 7, 0, 4, 7, 12)


def decaying(hertz: float, seconds: float, *, steep: float = 6.0, rate_hz: int = RATE_HZ) -> NDArray[np.float32]:
    """Return a tone that is struck and dies away."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    partials = sum(np.sin(2 * np.pi * hertz * n * time_s) / n**2 for n in (1, 2, 3))
    return (0.3 * np.asarray(partials) * np.exp(-steep * time_s) * np.minimum(1.0, time_s / 0.002)).astype(np.float32)


def drum_loop(tempo_bpm: float, beats: int = 8) -> NDArray[np.float32]:
    """Return a loop of low beats, each answered by a high one half a beat later; [frames]."""
    beat = 60.0 / tempo_bpm * RATE_HZ
    loop = np.zeros(round(beats * beat), np.float32)
    for number in range(2 * beats):
        start = round(number * beat / 2)
        hit = decaying(80.0 if number % 2 == 0 else 3000.0, 0.2, steep=25.0) * (1.0 if number % 2 == 0 else 0.3)
        loop[start : start + len(hit)] += hit[: len(loop) - start]
    return loop


def tune_loop(tempo_bpm: float, tonic: int = 60, *, octave: int = 0) -> NDArray[np.float32]:
    """Return a loop of sixteen beats in the major key of a MIDI key; [frames]."""
    beat = 60.0 / tempo_bpm * RATE_HZ
    loop = np.zeros(round(len(_TUNE) * beat), np.float32)
    for number, step in enumerate(_TUNE):
        start = round(number * beat)
        tone = decaying(440.0 * 2 ** ((tonic + 12 * octave + step - 69) / 12), 0.45)
        loop[start : start + len(tone)] += tone[: len(loop) - start]
    return loop


def write(path: Path, audio: NDArray[np.float32], rate_hz: int = RATE_HZ) -> Path:
    """Write a recording as WAV of 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, rate_hz, subtype="PCM_16")
    return path


def sample(path: Path, folder: Path, category: str = "beat", **values: Any) -> Sample:
    """Return the entry of a recording in the library of a folder."""
    info = soundfile.info(path)
    return Sample.model_validate(
        {
            "name": path.stem, "file": path.relative_to(folder).as_posix(),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "size_bytes": path.stat().st_size,
            "category": category, "duration_s": info.duration, **values,
        }
    )  # fmt: skip


def band(folder: Path, tempo_bpm: float = 120.0) -> SampleLibrary:
    """Write a loop for every category and one shot, and return their library."""
    quarters = {"beat": 8.0, "bassline": 16.0, "melody": 16.0, "harmony": 16.0}
    sounds = {
        "beat": drum_loop(tempo_bpm),
        "bassline": tune_loop(tempo_bpm, octave=-2),
        "melody": tune_loop(tempo_bpm),
        "harmony": tune_loop(tempo_bpm, octave=-1),
    }
    samples = [
        sample(
            write(folder / f"{category}.wav", sounds[category]), folder, category, tempo_bpm=tempo_bpm,
            quarters=beats, key=None if category == "beat" else "C", licence="CC0-1.0",
        )
        for category, beats in quarters.items()
    ]  # fmt: skip
    shot = sample(write(folder / "crash.wav", decaying(5000.0, 0.4)), folder, "beat", licence="CC-BY-4.0")
    return SampleLibrary(name="band", folder=str(folder), samples=[*samples, shot])


def patch_of(engine: Engine, path: Path, **settings: Any) -> Patch:
    """Return a patch that plays a recording."""
    data = path.read_bytes()
    asset = AssetRef(name=path.stem, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data), path=str(path))
    values = {"recording": "shot", **settings}
    return Patch(
        engine=engine.name, engine_version=engine.version, asset=asset, settings=SampleSettings.model_validate(values)
    )


def recordings(engine: Engine, folder: Path) -> tuple[Patch, Patch]:
    """Return two patches that play recordings: a long tone, and a loop."""
    tone = write(folder / "tone.wav", decaying(443.7, 1.0))
    return patch_of(engine, tone), patch_of(
        engine, write(folder / "loop.wav", drum_loop(100.0, 4)), recording="loop", quarters=4.0
    )


def names(samples: Sequence[Sample]) -> list[str]:
    """Return the names of recordings."""
    return [entry.name for entry in samples]
