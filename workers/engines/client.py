"""The slot's side of an engine process: starts it, gives it jobs, watches its clocks and memory, and ends it."""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil

from schemas.errors import EngineError
from schemas.job import RenderJob
from schemas.result import EngineReport, RenderCost, StemMeasurement
from schemas.states import FailureReason, RecycleCause
from workers.engines.clocks import (
    NEVER,
    Limits,
    Progress,
    cause_of_end,
    next_check_s,
    overdue,
    recycle_cause,
    too_fast,
    wants_recycling,
)
from workers.engines.pipes import LastWords, Lines, close_pipe, pipe_of
from workers.engines.starting import start_engine
from workers.engines.vitals import is_zombie, memory_kills, moment_of, rss_mb_of

_log = logging.getLogger(__name__)

#: How often memory is looked at while the process works.
_LOOK_EVERY_S: Final = 0.5
_END_GRACE_S: Final = 2.0
#: How long a killed process may take to be gone. One that hangs inside the system (a dead network drive) cannot be ended
#: by anybody; the slot goes on without it.
_KILL_GRACE_S: Final = 10.0
#: How long a dead process's last words are waited for: what it has started may hold the pipe open for ever.
_WORDS_S: Final = 0.5

#: Failures after which the process still is what it was; after any other a fresh one takes the next job.
_HARMLESS: Final = frozenset(
    map(FailureReason, ("unreadable", "disk_full", "store_damaged", "missing_asset", "no_licence"))
)


class RenderOutcome(NamedTuple):
    """A stem that was rendered into its part file."""

    report: EngineReport
    measured: StemMeasurement
    data_hash: str
    cost: RenderCost


class Recycled(NamedTuple):
    """The end of an engine process that others will not see again."""

    cause: RecycleCause
    detail: str
    load_key: str | None  #: what it had loaded
    renders: int
    pid: int


class EngineProcess:
    """One engine in a process of its own, started with the first job and again whenever it was ended.

    It dies with the thread that calls `render` first (that is what Linux offers), so that has to be one that lives as
    long as the slot. A crash or a kill costs the job under way and nothing else.

    Args:
        engine: name of the engine, or `module:Class`.
        library: path of the engine's native library; None searches.
        limits: what the process may take.
        on_recycle: told of every process that was replaced, with the cause; not of the last one's orderly end.
        forks: whether a process may be forked from this one, while this one has no other thread.
    """

    def __init__(
        self,
        engine: str = "fluidsynth",
        *,
        library: str | None = None,
        limits: Limits | None = None,
        on_recycle: Callable[[Recycled], None] | None = None,
        forks: bool = False,
    ) -> None:
        self._forks = forks
        self._engine = engine
        self._library = library
        self._limits = limits or Limits()
        self._on_recycle = on_recycle
        self._child: _Child | None = None
        self._aborted = False

    @property
    def warm_key(self) -> str | None:
        """The `Patch.load_key` that the process has loaded, or None."""
        child = self._child
        return None if child is None else child.warm_key

    @property
    def pid(self) -> int | None:
        """Process id, or None while there is no process."""
        child = self._child
        return None if child is None else child.process.pid

    def start(self) -> None:
        """Start the process ahead of its first job, so that it gets ready while its slot does other things."""
        self._ready()

    def render(self, job: RenderJob, midi_path: Path, part_path: Path) -> RenderOutcome:
        """Render one stem into `part_path`, which is left to the caller whatever happens.

        Raises:
            EngineError: it failed; `cause` is a `FailureReason`. The process is ended unless it is none the worse.
        """
        child = self._ready()
        try:
            outcome = child.render(job, midi_path, part_path)
        except EngineError as error:
            if self._aborted:
                self._end(child)
                raise _told_to_stop() from error
            reason = FailureReason(error.cause)
            if reason not in _HARMLESS:
                self.recycle(recycle_cause(reason), error.message)
            raise
        except BaseException as error:
            self.recycle(RecycleCause.INTERRUPTED, type(error).__name__)
            raise
        due = wants_recycling(
            self._limits, renders=child.renders, rss_mb=outcome.cost.rss_mb, loaded_rss_mb=child.loaded_rss_mb
        )
        if due is not None:
            self.recycle(*due)
        return outcome

    def freshen(self, detail: str) -> None:
        """Make sure that the next job gets a process that has rendered nothing yet."""
        if self._child is not None and self._child.renders:
            self.recycle(RecycleCause.RETRY, detail)

    def recycle(self, cause: RecycleCause, detail: str) -> None:
        """End the process; the next job gets a fresh one."""
        child = self._child
        if child is None:
            return
        seen = Recycled(cause, detail, child.warm_key, child.renders, child.process.pid)
        self._end(child)
        _log.info("engine process ended", extra=seen._asdict())
        if self._on_recycle is not None:
            self._on_recycle(seen)

    def abort(self) -> None:
        """End the process now and for good; a render under way fails. Safe in a signal handler."""
        self._aborted = True
        child = self._child
        if child is not None:
            child.kill()

    def close(self) -> None:
        """End the process."""
        if self._child is not None:
            self._end(self._child)

    def _end(self, child: _Child) -> None:
        self._child = None
        child.end()

    def _ready(self) -> _Child:
        if self._aborted:
            raise _told_to_stop()
        if self._child is not None and self._child.process.poll() is not None:
            # No job was under way, so that none is to blame.
            self.recycle(RecycleCause.FOUND_DEAD, str(self._child.crashed()))
        if self._child is None:
            self._child = _Child(self._engine, self._library, self._limits, forks=self._forks)
        return self._child


