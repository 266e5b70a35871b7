"""An engine of which every fault can be had: the patch's asset names the fault, its program says how often it happens.

Each fault has a load key of its own; of those in `SHARED` every program is a patch. What an engine process has done so far
is counted in the folder that is the asset's path, so that a fault may happen a few times and then be gone, on whichever
process comes next.
"""

from __future__ import annotations

import hashlib
import os
import signal
import time
from pathlib import Path
from typing import Final

import numpy as np

from schemas.errors import EngineError
from schemas.job import RenderJob
from schemas.patch import AssetRef, FluidSettings, Patch
from schemas.result import EngineReport
from schemas.states import FailureReason
from tests.support.engines import Audio
from workers.engines.base import BlockSink, Engine

ENGINE: Final = "tests.support.broken:Broken"
#: The same as an engine class of its own.
TWIN: Final = "tests.support.broken:Twin"
#: As a patch's program: the fault happens every time.
ALWAYS: Final = 127
#: Seconds of every stem.
SECONDS: Final = 2
#: Seconds that a slow stem takes, unless there is a file of this name beside the counts.
SLOW_S: Final = 0.4
HURRY: Final = "hurry"
#: Seconds that a slow load takes.
SLOW_LOAD_S: Final = 0.5

FAULTS: Final = (
    "none", "slow_load", "segfault", "segfault_in_load", "abort", "killed", "hang_in_load", "hang_in_render", "no_progress",
    "stopped", "leak", "grab", "silent", "nan", "too_fast", "raises", "licence", "slow", "mute_preset", "fatal_font",
)  # fmt: skip
#: Faults of one load key: every program is a patch of it.
SHARED: Final = ("mute_preset", "fatal_font")
#: Program of the preset that is mute, every time.
MUTE: Final = 55


def patch(fault: str, counts: Path, times: int = ALWAYS, *, engine: str = ENGINE) -> Patch:
    """Return a patch that has a fault the first `times` times; 0 for never."""
    assert fault in FAULTS
    sha256 = hashlib.sha256((fault if fault in SHARED else f"{fault}{times}").encode()).hexdigest()
    asset = AssetRef(name=fault, sha256=sha256, size_bytes=1, path=str(counts))
    return Patch(engine=engine, engine_version="1", asset=asset, bank=0, program=times, settings=FluidSettings())


_IN_LOAD: Final = ("segfault_in_load", "hang_in_load", "licence", "fatal_font")


class Broken(Engine):
    """Plays a tone of two seconds, or does what its patch names."""

    name = ENGINE

    def __init__(self, library: str | None = None) -> None:
        super().__init__(library)
        self._leaked: list[bytes] = []

    @property
    def version(self) -> str:
        return "1"

    @property
    def library(self) -> str:
        return "none"

    def close(self) -> None:
        self._load_key = None

    def _load(self, patch: Patch) -> None:
        fault = patch.asset.name
        if fault == "slow_load":
            time.sleep(SLOW_LOAD_S)
        elif fault in _IN_LOAD and happens(patch):
            _misbehave_in_load(fault)

    def _render(self, job: RenderJob, midi: bytes, sink: BlockSink) -> EngineReport:
        sink.expect(SECONDS * job.rate_hz)
        fault = job.patch.asset.name
        audio = _tone(job)
        if fault not in (*_IN_LOAD, "slow_load") and happens(job.patch):
            audio = self._misbehave(job.patch, audio, sink)
        elif fault == "too_fast":
            time.sleep(0.5)  # plays as if it took its time
        sink.write(audio)
        return EngineReport(
            preset_name="Test", preset_bank=0, preset_program=job.patch.program, notes=1, first_audible_note_s=0.0,
            last_release_s=float(SECONDS),
        )  # fmt: skip

    def _misbehave(self, patch: Patch, audio: Audio, sink: BlockSink) -> Audio:
        fault = patch.asset.name
        if fault in ("silent", "mute_preset"):
            return np.zeros_like(audio)
        if fault == "nan":
            audio[100] = np.nan
        elif fault == "leak":
            self._leaked.append(bytes(bytearray(os.urandom(4096) * 25_000)))  # 100 MB
        elif fault == "grab":
            self._leaked.append(bytes(bytearray(os.urandom(4096) * 75_000)))  # 300 MB
            time.sleep(60)
        elif fault == "raises":
            raise EngineError("the strings are broken", cause=FailureReason.ENGINE_FAILED)
        elif fault == "slow":
            time.sleep(0.0 if (Path(patch.asset.path) / HURRY).exists() else SLOW_S)
        elif fault == "hang_in_render":
            while True:
                time.sleep(0.1)
                sink.write(audio[:4096])
        else:
            _end(fault)
        return audio


class Twin(Broken):
    """Another engine class with the same faults."""

    name = TWIN


def _misbehave_in_load(fault: str) -> None:
    if fault == "licence":
        raise EngineError("all licences are taken", cause=FailureReason.NO_LICENCE)
    if fault == "hang_in_load":
        time.sleep(60)
    _end("segfault")


def _end(fault: str) -> None:
    if fault == "no_progress":
        time.sleep(60)
    signals = {"segfault": signal.SIGSEGV, "abort": signal.SIGABRT, "killed": signal.SIGKILL, "stopped": signal.SIGSTOP}
    if fault in signals:
        os.kill(os.getpid(), signals[fault])


def happens(patch: Patch) -> bool:
    """Whether the fault happens this time; counts the times in a file."""
    if patch.asset.name in SHARED:
        return patch.asset.name == "fatal_font" or patch.program == MUTE
    if patch.program == ALWAYS:
        return True
    counter = Path(patch.asset.path) / f"{patch.load_key}.count"
    with open(counter, "ab") as handle:
        handle.write(b".")
        return handle.tell() <= patch.program


def _tone(job: RenderJob) -> Audio:
    """A tone that depends on the MIDI, so that no two stems sound alike."""
    pitch_hz = 200 + int(job.midi_sha256[:4], 16) % 800
    frames = np.arange(SECONDS * job.rate_hz)
    wave = 0.25 * np.sin(2 * np.pi * pitch_hz * frames / job.rate_hz)
    fade = np.minimum(1.0, frames[::-1] / 4410)
    return np.ascontiguousarray(np.repeat((wave * fade)[:, None], job.channels, axis=1), dtype=np.float32)
