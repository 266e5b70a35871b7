"""The command `farm` in processes that have nothing left to import: forked from one that has imported everything.

A command is what it is from a shell, with its own process, environment, folder and output; only its start is shared.
`python -m tests.support.warm` is that one process. Its standard input is a socket, on which it gets for each command
four files: what is asked, standard output, standard error, and a pipe for the process id and the exit code.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]


class Warm:
    """The process from which commands are forked; it ends with this one, however that ends."""

    def __init__(self) -> None:
        self._link, theirs = socket.socketpair()
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.warm"],
                stdin=theirs.fileno(), stdout=subprocess.DEVNULL, cwd=ROOT, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            )  # fmt: skip

    def run(self, words: Sequence[str], env: Mapping[str, str], timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Run `farm` with words to its end; raises subprocess.TimeoutExpired as `subprocess.run` does."""
        asked = json.dumps({"words": list(words), "env": dict(env), "cwd": str(Path.cwd())})
        with tempfile.TemporaryFile() as request, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            request.write(asked.encode())
            request.seek(0)
            told, telling = os.pipe()
            with open(told, "rb", buffering=0) as ending:
                with self._lock, open(telling, "wb"):
                    files = [request.fileno(), out.fileno(), err.fileno(), telling]
                    socket.send_fds(self._link, [b"."], files)
                pid = int(ending.readline())
                if not select.select([ending], [], [], timeout_s)[0]:
                    os.kill(pid, signal.SIGKILL)
                    raise subprocess.TimeoutExpired(["farm", *words], timeout_s)
                code = int(ending.readline())
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode())
        return subprocess.CompletedProcess(["farm", *words], code, *texts)

    def close(self) -> None:
        """End it."""
        self._link.close()
        self._process.wait(60)


@functools.cache
def warm() -> Warm:
    """Return this session's process, started when it is first asked for."""
    process = Warm()
    atexit.register(process.close)
    return process


def _serve() -> None:
    """Fork a command for each request until the tests have ended."""
    import farm

    for module in pkgutil.walk_packages(farm.__path__, "farm."):
        importlib.import_module(module.name)
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes that wait for the commands
    with socket.socket(fileno=os.dup(0)) as link:
        while True:
            word, files, _, _ = socket.recv_fds(link, 1, 4)
            if not word:
                return
            if os.fork() == 0:
                link.close()
                _keep(*files)
            for file in files:
                os.close(file)


def _keep(request: int, out: int, err: int, telling: int) -> NoReturn:
    """Fork the command, and tell its process id and its exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(telling)
        _command(request, out, err)
    os.write(telling, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.write(telling, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _command(request: int, out: int, err: int) -> NoReturn:
    code: object = 1
    try:
        with open(request, "rb") as file:
            asked = json.load(file)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, file_number in enumerate((nothing, out, err)):
            os.dup2(file_number, number)
            os.close(file_number)
        os.chdir(asked["cwd"])
        os.environ.clear()
        os.environ.update(asked["env"])
        sys.argv = ["farm", *asked["words"]]
        importlib.import_module("farm.__main__").main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:  # noqa: BLE001 - whatever it is, this process must end here
        traceback.print_exc()
    if not isinstance(code, int):
        sys.stderr.write(f"{code}\n")
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve()
