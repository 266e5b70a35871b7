"""Kill a piece of work at every moment at which it touches the disk, and look whether the rest can be done."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

#: What changes files, as Python's audit hooks name it.
_EVENTS = frozenset({"os.rename", "os.mkdir", "os.rmdir", "os.remove", "open"})


def killed_at_every_step(
    folder: Path, scratch: Path, work: Callable[[Path], object], check: Callable[[Path], None]
) -> int:
    """Do `work` on copies of `folder`, each killed (signal 9) before another change of a file; `check` every copy.

    Returns the number of moments. It forks: call it where there is one thread.
    """
    step = 0
    while True:
        copy = scratch / f"step{step}"
        shutil.copytree(folder, copy)
        child = os.fork()
        if child == 0:
            try:
                _die_before(step, str(copy))
                work(copy)
            except BaseException as error:  # noqa: BLE001 - whatever it is, this process must end here
                sys.stderr.write(f"step {step}: {error!r}\n")
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        check(copy)
        shutil.rmtree(copy)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0, f"the work failed at step {step}"
            return step
        assert os.WTERMSIG(status) == signal.SIGKILL
        step += 1


def _die_before(step: int, place: str) -> None:
    left = step

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event not in _EVENTS or place not in str(arguments[0]):
            return
        if event == "open" and not set("wax+") & set(str(arguments[1])):
            return
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    sys.addaudithook(hook)
