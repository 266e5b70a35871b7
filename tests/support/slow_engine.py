"""A FluidSynth whose loads take long, as those of sample libraries do, and slots of local mode that drive it.

`python -m tests.support.slow_engine --slot-of PARENT URL` is such a slot.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

from schemas.patch import Patch
from workers import local
from workers.engines import switch
from workers.engines.client import EngineProcess
from workers.engines.fluidsynth import FluidSynthEngine

ROOT = Path(__file__).resolve().parents[2]
#: How much longer than FluidSynth itself a load takes.
LOAD_S = 0.8


class SlowToLoad(FluidSynthEngine):
    """FluidSynth in everything but the time that a load takes."""

    def _load(self, patch: Patch) -> None:
        time.sleep(LOAD_S)
        super()._load(patch)


class SlowProcess(EngineProcess):
    """An engine process with the slow engine in the place of FluidSynth."""

    def __init__(self, engine: str, **options: Any) -> None:
        assert engine == FluidSynthEngine.name
        super().__init__("tests.support.slow_engine:SlowToLoad", **options)


def start_slot(module: str, ledger_url: str, log: Path) -> subprocess.Popen[bytes]:
    """Start a slot of local mode: this module's, or `workers.local`; what it says goes to `log`."""
    with open(log, "ab") as handle:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", module, "--slot-of", str(os.getpid()), ledger_url],
            stdin=subprocess.DEVNULL, stdout=handle, stderr=handle, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip


if __name__ == "__main__":
    with mock.patch.object(switch, "EngineProcess", SlowProcess):
        sys.exit(local.main())
