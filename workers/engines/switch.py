"""The engine processes of one slot: one at a time, of the class that the next job needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from schemas.job import RenderJob
from schemas.patch import PluginSettings
from schemas.states import RecycleCause
from workers.engines.client import EngineProcess, Recycled, RenderOutcome
from workers.engines.clocks import Limits

#: The class that the path of a native library in the settings is meant for.
_WITH_LIBRARY: Final = "fluidsynth"


class Engines:
    """Engines of several classes, of which one has a process; to the slot they are one engine.

    A job of another class ends the process and starts one of its own: nobody's fault, and a cause of its own.

    Args:
        classes: names of engines, or `module:Class`; the first is the one that is started ahead of any job.
        library: path of FluidSynth's library; None searches.
        limits: what a process may take.
        on_recycle: told of every process that was replaced, with the cause; not of the last one's orderly end.
        forks: whether a process may be forked from this one, while this one has no other thread.
    """

    def __init__(
        self,
        classes: Sequence[str],
        *,
        library: str | None,
        limits: Limits,
        on_recycle: Callable[[Recycled], None],
        forks: bool = False,
    ) -> None:
        self._forks = forks
        self.classes = tuple(classes)
        self._library = library
        self._limits = limits
        self._on_recycle = on_recycle
        self._aborted = False
        self._driven = self.classes[0]
        self._process = self._make(self._driven)

    @property
    def driven(self) -> str:
        """Class of the process that there is, or was last."""
        return self._driven

    @property
    def warm_key(self) -> str | None:
        """The `Patch.load_key` that the process has loaded, or None."""
        return self._process.warm_key

    @property
    def pid(self) -> int | None:
        """Process id, or None while there is no process."""
        return self._process.pid

    def start(self) -> None:
        """Start the process ahead of its first job, so that it gets ready while its slot does other things."""
        self._process.start()

    def render(self, job: RenderJob, midi_path: Path, part_path: Path) -> RenderOutcome:
        """Render one stem with the engine of its patch, as `EngineProcess.render` does.

        Raises:
            EngineError: it failed; `cause` is a `FailureReason`.
        """
        if job.patch.engine != self._driven:
            self._turn_to(job.patch.engine)
        outcome = self._process.render(job, midi_path, part_path)
        settings = job.patch.settings
        if isinstance(settings, PluginSettings) and settings.leaves == "process":
            self.recycle(RecycleCause.LEAVES, f"{job.patch.name} wants a process for every stem")
        return outcome

    def freshen(self, detail: str) -> None:
        """Make sure that the next job gets a process that has rendered nothing yet."""
        self._process.freshen(detail)

    def recycle(self, cause: RecycleCause, detail: str) -> None:
        """End the process; the next job gets a fresh one."""
        self._process.recycle(cause, detail)

    def abort(self) -> None:
        """End the process now and for good; a render under way fails. Safe in a signal handler."""
        self._aborted = True
        self._process.abort()

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def _turn_to(self, engine: str) -> None:
        if self._process.warm_key is None:
            self._process.close()  # it has done nothing that anybody would miss
        else:
            self._process.recycle(RecycleCause.SWITCH, f"the next stem is for {engine}, this was {self._driven}")
        self._driven = engine
        self._process = self._make(engine)
        if self._aborted:  # while the two changed places
            self._process.abort()

    def _make(self, engine: str) -> EngineProcess:
        library = self._library if engine == _WITH_LIBRARY else None
        return EngineProcess(
            engine, library=library, limits=self._limits, on_recycle=self._on_recycle, forks=self._forks
        )
