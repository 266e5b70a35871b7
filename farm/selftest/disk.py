"""A disk that can be full for a while: a small one of its own where this user may mount one, else a quota that is used up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from farm.selftest.hook import sitecustomize

#: Enough for the gate of every slot; memory is taken only for what is written.
_ROOMY: Final = "4g"
_PAGE_BYTES: Final = 4096
_TRIES: Final = 20


class TrialDisk:
    """The folder that everything is written to.

    Args:
        folder: of the trial; the disk is the folder `disk` in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "disk"
        self._marker = folder / "quota-is-used-up"
        self._is_mounted = False

    def __enter__(self) -> TrialDisk:
        self.folder.mkdir(parents=True)
        if sys.platform.startswith("linux") and os.geteuid() == 0 and shutil.which("mount") is not None:
            self._is_mounted = self._mount("-t", "tmpfs", "-o", f"size={_ROOMY},mode=700", "tmpfs")
        return self

    def __exit__(self, *_: object) -> None:
        self._marker.unlink(missing_ok=True)
        if self._is_mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=False, capture_output=True)

    @property
    def how(self) -> str:
        """How it gets full, for the report."""
        return "a small tmpfs" if self._is_mounted else "a quota on files, simulated in the workers"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that the workers need for it."""
        if self._is_mounted:
            return {}
        return {sitecustomize.QUOTA: str(self._marker), sitecustomize.QUOTA_FOLDER: str(self.folder)}

    def fill(self) -> None:
        """Leave no room; to be called again while it shall stay so, since what is removed meanwhile makes room."""
        if not self._is_mounted:
            self._marker.touch()
            return
        for _ in range(_TRIES):  # it is refused where more is written meanwhile
            status = os.statvfs(self.folder)
            used = (status.f_blocks - status.f_bfree) * status.f_frsize
            if self._mount("-o", f"remount,size={used + _PAGE_BYTES}"):
                return

    def empty(self) -> None:
        """Give the room back."""
        self._marker.unlink(missing_ok=True)
        if self._is_mounted:
            self._mount("-o", f"remount,size={_ROOMY}")

    def _mount(self, *options: str) -> bool:
        command = ["mount", *options, str(self.folder)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
