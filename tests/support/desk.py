"""An engine process for tests that misbehaves on demand, the jobs it is given, and ways to see it end."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from schemas.errors import EngineError
from schemas.job import RenderJob
from schemas.patch import AssetRef, Patch
from tests.support.midi import note, song
from workers.engines import client
from workers.engines.client import EngineProcess, Recycled
from workers.engines.clocks import Limits

ROOT = Path(client.__file__).parents[2]
MIDI = song(note(0, 960, 69))
ASSET = AssetRef(name="none", sha256="0" * 64, size_bytes=1, path="none")
PATIENT = Limits(load_s=60, render_floor_s=60, no_progress_s=60)


class Desk:
    """An engine process that misbehaves on demand, and where its jobs lie."""

    def __init__(self, folder: Path) -> None:
        self.midi = folder / "a.mid"
        self.part = folder / "a.part"
        self.midi.write_bytes(MIDI)
        self.recycled: list[Recycled] = []  #: of all processes, in order
        self._processes: list[EngineProcess] = []

    def process(self, engine: str = "tests.support.engines:Misbehaving", **limits: Any) -> EngineProcess:
        merged = Limits(**{**PATIENT.__dict__, **limits})
        process = EngineProcess(engine, limits=merged, on_recycle=self.recycled.append)
        self._processes.append(process)
        return process

    def job(self, program: int, sha256: str = hashlib.sha256(MIDI).hexdigest()) -> RenderJob:
        patch = Patch(engine="misbehaving", engine_version="1", asset=ASSET, bank=0, program=program)
        return RenderJob(midi_sha256=sha256, patch=patch)

    def render(self, process: EngineProcess, program: int) -> client.RenderOutcome:
        return process.render(self.job(program), self.midi, self.part)

    def fails(self, process: EngineProcess, program: int) -> EngineError:
        with pytest.raises(EngineError) as caught:
            self.render(process, program)
        return caught.value

    @property
    def causes(self) -> list[str]:
        """Why processes were replaced."""
        return [seen.cause.value for seen in self.recycled]

    def close(self) -> None:
        for process in self._processes:
            process.close()


def gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def when_running(process: EngineProcess, part: Path, action: Callable[[int], None]) -> threading.Thread:
    """Do something to the process once its render is under way."""

    def act() -> None:
        wait_for(lambda: part.exists() and part.stat().st_size > 0)
        assert process.pid is not None
        action(process.pid)

    thread = threading.Thread(target=act)
    thread.start()
    return thread
