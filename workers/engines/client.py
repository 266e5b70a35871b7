"""The slot's side of an engine process: starts it, gives it jobs, watches its clocks and memory, and ends it."""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import psutil

from schemas.errors import EngineError
from schemas.job import RenderJob
from schemas.result import EngineReport, RenderCost, StemMeasurement
from schemas.states import FailureReason
from workers.engines.clocks import Limits, Progress, next_check_s, overdue, too_fast, wants_recycling

_log = logging.getLogger(__name__)

_MODULE: Final = "workers.engines.process"
#: The folder that holds the package `workers`: the child finds it wherever it is started.
_ROOT: Final = Path(__file__).resolve().parents[2]
#: How often memory is looked at while the process works.
_LOOK_EVERY_S: Final = 0.5
_END_GRACE_S: Final = 2.0
_READ_BYTES: Final = 1 << 16
_MB: Final = 1e6

#: Failures after which the process still is what it was; after any other a fresh one takes the next job.
_HARMLESS: Final = frozenset(
    {FailureReason.UNREADABLE, FailureReason.DISK_FULL, FailureReason.STORE_DAMAGED, FailureReason.MISSING_ASSET}
)


class RenderOutcome(NamedTuple):
    """A stem that was rendered into its part file."""

    report: EngineReport
    measured: StemMeasurement
    data_hash: str
    cost: RenderCost


class EngineProcess:
    """One engine in a process of its own, started with the first job and again whenever it was ended.

    It dies with the thread that calls `render` first (that is what Linux offers), so that has to be one that lives as
    long as the slot. A crash or a kill costs the job under way and nothing else.

    Args:
        engine: name of the engine, or `module:Class`.
        library: path of the engine's native library; None searches.
        limits: what the process may take.
    """

    def __init__(self, engine: str = "fluidsynth", *, library: str | None = None, limits: Limits | None = None) -> None:
        self._engine = engine
        self._library = library
        self._limits = limits or Limits()
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
            if FailureReason(error.cause) not in _HARMLESS:
                self.recycle(error.cause)
            raise
        except BaseException:
            self.recycle("interrupted")
            raise
        reason = wants_recycling(
            self._limits, renders=child.renders, rss_mb=outcome.cost.rss_mb, loaded_rss_mb=child.loaded_rss_mb
        )
        if reason is not None:
            self.recycle(reason)
        return outcome

    def recycle(self, reason: str) -> None:
        """End the process; the next job gets a fresh one."""
        child, self._child = self._child, None
        if child is not None:
            _log.info("engine process ended", extra={"reason": reason, "renders": child.renders})
            child.end()

    def abort(self) -> None:
        """End the process now and for good; a render under way fails. Safe in a signal handler."""
        self._aborted = True
        child = self._child
        if child is not None:
            child.kill()

    def close(self) -> None:
        """End the process."""
        self.recycle("closed")

    def _ready(self) -> _Child:
        if self._aborted:
            raise EngineError("the engine was told to stop", cause=FailureReason.SLOT_LOST)
        if self._child is None:
            self._child = _Child(self._engine, self._library, self._limits)
        return self._child


