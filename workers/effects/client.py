"""Drives the effects process: one a slot, warm from song to song, ended when it takes too long over a stem."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final, NamedTuple, Self

from schemas.effects import ChosenEffect
from schemas.errors import EngineError
from schemas.result import StemMeasurement
from schemas.states import FailureReason
from workers.engines.pipes import engine_environment, pipe_of

#: A chain may take so long at least, and so much of the stem's own length: what is slower hangs.
_LEAST_S: Final = 60.0
_OF_REAL_TIME: Final = 4.0
_LAST_WORDS: Final = 300


class Processed(NamedTuple):
    """A stem after its effects."""

    path: Path
    measured: StemMeasurement
    data_hash: str
    processor: str  #: what computed the effects, and its version


class EffectsProcess:
    """Sends stems through effects, in a process that may crash or hang without harm."""

    def __init__(self) -> None:
        self._words = TemporaryFile()  # noqa: SIM115  what native code prints; it is closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "workers.effects.process", "--parent", str(os.getpid())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._words, env=engine_environment(),
            start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._kill()
        self._process.communicate()
        self._words.close()

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def process(
        self, stem: Path, part: Path, effects: Sequence[ChosenEffect], *, duration_s: float, tail_max_s: float
    ) -> Processed:
        """Send one stem through effects.

        Args:
            stem: raw stem file.
            part: where the result is written.
            effects: in order.
            duration_s: length of the stem.
            tail_max_s: longest time for which it may ring on.

        Raises:
            EngineError: with the cause: it crashed, hung, or refused.
        """
        order = {
            "stem": str(stem), "part": str(part), "tail_max_s": tail_max_s,
            "effects": [[chosen.effect.model_dump(mode="json"), chosen.applied.model_dump(mode="json")] for chosen in effects],
        }  # fmt: skip
        said = self._ask(order, max(_LEAST_S, _OF_REAL_TIME * (duration_s + tail_max_s)))
        if said["event"] == "failed":
            raise EngineError(said["message"], hint=said["hint"], cause=said["cause"])
        return Processed(part, StemMeasurement.model_validate(said["measured"]), said["data_hash"], said["processor"])

    def _ask(self, order: dict[str, Any], limit_s: float) -> dict[str, Any]:
        late = threading.Event()

        def end() -> None:
            late.set()
            self._kill()

        clock = threading.Timer(limit_s, end)
        clock.start()
        self._words.seek(0)  # the process writes where its parent stands
        self._words.truncate()
        try:
            with suppress(BrokenPipeError):
                stdin = pipe_of(self._process.stdin)
                stdin.write(json.dumps(order).encode() + b"\n")
                stdin.flush()
            line = pipe_of(self._process.stdout).readline()
        finally:
            clock.cancel()
        if not line:
            raise self._ended(limit_s if late.is_set() else None)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ended(self, limit_s: float | None) -> EngineError:
        self._kill()
        code = self._process.wait()
        if limit_s is not None:
            return EngineError(f"an effect took longer than {limit_s:.0f} s", cause=FailureReason.RENDER_TIMEOUT)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        self._words.seek(0)
        words = self._words.read().decode(errors="replace")[-_LAST_WORDS:].strip()
        return EngineError(
            f"the effects process ended with {how}" + (f": {words}" if words else ""), cause=FailureReason.ENGINE_CRASH
        )

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


#: The warm processes of this slot.
_warm: Final[list[EffectsProcess]] = []


def warm_effects(count: int = 1) -> list[EffectsProcess]:
    """Return so many of this slot's own effects processes, in which sources that were compiled stay so.

    Those that have ended are replaced.
    """
    for ended in [process for process in _warm if not process.is_alive]:
        _warm.remove(ended)
        ended.close()
    while len(_warm) < count:
        _warm.append(EffectsProcess())
    return _warm[:count]


def close_effects() -> None:
    """End this slot's effects processes."""
    while _warm:
        _warm.pop().close()