def _told_to_stop() -> EngineError:
    return EngineError("the engine was told to stop", cause=FailureReason.SLOT_LOST)


class _Child:
    """A running engine process."""

    def __init__(self, engine: str, library: str | None, limits: Limits, *, forks: bool) -> None:
        self.warm_key: str | None = None
        self.renders = 0
        self.loaded_rss_mb = 0.0
        self._busy = False
        self._limits = limits
        self._progress = Progress(NEVER, NEVER, NEVER)
        self._started_s = time.monotonic()
        self.process = start_engine(engine, library, forks=forks)
        self._memory_kills = memory_kills()
        self._replies = Lines(pipe_of(self.process.stdout))
        self._said = Lines(pipe_of(self.process.stderr))
        self._last_words = LastWords(self._said)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._replies.pipe, selectors.EVENT_READ, self._replies)
        self._selector.register(self._said.pipe, selectors.EVENT_READ, self._said)
        self._seen = psutil.Process(self.process.pid)

    def render(self, job: RenderJob, midi_path: Path, part_path: Path) -> RenderOutcome:
        now = moment_of(self._seen)
        self._progress = Progress(started=now, last_sign=now, last_work=now)
        self.renders += 1
        self._busy = True
        self._send({"job": job.model_dump(mode="json"), "midi": str(midi_path), "part": str(part_path)})
        loaded = self._await("loaded")
        self._progress.loaded = self._progress.last_sign
        rss_mb = rss_mb_of(self._seen)
        if loaded["cold"]:
            self.warm_key, self.loaded_rss_mb = job.patch.load_key, rss_mb
        done = self._await("done", rate_hz=job.rate_hz)
        measured = StemMeasurement.model_validate(done["measured"])
        self._check_speed(done["sounding_frames"] / job.rate_hz, done["render_s"])
        return RenderOutcome(
            report=EngineReport.model_validate(done["report"]),
            measured=measured,
            data_hash=done["data_hash"],
            cost=RenderCost(
                render_s=round(done["render_s"], 6),
                load_s=round(self._load_s(loaded["load_s"]), 6),
                cpu_s=round(moment_of(self._seen).since(now).cpu_s, 6),
                cold=loaded["cold"],
                rss_mb=round(rss_mb_of(self._seen), 1),
            ),
        )

    def kill(self) -> None:
        """Kill the process and everything that it has started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Ask the process to leave (or kill it, when it is at work or does not hear), and wait for its end."""
        close_pipe(self.process.stdin)
        try:
            self.process.wait(0.0 if self._busy else _END_GRACE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self._wait_for_end()
        self._selector.close()
        close_pipe(self.process.stdout)
        close_pipe(self.process.stderr)

    def _wait_for_end(self) -> int | None:
        try:
            return self.process.wait(_KILL_GRACE_S)
        except subprocess.TimeoutExpired:
            _log.error("an engine process hangs inside the system and cannot be ended", extra={"pid": self.process.pid})
            return None

    def _load_s(self, seconds: float) -> float:
        """Return what the load took, the start of the process included where this was its first job."""
        if self.renders > 1 or self._progress.loaded is None:
            return seconds
        return self._progress.loaded.wall_s - self._started_s

    def _send(self, request: dict[str, Any]) -> None:
        stdin = pipe_of(self.process.stdin)
        data = memoryview(json.dumps(request).encode() + b"\n")
        try:
            while data:
                data = data[stdin.write(data) or 0 :]
        except BrokenPipeError:
            raise self.crashed() from None

    def _await(self, event: str, *, rate_hz: int = 1) -> dict[str, Any]:
        """Read messages until `event` comes, watching the clocks."""
        while True:
            message = self._next_message()
            self._progress.look(moment_of(self._seen), sign=True)
            self._busy = message["event"] not in ("done", "failed")
            if message["event"] == event:
                return message
            if message["event"] == "progress":
                self._progress.expected_audio_s = message["expected"] / rate_hz
            elif message["event"] == "failed":
                raise EngineError(message["message"], hint=message["hint"], cause=message["cause"])
            self._check_clocks()

    def _next_message(self) -> dict[str, Any]:
        while True:
            line = self._replies.pop()
            if line is not None:
                message: dict[str, Any] = json.loads(line)
                return message
            wait_s = min(_LOOK_EVERY_S, next_check_s(self._limits, self._progress, moment_of(self._seen)) + 0.01)
            for key, _ in self._selector.select(wait_s):
                self._read(key.data)
            if self._replies.ended and not self._replies.pending:
                raise self.crashed()
            if not self._replies.pending:
                self._check_clocks()

    def _read(self, lines: Lines) -> None:
        if not lines.read():
            self._selector.unregister(lines.pipe)
        if lines is self._said:
            self._last_words.take()

    def _check_clocks(self) -> None:
        now = moment_of(self._seen)
        self._progress.look(now)
        cause = overdue(self._limits, self._progress, now)
        if cause is not None:
            self.kill()
            raise EngineError(f"the engine process was ended: {cause.replace('_', ' ')}", cause=cause)
        rss_mb = rss_mb_of(self._seen)
        if rss_mb > self._limits.memory_mb:
            self.kill()
            raise EngineError(
                f"the engine process had {rss_mb:.0f} MB, more than the {self._limits.memory_mb:.0f} that it may have",
                cause=FailureReason.OUT_OF_MEMORY,
            )

    def _check_speed(self, sounding_s: float, render_s: float) -> None:
        if too_fast(self._limits, sounding_s, render_s):
            raise EngineError(
                f"{sounding_s:.1f} s of sound came within {render_s:.4f} s: the engine cannot have played them",
                cause=FailureReason.TOO_FAST,
            )

    def crashed(self) -> EngineError:
        """Describe the end of the process, with its last words."""
        ended = self._has_ended()
        self.kill()  # what it has started, too
        code = self._wait_for_end()
        self._hear_the_rest()
        if code is None or not ended:
            return EngineError("the engine process closed its pipe and went on", cause=FailureReason.ENGINE_CRASH)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        words = str(self._last_words)
        return EngineError(
            f"the engine process ended with {how}" + (f": {words}" if words else ""),
            cause=cause_of_end(code, memory_kills=memory_kills() - self._memory_kills),
        )

    def _has_ended(self) -> bool:
        """Whether the process, whose pipe is closed, comes to its end by itself; it is not reaped, so keeps its id."""
        deadline = time.monotonic() + _END_GRACE_S
        while self.process.returncode is None and not is_zombie(self._seen):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def _hear_the_rest(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._said.pipe, selectors.EVENT_READ)
            deadline = time.monotonic() + _WORDS_S
            while selector.select(max(0.0, deadline - time.monotonic())) and self._said.read():
                pass
        self._last_words.take()
