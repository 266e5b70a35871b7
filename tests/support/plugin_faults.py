"""A real plug-in whose engine misbehaves once: the title of the patch names the fault.

How often it happened is counted in the folder that PLUGIN_FAULTS names, so that it is gone with the next process.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.errors import EngineError
from schemas.job import RenderJob
from schemas.patch import Patch
from schemas.result import EngineReport
from schemas.states import FailureReason
from workers.engines.base import BlockSink
from workers.engines.dawdreamer import DawDreamerEngine

ENGINE: Final = "tests.support.plugin_faults:Faulty"
#: Where the faults are counted.
COUNTS: Final = "PLUGIN_FAULTS"
SOUND, SILENT, HANGS_IN_LOAD, NO_LICENCE, LEAKS = "sound", "silent", "hangs_in_load", "no_licence", "leaks"


def faulty(patch: Patch, fault: str) -> Patch:
    """Return a patch with a fault; each has a load key of its own, so that it is loaded for itself."""
    changed = patch.settings.model_copy(update={"tail_s": 1.0 + len(fault) / 100})
    return patch.model_copy(update={"engine": ENGINE, "title": fault, "settings": changed})


class Faulty(DawDreamerEngine):
    """The real engine, and one fault."""

    name = ENGINE

    def __init__(self, library: str | None = None) -> None:
        super().__init__(library)
        self._leaked: list[bytes] = []

    def _load(self, patch: Patch) -> None:
        super()._load(patch)
        if patch.title == HANGS_IN_LOAD and _is_first(patch):
            time.sleep(60)
        if patch.title == NO_LICENCE and _is_first(patch):
            raise EngineError("a dialog asks for a licence", cause=FailureReason.NO_LICENCE)

    def _render(self, job: RenderJob, midi: bytes, sink: BlockSink) -> EngineReport:
        if job.patch.title == LEAKS:
            self._leaked.append(bytes(bytearray(os.urandom(4096) * 25_000)))  # 100 MB
        muted = job.patch.title == SILENT and _is_first(job.patch)
        return super()._render(job, midi, _Muted(sink) if muted else sink)


class _Muted:
    """Lets nothing through."""

    def __init__(self, sink: BlockSink) -> None:
        self._sink = sink

    def expect(self, frames: int) -> None:
        self._sink.expect(frames)

    def write(self, block: NDArray[np.float32]) -> None:
        self._sink.silence(len(block))

    def silence(self, frames: int) -> None:
        self._sink.silence(frames)


def _is_first(patch: Patch) -> bool:
    with open(Path(os.environ[COUNTS]) / patch.title, "ab") as counter:
        counter.write(b".")
        return counter.tell() == 1
