"""Raw stems in the store's format from arrays, with their measurement, for tests that need no engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.result import StemMeasurement
from workers.audio.meter import LoudnessMeter
from workers.audio.stemfile import CHUNK_FRAMES, StemReader, StemWriter
from workers.mixing.stems import StemInput

Audio = NDArray[np.float32]


def write_stem(path: Path, audio: Audio, rate_hz: int = 44100) -> None:
    """Write float32 [frames, channels] as a raw stem; chunks of zeros are left out."""
    with StemWriter(path, rate_hz=rate_hz, channels=audio.shape[1]) as writer:
        for start in range(0, len(audio), CHUNK_FRAMES):
            chunk = np.ascontiguousarray(audio[start : start + CHUNK_FRAMES])
            if chunk.any():
                writer.chunk(chunk)
            else:
                writer.silence(len(chunk))
        writer.finish()


def measure_stem(audio: Audio, rate_hz: int = 44100) -> StemMeasurement:
    """Measure what mixing and annotating need."""
    meter = LoudnessMeter(rate_hz, audio.shape[1])
    meter.write(audio)
    meter.silence(int(0.4 * rate_hz) + 1)  # as the recorder does
    level = np.abs(audio).max(axis=1) if len(audio) else np.zeros(0)
    sounding = np.flatnonzero(level)
    first, last = (int(sounding[0]), int(sounding[-1]) + 1) if len(sounding) else (0, 0)
    return StemMeasurement(
        frames=len(audio),
        rate_hz=rate_hz,
        channels=audio.shape[1],
        peak=float(level.max(initial=0.0)),
        rms=float(np.sqrt(np.mean(np.square(audio, dtype=np.float64)))) if len(audio) else 0.0,
        loudness_lufs=meter.integrated(),
        dc=audio.mean(axis=0, dtype=np.float64).tolist() if len(audio) else [0.0] * audio.shape[1],
        nonfinite=int((~np.isfinite(audio)).sum()),
        flat_run_frames=0,
        first_sound_s=first / rate_hz if len(sounding) else None,
        last_sound_s=last / rate_hz if len(sounding) else None,
        tail_peak=float(level[-rate_hz // 20 :].max(initial=0.0)),
        flatness=None,
        active_regions=[(first / rate_hz, last / rate_hz)] if len(sounding) else [],
    )


def stem_inputs(folder: Path, stems: dict[str, Audio], rate_hz: int = 44100) -> list[StemInput]:
    """Write stems below `folder` and return them ready to be mixed."""
    inputs = []
    for name, audio in stems.items():
        path = folder / f"{name}.stem"
        write_stem(path, audio, rate_hz)
        inputs.append(StemInput(name, StemReader(path), measure_stem(audio, rate_hz)))
    return inputs
