"""Raw stems in the store's format from arrays, with their measurement, for tests that need no engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.result import StemMeasurement
from workers.audio.recorder import Recorder
from workers.audio.stemfile import StemReader
from workers.mixing.stems import StemInput

Audio = NDArray[np.float32]


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
