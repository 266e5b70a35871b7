"""Imported by every Python process of a trial's workers as it starts: a clock that jumps, a quota that is used up.

Both are switched by files, so that a process can be treated so in the midst of its work. It imports nothing of the farm.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from typing import Any

#: The file that holds how many seconds this process's calendar is off.
CLOCK = "STEMFARM_TRIAL_CLOCK"
#: The file that is there while no more files may be made, and the folder in which that holds.
QUOTA, QUOTA_FOLDER = "STEMFARM_TRIAL_QUOTA", "STEMFARM_TRIAL_QUOTA_FOLDER"

_WRITES = os.O_WRONLY | os.O_RDWR


def _shift(path: str) -> None:
    """Let `time.time` be off by what the file says; the clock that never goes back is left alone, as in real jumps."""
    true_time = time.time

    def shifted() -> float:
        try:
            with open(path, encoding="ascii") as file:
                return true_time() + float(file.read() or 0)
        except (OSError, ValueError):
            return true_time()

    time.time = shifted


def _limit(marker: str, folder: str) -> None:
    """Refuse to open files of a folder for writing while the marker is there, as a quota on files does."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], str) or not arguments[0].startswith(folder):
            return
        if int(arguments[2] or 0) & _WRITES and os.path.exists(marker):  # noqa: PTH110 - no pathlib at every start
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), arguments[0])

    sys.addaudithook(hook)


if os.environ.get(CLOCK):
    _shift(os.environ[CLOCK])
if os.environ.get(QUOTA) and os.environ.get(QUOTA_FOLDER):
    _limit(os.environ[QUOTA], os.environ[QUOTA_FOLDER])