class _Child:
    """A running engine process."""

    def __init__(self, engine: str, library: str | None, limits: Limits) -> None:
        self.warm_key: str | None = None
        self.renders = 0
        self.loaded_rss_mb = 0.0
        self._busy = False
        self._limits = limits
        self._progress = Progress(0.0, 0.0)
        self._started_s = time.monotonic()
        command = [sys.executable, "-P", "-m", _MODULE, "--engine", engine, "--parent", str(os.getpid())]
        if library is not None:
            command += ["--library", library]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=_environment(),
            start_new_session=True,
        )
        self._replies = _Lines(_pipe(self.process.stdout))
        self._said = _Lines(_pipe(self.process.stderr))
        self._last_words: deque[str] = deque(maxlen=5)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._replies.pipe, selectors.EVENT_READ, self._replies)
        self._selector.register(self._said.pipe, selectors.EVENT_READ, self._said)
        self._rss = psutil.Process(self.process.pid)

    def render(self, job: RenderJob, midi_path: Path, part_path: Path) -> RenderOutcome:
        now = time.monotonic()
        self._progress = Progress(started_s=now, last_sign_s=now)
        self.renders += 1
        self._busy = True
        self._send({"job": job.model_dump(mode="json"), "midi": str(midi_path), "part": str(part_path)})
        loaded = self._await("loaded")
        self._progress.loaded_s = time.monotonic()
        rss_mb = self._rss_mb()
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
                cold=loaded["cold"],
                rss_mb=round(self._rss_mb(), 1),
            ),
        )

    def kill(self) -> None:
        """Kill the process and everything that it has started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Ask the process to leave (or kill it, when it is at work or does not hear), and wait for its end."""
        _close(self.process.stdin)
        try:
            self.process.wait(0.0 if self._busy else _END_GRACE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self.process.wait()
        self._selector.close()
        _close(self.process.stdout)
        _close(self.process.stderr)

    def _load_s(self, seconds: float) -> float:
        """Return what the load took, the start of the process included where this was its first job."""
        if self.renders > 1 or self._progress.loaded_s is None:
            return seconds
        return self._progress.loaded_s - self._started_s

    def _send(self, request: dict[str, Any]) -> None:
        stdin = _pipe(self.process.stdin)
        data = memoryview(json.dumps(request).encode() + b"\n")
        try:
            while data:
                data = data[stdin.write(data) or 0 :]
        except BrokenPipeError:
            raise self._crashed() from None

    def _await(self, event: str, *, rate_hz: int = 1) -> dict[str, Any]:
        """Read messages until `event` comes, watching the clocks."""
        while True:
            message = self._next_message()
            self._progress.last_sign_s = time.monotonic()
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
            wait_s = min(_LOOK_EVERY_S, next_check_s(self._limits, self._progress, time.monotonic()) + 0.01)
            for key, _ in self._selector.select(wait_s):
                self._read(key.data)
            if self._replies.ended and not self._replies.pending:
                raise self._crashed()
            if not self._replies.pending:
                self._check_clocks()

    def _read(self, lines: _Lines) -> None:
        if not lines.read():
            self._selector.unregister(lines.pipe)
        if lines is self._said:
            while (line := lines.pop()) is not None:
                self._last_words.append(line.decode(errors="replace").strip())

    def _check_clocks(self) -> None:
        cause = overdue(self._limits, self._progress, time.monotonic())
        if cause is not None:
            self.kill()
            raise EngineError(f"the engine process was ended: {cause.replace('_', ' ')}", cause=cause)
        rss_mb = self._rss_mb()
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

    def _crashed(self) -> EngineError:
        """Describe the end of the process, with its last words."""
        self.kill()
        code = self.process.wait()
        while self._said.read():
            pass
        while (line := self._said.pop()) is not None:
            self._last_words.append(line.decode(errors="replace").strip())
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        words = "; ".join(word for word in self._last_words if word)
        return EngineError(
            f"the engine process ended with {how}" + (f": {words}" if words else ""), cause=FailureReason.ENGINE_CRASH
        )

    def _rss_mb(self) -> float:
        try:
            return float(self._rss.memory_info().rss) / _MB
        except psutil.Error:
            return 0.0


class _Lines:
    """Cuts what comes through a pipe into lines."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.pipe = pipe
        self.ended = False
        self._buffer = bytearray()

    @property
    def pending(self) -> bool:
        """Whether a whole line is waiting."""
        return b"\n" in self._buffer

    def read(self) -> bool:
        """Read what is there, waiting if nothing is; returns False at the end of the pipe."""
        data = os.read(self.pipe.fileno(), _READ_BYTES)
        self._buffer += data
        self.ended = not data
        return bool(data)

    def pop(self) -> bytes | None:
        """Take the next whole line, or None."""
        line, newline, rest = self._buffer.partition(b"\n")
        if not newline:
            return None
        self._buffer = rest
        return bytes(line)


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise EngineError("the engine process has no pipe", cause=FailureReason.ENGINE_CRASH)
    return stream


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        with suppress(BrokenPipeError):
            stream.close()


def _environment() -> dict[str, str]:
    """Return the environment of an engine process: one thread per library, and this package on its path."""
    path = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(_ROOT), *([path] if path else [])]),
    }
