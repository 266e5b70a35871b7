"""The extension point of the data plane: an engine loads a patch and turns MIDI into audio."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.errors import EngineError
from schemas.job import RenderJob
from schemas.patch import Patch
from schemas.result import EngineReport
from schemas.states import FailureReason
from workers.midi.playing import ignored_bends
from workers.midi.rules import played_midi


class BlockSink(Protocol):
    """Takes the audio of one render in order; a block is only valid during the call."""

    def expect(self, frames: int) -> None:
        """Say once, before the first block, about how many frames will come: the clocks are set by it."""

    def write(self, block: NDArray[np.float32]) -> None:
        """Take the next frames: float32 [frames, channels], C-contiguous, nominal full scale +-1.0, any length."""

    def silence(self, frames: int) -> None:
        """Take `frames` frames of exact zeros."""


class Engine(ABC):
    """A synthesiser that keeps one patch family warm and renders one job after another.

    A subclass fills `_load`, `_render` and `close`. What it owes: two renders of one job give equal samples, whatever
    was rendered between them (`warm_tolerance` states by how much they may differ); silence where the MIDI is
    silent; a length that depends on the job alone.

    Args:
        library: path of the engine's native library; None searches.
    """

    #: Name in patches and queues.
    name: ClassVar[str]
    #: Largest difference of a sample between a warm and a cold render of one job; 0 is bit for bit.
    warm_tolerance: ClassVar[float] = 0.0

    def __init__(self, library: str | None = None) -> None:
        self._library_path = library
        self._load_key: str | None = None

    @property
    @abstractmethod
    def version(self) -> str:
        """Version of the engine's library, which is part of every spec hash."""

    @property
    @abstractmethod
    def library(self) -> str:
        """Where the engine's library was found, for people."""

    @property
    def load_key(self) -> str | None:
        """The `Patch.load_key` that is loaded, or None."""
        return self._load_key

    def load(self, patch: Patch) -> None:
        """Load what `patch` needs, or do nothing when that is loaded already.

        Raises:
            AssetError: the asset is missing, damaged or not the one whose hash the patch has.
            EngineError: the patch is for another engine or version, or the engine refused it.
        """
        if patch.load_key == self._load_key:
            return
        self._check_version(patch)
        self._load_key = None
        self._load(patch)
        self._load_key = patch.load_key

    def render(self, job: RenderJob, midi: bytes, sink: BlockSink) -> EngineReport:
        """Play `midi`, as the job's rules change it, with the job's patch into `sink`, from time 0 until all has decayed.

        Raises:
            MidiError: the bytes are no MIDI file.
            EngineError: the engine failed; `cause` says how.
        """
        self.load(job.patch)
        played = played_midi(midi, job.rules)
        report = self._render(job, played, sink)
        bends = ignored_bends(played, job.patch)
        return report.model_copy(update={"ignored_bends": bends}) if bends else report

    @abstractmethod
    def close(self) -> None:
        """Free everything; a closed engine may load again."""

    @abstractmethod
    def _load(self, patch: Patch) -> None:
        """Replace what is loaded by what `patch` needs."""

    @abstractmethod
    def _render(self, job: RenderJob, midi: bytes, sink: BlockSink) -> EngineReport:
        """Render with the patch that is loaded."""

    def _check_version(self, patch: Patch) -> None:
        if (patch.engine, patch.engine_version) != (self.name, self.version):
            raise EngineError(
                f"the job was planned for {patch.engine} {patch.engine_version}, but this worker has "
                f"{self.name} {self.version}",
                hint="Give every worker the same version of the engine, or submit the plan again",
                cause=FailureReason.MISSING_ASSET,
            )
