"""A host whose clock jumps: by libfaketime where that does no other harm, else by a hook in its Python processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from farm.selftest.hook import sitecustomize

_LIBRARIES: Final = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")
#: Where it jumps to, seconds from the truth: within the day, beyond every timeout, and back.
JUMPS_S: Final = (3600.0, -3600.0, 3 * 86_400.0, -86_400.0, 90.0, 0.0)


class TrialClock:
    """The clock of one host.

    Args:
        folder: where the file is that says how far it is off.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.jump(0.0)
        self._library: Path | None = None
        for library in _libraries():
            if _is_harmless(self._preload(library)):
                self._library = library

    @property
    def how(self) -> str:
        """How it jumps, for the report."""
        return "libfaketime" if self._library is not None else "a hook in Python's clock"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that the host's processes need for it."""
        if self._library is None:
            return {sitecustomize.CLOCK: str(self._file)}
        return self._preload(self._library)

    def _preload(self, library: Path) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(self._file), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1",
        }  # fmt: skip

    def jump(self, seconds: float) -> None:
        """Let the clock be off by so much."""
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{seconds:+.0f}\n", encoding="ascii")
        beside.replace(self._file)


def _libraries() -> list[Path]:
    if not sys.platform.startswith("linux"):
        return []
    return [path for pattern in _LIBRARIES for path in sorted(Path("/").glob(pattern[1:]))]


def _is_harmless(environment: dict[str, str]) -> bool:
    """Whether a process can sleep under the library: 0.9.10 breaks every sleep on the clock that never goes back."""
    program = "import time; [time.sleep(0.001) for _ in range(10)]"
    return (
        subprocess.run(
            [sys.executable, "-P", "-S", "-c", program],
            env={**os.environ, **environment},
            check=False,
            capture_output=True,
        ).returncode
        == 0
    )
