"""Finds out whether this host can play the recordings of a plan: the files are there, and so is the engine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from schemas.errors import AssetError, MissingDependencyError
from schemas.samples import SampleLibrary
from schemas.tasks import ENGINE_TRIER
from workers.engines.pipes import engine_environment

_TIMEOUT_S: Final = 60.0
_HINT: Final = "Install it with `pip install 'stemfarm[samples]'` on every worker, or take `compose.samples` out"


def probe_samples(library: SampleLibrary) -> str:
    """Return the version of the engine that plays recordings, which is tried in a process of its own.

    Raises:
        AssetError: a recording is not where the library says, or is of another size.
        MissingDependencyError: the engine does not work here.
    """
    _check_files(library)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", ENGINE_TRIER, "sampler"],
            stdin=subprocess.DEVNULL, capture_output=True, env=engine_environment(), timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise MissingDependencyError(f"the engine of recordings gave no answer ({error})", hint=_HINT) from error
    if "version" not in found:
        raise MissingDependencyError(f"recordings cannot be played here: {found['message']}", hint=_HINT)
    return str(found["version"])


def _check_files(library: SampleLibrary) -> None:
    """See to it that every recording is there; what it holds is looked at when it is played."""
    for sample in library.samples:
        path = Path(library.folder) / sample.file
        try:
            size_bytes = path.stat().st_size
        except OSError as error:
            raise AssetError(
                f"the library {library.name} has no recording {sample.file} in {library.folder}: {error.strerror}",
                hint="Put it there on every worker, or build the library anew with `farm samples build`",
            ) from error
        if size_bytes != sample.size_bytes:
            raise AssetError(
                f"the recording {path} has {size_bytes} bytes, and the library {library.name} says {sample.size_bytes}",
                hint="Build the library anew with `farm samples build`",
            )
