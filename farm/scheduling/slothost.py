"""The process that holds the slots of local mode, seen from the driver; imports nothing that takes time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Final

from schemas.errors import DiskFullError, ServiceError
from schemas.tasks import LOCAL_SLOTS

#: Time that the process gets to stop its slots.
_STOP_S: Final = 10.0
#: The commands that need slots and nothing before them.
_COMMANDS: Final = ("run", "compose")


class SlotHost:
    """The parent process of this machine's slots.

    It is started before anything else (`start_ahead`), so that it gets ready while command line, plan and source are read,
    and told later what to work on. As a context manager it ends with its slots.
    """

    def __init__(self) -> None:
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process that writes into it
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", LOCAL_SLOTS],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._words, env=os.environ.copy(),
        )  # fmt: skip
        self._began = False
        self._buffer = b""
        self._pids: list[int] = []

    @classmethod
    def ready(cls) -> SlotHost:
        """Return the one that was started ahead, or start one."""
        return _ahead.pop() if _ahead else cls()

    def __enter__(self) -> SlotHost:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._began:
            self._process.kill()
        _pipe(self._process.stdin).close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _pipe(self._process.stdout).close()
        self._words.close()

    @property
    def pids(self) -> list[int]:
        """Process ids of the slots."""
        return self._pids

    def begin(self, ledger_url: str, *, slots: int, logs: Path) -> None:
        """Start the slots.

        Raises:
            ServiceError: the process has ended.
        """
        logs.mkdir(parents=True, exist_ok=True)
        order = {"ledger": ledger_url, "slots": slots, "logs": str(logs)}
        stdin, stdout = _pipe(self._process.stdin), _pipe(self._process.stdout)
        self._began = True
        try:
            stdin.write(json.dumps(order).encode() + b"\n")
            stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        os.set_blocking(stdout.fileno(), False)

    def tend(self) -> bool:
        """Hear what the process says; returns whether slots were started since the last call.

        Raises:
            DiskFullError, ServiceError: slots cannot be kept alive.
        """
        is_gone = self._process.poll() is not None
        self._buffer += _pipe(self._process.stdout).read() or b""
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            self.hear(json.loads(line))
        if is_gone:
            raise self._ended()
        return bool(lines)

    def hear(self, message: dict[str, Any]) -> None:
        """Take one message of the process."""
        if "failed" in message:
            kind = DiskFullError if message["failed"] == DiskFullError.reason else ServiceError
            raise kind(message["message"], hint=message["hint"])
        self._pids = message["pids"]

    def _ended(self) -> ServiceError:
        code = self._process.wait()
        self._words.seek(0)
        words = self._words.read().decode(errors="replace").strip().splitlines()
        return ServiceError(
            f"the slots ended (exit code {code})" + (f": {words[-1]}" if words else ""),
            hint="Run the same command again; `farm doctor` says what is missing",
        )


#: Started before the command line was understood; ends by itself when this process does and has not begun with it.
_ahead: list[SlotHost] = []


def start_ahead(arguments: Sequence[str]) -> None:
    """Start the process for a command line that will want it, before that is read: both take a tenth of a second."""
    makes_nothing = any(argument.startswith(("--help", "--plan")) for argument in arguments)
    if arguments and arguments[0] in _COMMANDS and not makes_nothing:
        _ahead.append(SlotHost())


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ServiceError("the slots' process has no pipe", hint="Run the same command again")
    return stream
