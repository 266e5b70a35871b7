"""Raw stems in the store's format from arrays, with their measurement, for tests that need no engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.result import EngineReport, StemMeasurement, StemResult, Verdict
from schemas.states import VerdictStatus
from workers.audio.recorder import Recorder
from workers.audio.stemfile import StemReader, StemWriter
from workers.mixing.stems import StemInput
from workers.store import Store

Audio = NDArray[np.float32]

SPEC = "5" * 64


def write_stem(path: Path, audio: Audio, rate_hz: int = 44100) -> StemMeasurement:
    """Write float32 [frames, channels] as a raw stem and return what was measured."""
    with Recorder(path, rate_hz=rate_hz, channels=audio.shape[1]) as recorder:
        recorder.write(np.ascontiguousarray(audio))
        return recorder.finish().measured


def stem_inputs(folder: Path, stems: dict[str, Audio], rate_hz: int = 44100) -> list[StemInput]:
    """Write stems below `folder` and return them ready to be mixed."""
    inputs = []
    for name, audio in stems.items():
        path = folder / f"{name}.stem"
        measured = write_stem(path, audio, rate_hz)
        inputs.append(StemInput(name, StemReader(path), measured))
    return inputs


def result_of(data_hash: str, spec_hash: str = SPEC, frames: int = 100) -> StemResult:
    return StemResult(
        spec_hash=spec_hash,
        data_hash=data_hash,
        engine=EngineReport(preset_name="p", preset_bank=0, preset_program=0, notes=1),
        measured=StemMeasurement(
            frames=frames, rate_hz=44100, channels=2, peak=0.5, rms=0.5, loudness_lufs=None, dc=[0.0, 0.0], nonfinite=0,
            flat_run_frames=1, first_sound_s=0.0, last_sound_s=0.0, tail_peak=0.0, flatness=None, active_regions=[],
        ),
        verdict=Verdict(status=VerdictStatus.PASS),
    )  # fmt: skip


def stored(store: Store, spec_hash: str = SPEC, *, chunks: int = 0, level: float = 0.5) -> StemResult:
    """Commit a stem of `chunks` whole chunks of noise and 100 frames of `level`."""
    part = store.part_path(spec_hash, 1)
    noise = np.random.default_rng(1)
    with StemWriter(part, rate_hz=44100, channels=2) as writer:
        for _ in range(chunks):
            writer.chunks(noise.standard_normal((4096, 2), dtype=np.float32))
        writer.chunks(np.full((100, 2), level, dtype=np.float32))
        data_hash = writer.finish()
    result = result_of(data_hash, spec_hash, frames=4096 * chunks + 100)
    store.commit_stem(part, result)
    assert not part.exists()
    return result
