"""How an engine process starts: as a command of its own, or as a fork of a slot that has everything imported already.

A fork is ready at once, where a command spends a quarter of a second of processor time on imports. It is only made by a
process that asks for it and has no other thread: a lock that another thread holds would stay closed in the fork for ever.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import IO, Final, NoReturn, Protocol

from workers.engines.pipes import engine_environment

_MODULE: Final = "workers.engines.process"
_LOOK_S: Final = 0.001
_LONGEST_LOOK_S: Final = 0.05


class Started(Protocol):
    """What a slot needs to know of its engine process; a `subprocess.Popen` has it, too."""

    @property
    def pid(self) -> int: ...

    @property
    def stdin(self) -> IO[bytes] | None: ...

    @property
    def stdout(self) -> IO[bytes] | None: ...

    @property
    def stderr(self) -> IO[bytes] | None: ...

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None:
        """Return the exit code, or None while it lives."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, which raises `subprocess.TimeoutExpired` if it does not come in time."""


def start_engine(engine: str, library: str | None, *, forks: bool) -> Started:
    """Start an engine process, which leads a session of its own and ends when this process does.

    Args:
        engine: name of the engine, or `module:Class`.
        library: path of the engine's native library; None searches.
        forks: whether it may be a fork of this process, whose imports it then shares.
    """
    if forks and threading.active_count() == 1:
        return _Fork(engine, library)
    command = [sys.executable, "-P", "-m", _MODULE, "--engine", engine, "--parent", str(os.getpid())]
    if library is not None:
        command += ["--library", library]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=engine_environment(),
        start_new_session=True,
    )


class _Fork:
    """An engine process that was forked from this one."""

    def __init__(self, engine: str, library: str | None) -> None:
        jobs, self_in = os.pipe()
        self_out, replies = os.pipe()
        self_err, words = os.pipe()
        leads, begun = os.pipe()
        parent, self.pid = os.getpid(), os.fork()
        if self.pid == 0:
            _become_engine(engine, library, parent, (jobs, replies, words))
        for end in (jobs, replies, words, begun):
            os.close(end)
        os.read(leads, 1)  # it ends when the fork leads its session: from there on it can be killed with its children
        os.close(leads)
        self.stdin: IO[bytes] = os.fdopen(self_in, "wb", buffering=0)
        self.stdout: IO[bytes] = os.fdopen(self_out, "rb", buffering=0)
        self.stderr: IO[bytes] = os.fdopen(self_err, "rb", buffering=0)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal's number, or None while it lives."""
        if self.returncode is None:
            found, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if found else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: it did not come in time.
        """
        deadline, pause_s = time.monotonic() + (timeout or 0.0), _LOOK_S
        while (code := self.poll()) is None:
            if timeout is not None and time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired(_MODULE, timeout)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_LOOK_S)
        return code


def _become_engine(engine: str, library: str | None, parent: int, pipes: tuple[int, int, int]) -> NoReturn:
    """Answer jobs in a forked process, as the command does, and end it."""
    code = 1
    try:
        for number, end in enumerate(pipes):
            os.dup2(end, number)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # nothing of the slot's is kept open here: ledger, log, locks
        kept = engine_environment()
        os.environ.update(kept)
        for name in os.environ.keys() - kept.keys():
            del os.environ[name]
        from workers.engines.process import serve

        code = serve(engine, library, parent)
    except BaseException:  # noqa: BLE001  nothing may get back into the code of the forked process
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)
