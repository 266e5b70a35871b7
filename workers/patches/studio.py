"""Where patches are tried: real renders by the engine process that also plays for datasets, one tune after another."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from schemas.job import RenderJob
from schemas.patch import ENGINES, Patch, PluginSettings
from schemas.result import EngineReport, RenderCost, StemMeasurement, Verdict
from schemas.states import RecycleCause
from workers.audio.stemfile import StemReader
from workers.config import WorkerSettings
from workers.engines.client import EngineProcess
from workers.engines.clocks import Limits
from workers.patches.tunes import DRUM_KEYS, Tune
from workers.verdict import judge

RATE_HZ: Final = 44100
#: Keys of an instrument of which nobody has said what it plays.
_ALL_KEYS: Final = range(128)

Audio = NDArray[np.float32]


class Take(NamedTuple):
    """One render."""

    audio: Audio  #: [frames, channels]
    report: EngineReport
    measured: StemMeasurement
    cost: RenderCost
    verdict: Verdict
    rate_hz: int


class Studio:
    """Renders tunes on a patch, in an engine process that stays warm until `fresh` is called.

    As a context manager it ends the process and removes its files.

    Raises (of `play`):
        EngineError: the engine failed; `cause` says how.
    """

    def __init__(self, patch: Patch) -> None:
        settings = WorkerSettings()
        self.patch = patch
        limits = Limits(
            load_s=settings.engine_load_s,
            render_floor_s=settings.engine_render_s,
            no_progress_s=settings.engine_silence_s,
            memory_mb=settings.engine_memory_mb,
        )
        library = settings.fluidsynth if patch.engine == ENGINES[0] else None
        self._process = EngineProcess(patch.engine, library=library, limits=limits)
        self._folder = tempfile.TemporaryDirectory(prefix="farm-patch-")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.close()
        self._folder.cleanup()

    def fresh(self) -> None:
        """Let the next tune be played by a new process."""
        self._process.recycle(RecycleCause.RETRY, "a cold render is wanted")

    def play(self, tune: Tune, *, rate_hz: int = RATE_HZ, patch: Patch | None = None) -> Take:
        """Render a tune; a patch that leaves something in its process gets a new one for each."""
        patch = self.patch if patch is None else patch
        if isinstance(patch.settings, PluginSettings) and patch.settings.leaves == "process":
            self.fresh()
        midi = tune.midi()
        sha256 = hashlib.sha256(midi).hexdigest()
        folder = Path(self._folder.name)
        source, part = folder / f"{sha256}.mid", folder / "part"
        source.write_bytes(midi)
        job = RenderJob(midi_sha256=sha256, patch=patch, rate_hz=rate_hz)
        outcome = self._process.render(job, source, part)
        verdict = judge(outcome.report, outcome.measured, job, data_hash=outcome.data_hash)
        return Take(_read(part), outcome.report, outcome.measured, outcome.cost, verdict, rate_hz)


def _read(path: Path) -> Audio:
    with StemReader(path) as reader:
        audio = np.zeros((reader.frames, reader.channels), np.float32)
        reader.read(0, reader.frames, audio)
    return audio


def keys_of(patch: Patch, key_range: tuple[int, int] | None) -> list[int]:
    """Return the keys that a patch is to be tried with."""
    if key_range is not None:
        return list(range(key_range[0], key_range[1] + 1))
    return list(DRUM_KEYS if patch.is_drum else _ALL_KEYS)


def difference_db(one: Audio, other: Audio) -> float | None:
    """Return the level of the difference of two renders relative to the loudest sample, dB; None where they are equal."""
    if one.shape == other.shape and one.tobytes() == other.tobytes():
        return None
    frames = max(len(one), len(other))
    padded = [np.pad(audio, ((0, frames - len(audio)), (0, 0))).astype(np.float64) for audio in (one, other)]
    peak = max(float(np.abs(audio).max(initial=0.0)) for audio in padded)
    apart = float(np.abs(padded[0] - padded[1]).max(initial=0.0))
    if apart == 0.0 or peak == 0.0:
        return None if apart == 0.0 else 0.0
    return 20 * float(np.log10(apart / peak))
