"""The engine process: `python -m workers.engines.process --engine NAME`, driven by `workers.engines.client`.

It reads jobs from standard input and answers on standard output, one JSON object a line. Both are moved to private
descriptors first, and what native code prints goes to standard error, so that it cannot get between the lines.

    -> {"job": RenderJob, "midi": path, "part": path}
    <- {"event": "loaded", "load_s": s, "cold": bool}
    <- {"event": "progress", "frames": n, "expected": n}         again and again
    <- {"event": "done", "report": EngineReport, "measured": StemMeasurement, "data_hash": h, "render_s": s,
        "sounding_frames": n}
    <- {"event": "failed", "cause": FailureReason, "message": text, "hint": text}
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO, Final

from schemas.errors import (
    AssetError,
    DiskFullError,
    EngineError,
    FarmError,
    MidiError,
    MissingDependencyError,
    StoreError,
)
from schemas.job import RenderJob
from schemas.states import FailureReason
from workers.audio.recorder import Recorder
from workers.engines import engine_class
from workers.engines.base import Engine

#: Least time between two signs of life: often enough for any clock, too seldom to cost anything.
_SIGN_EVERY_S: Final = 0.25
_PR_SET_PDEATHSIG: Final = 1
_PARENT_LOOK_S: Final = 1.0

_CAUSES: Final[dict[type, FailureReason]] = {
    AssetError: FailureReason.MISSING_ASSET,
    MissingDependencyError: FailureReason.MISSING_ASSET,
    MidiError: FailureReason.UNREADABLE,
    DiskFullError: FailureReason.DISK_FULL,
    StoreError: FailureReason.STORE_DAMAGED,
}


class _Host:
    """Holds the engine and answers jobs."""

    def __init__(self, engine: str, library: str | None, replies: BinaryIO) -> None:
        self._engine_name = engine
        self._library = library
        self._replies = replies
        self._engine: Engine | None = None
        self._expected = 0
        self._next_sign_s = 0.0

    def answer(self, line: bytes) -> None:
        """Do one job; whatever goes wrong is answered, and only a crash is not."""
        try:
            self._render(json.loads(line))
        except FarmError as error:
            self._fail(_cause(error), error.message, error.hint)
        except MemoryError:
            self._fail(FailureReason.OUT_OF_MEMORY, "the engine ran out of memory", "")
        except Exception as error:  # noqa: BLE001  the process boundary: the parent must learn of everything
            self._fail(FailureReason.ENGINE_FAILED, f"{type(error).__name__}: {error}", "")

    def _render(self, request: dict[str, Any]) -> None:
        job = RenderJob.model_validate(request["job"])
        engine = self._load(job)
        midi = _read_midi(Path(request["midi"]), job.midi_sha256)
        began = time.perf_counter()
        path = Path(request["part"])
        with Recorder(path, rate_hz=job.rate_hz, channels=job.channels, on_slab=self._sign) as recorder:
            self._expected = 0
            report = engine.render(job, midi, _Expecting(recorder, self))
            recording = recorder.finish()
        self._send(
            event="done",
            report=report.model_dump(mode="json"),
            measured=recording.measured.model_dump(mode="json"),
            data_hash=recording.data_hash,
            render_s=time.perf_counter() - began,
            sounding_frames=recorder.sounding_frames,
        )

    def _load(self, job: RenderJob) -> Engine:
        began = time.perf_counter()
        if self._engine is None:
            self._engine = engine_class(self._engine_name)(self._library)
        cold = self._engine.load_key != job.patch.load_key
        self._engine.load(job.patch)
        self._send(event="loaded", load_s=time.perf_counter() - began, cold=cold)
        return self._engine

    def expect(self, frames: int) -> None:
        """Tell the parent how much will come."""
        self._expected = frames
        self._next_sign_s = 0.0
        self._sign(0)

    def _sign(self, frames: int) -> None:
        now = time.monotonic()
        if now >= self._next_sign_s:
            self._next_sign_s = now + _SIGN_EVERY_S
            self._send(event="progress", frames=frames, expected=self._expected)

    def _fail(self, cause: FailureReason, message: str, hint: str) -> None:
        self._send(event="failed", cause=cause.value, message=message, hint=hint)

    def _send(self, **message: object) -> None:
        self._replies.write(json.dumps(message).encode() + b"\n")
        self._replies.flush()


class _Expecting:
    """A sink that passes on to the recorder, and the expected length to the parent as well."""

    def __init__(self, recorder: Recorder, host: _Host) -> None:
        self.write = recorder.write
        self.silence = recorder.silence
        self._host = host

    def expect(self, frames: int) -> None:
        self._host.expect(frames)


def _read_midi(path: Path, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"the MIDI file {path.name} cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise StoreError(f"the MIDI file {path.name} has other content than its hash says")
    return data


def _cause(error: FarmError) -> FailureReason:
    if isinstance(error, EngineError):
        return FailureReason(error.cause)
    return next((_CAUSES[kind] for kind in type(error).__mro__ if kind in _CAUSES), FailureReason.ENGINE_FAILED)


def private_channels() -> tuple[BinaryIO, BinaryIO]:
    """Take standard input and output for the protocol; native code gets /dev/null and standard error instead."""
    commands, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return os.fdopen(commands, "rb"), os.fdopen(replies, "wb")


def die_with_parent(parent: int) -> None:
    """See to it that this process ends when its parent does, however that ends and whatever this one is doing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=watch_parent, args=(parent,), name="parent", daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def watch_parent(parent: int, every_s: float = _PARENT_LOOK_S) -> None:
    """Look for the parent now and then, and end this process at once when it is gone."""
    while os.getppid() == parent:
        time.sleep(every_s)
    os._exit(1)


def serve(engine: str, library: str | None, parent: int) -> int:
    """Answer jobs until standard input is closed; `parent` is the process whose end ends this one."""
    die_with_parent(parent)
    commands, replies = private_channels()
    host = _Host(engine, library, replies)
    for line in commands:
        host.answer(line)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Answer jobs until standard input is closed."""
    parser = argparse.ArgumentParser(prog="python -m workers.engines.process", description=__doc__)
    parser.add_argument("--engine", required=True, help="name of the engine, or module:Class")
    parser.add_argument("--library", help="path of the engine's native library")
    parser.add_argument("--parent", type=int, required=True, help="process whose end ends this one")
    options = parser.parse_args(arguments)
    return serve(options.engine, options.library, options.parent)


if __name__ == "__main__":
    code = main()
    os._exit(code)  # no time is spent on freeing what ends with the process
