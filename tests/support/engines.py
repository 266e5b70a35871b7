"""Engines for tests: a FluidSynth with the test soundfont, sinks that keep what they get, and engines that misbehave."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import EngineError
from schemas.job import RenderJob
from schemas.patch import AssetRef, FluidSettings, Patch
from schemas.result import EngineReport
from schemas.states import FailureReason
from workers.engines.base import BlockSink, Engine
from workers.engines.fluidsynth import FluidSynthEngine
from workers.engines.soundfonts import describe

Audio = NDArray[np.float32]


class Tape:
    """A sink that keeps everything."""

    def __init__(self, channels: int = 2) -> None:
        self.expected = 0
        self.skipped = 0  #: frames that came as `silence`
        self._channels = channels
        self._blocks: list[Audio] = []

    def expect(self, frames: int) -> None:
        self.expected = frames

    def write(self, block: Audio) -> None:
        assert block.dtype == np.float32
        assert block.flags.c_contiguous
        assert block.shape[1] == self._channels
        self._blocks.append(block.copy())

    def silence(self, frames: int) -> None:
        self.skipped += frames
        self._blocks.append(np.zeros((frames, self._channels), np.float32))

    @property
    def audio(self) -> Audio:
        """Everything so far, float32 [frames, channels]."""
        return np.concatenate([np.zeros((0, self._channels), np.float32), *self._blocks])


def job_for(engine: Engine, asset: AssetRef, midi: bytes, program: int = 0, bank: int = 0, **changes: Any) -> RenderJob:
    """Return a job; `settings` goes to the patch, every other change to the job."""
    patch = Patch(
        engine=engine.name,
        engine_version=engine.version,
        asset=asset,
        bank=bank,
        program=program,
        settings=changes.pop("settings", FluidSettings()),
    )
    return RenderJob(midi_sha256=hashlib.sha256(midi).hexdigest(), patch=patch, **changes)


class Studio:
    """A FluidSynth engine and a soundfont, for renders in this process."""

    def __init__(self, soundfont: Path, library: str | None = None) -> None:
        self.engine = FluidSynthEngine(library)
        self.asset = describe(soundfont)

    def job(self, midi: bytes, program: int = 0, bank: int = 0, **changes: Any) -> RenderJob:
        return job_for(self.engine, self.asset, midi, program, bank, **changes)

    def play(self, midi: bytes, program: int = 0, bank: int = 0, **changes: Any) -> tuple[Audio, EngineReport]:
        """Render a stem."""
        job = self.job(midi, program, bank, **changes)
        tape = Tape(job.channels)
        report = self.engine.render(job, midi, tape)
        return tape.audio, report


def add_up(stems: list[Audio]) -> NDArray[np.float64]:
    """Return the sum of stems, the shorter ones followed by silence."""
    total = np.zeros((max(map(len, stems)), 2))
    for stem in stems:
        total[: len(stem)] += stem
    return total


class Misbehaving(Engine):
    """An engine that does what the patch's program says: it plays two seconds at once, or fails in one way or another."""

    name = "misbehaving"
    PLAYS, CRASHES, HANGS, STOPS, RAISES, EATS_MEMORY, PRINTS, HANGS_IN_LOAD, LEAKS, TALKS_AND_DIES = range(10)
    HANGS_UP, LEAVES_A_CHILD, SPINS, SPINS_SILENTLY, TOILS = range(10, 15)
    #: Seconds of processor time that toiling takes.
    TOIL_S = 0.4

    def __init__(self, library: str | None = None) -> None:
        super().__init__(library)
        self._leak: list[bytes] = []

    @property
    def version(self) -> str:
        return "1"

    @property
    def library(self) -> str:
        return "none"

    def close(self) -> None:
        self._load_key = None

    def _load(self, patch: Patch) -> None:
        if patch.program == self.HANGS_IN_LOAD:
            time.sleep(60)

    def _render(self, job: RenderJob, midi: bytes, sink: BlockSink) -> EngineReport:
        sink.expect(2 * job.rate_hz)
        block = np.full((4096, job.channels), 0.25, np.float32)
        sink.write(block)
        self._misbehave(job.patch.program, sink, block)
        for _ in range(2 * job.rate_hz // 4096):
            sink.write(block)
        return EngineReport(preset_name="Test", preset_bank=0, preset_program=0, notes=1)

    def _misbehave(self, program: int, sink: BlockSink, block: Audio) -> None:
        if program == self.CRASHES:
            os.kill(os.getpid(), signal.SIGSEGV)
        elif program == self.HANGS:
            for _ in range(600):
                time.sleep(0.1)
                sink.write(block)
        elif program in (self.SPINS, self.SPINS_SILENTLY, self.TOILS):
            self._work(program, sink, block)
        elif program == self.STOPS:
            os.kill(os.getpid(), signal.SIGSTOP)
        elif program == self.RAISES:
            raise EngineError("the strings are broken", cause=FailureReason.ENGINE_FAILED)
        elif program == self.EATS_MEMORY:
            self._leak.append(bytes(bytearray(os.urandom(4096) * 75_000)))
            time.sleep(60)
        elif program == self.PRINTS:
            os.write(1, b'{"event": "done"}\n' * 1000)
            sys.stdout.write("noise\n")
        elif program == self.LEAKS:
            self._leak.append(bytes(bytearray(os.urandom(4096) * 25_000)))
        else:
            self._leave(program)

    def _work(self, program: int, sink: BlockSink, block: Audio) -> None:
        _toil(self.TOIL_S)
        while program != self.TOILS:
            _toil(self.TOIL_S)
            if program == self.SPINS:
                sink.write(block)

    def _leave(self, program: int) -> None:
        if program == self.TALKS_AND_DIES:
            os.write(2, b"the bow has snapped\n")
            os._exit(3)
        elif program == self.HANGS_UP:
            os.closerange(3, 64)  # the pipe of the protocol among them
            time.sleep(60)
        elif program == self.LEAVES_A_CHILD:
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(15)"], start_new_session=True)
            os._exit(4)


def _toil(seconds: float) -> None:
    """Use up so much processor time."""
    until_s = time.process_time() + seconds
    while time.process_time() < until_s:
        pass
