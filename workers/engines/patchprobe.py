"""Asks a process of its own what the patch files of a map stand for on this host: finding out may load foreign code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from schemas.errors import MissingDependencyError, error_of
from schemas.patch import Patch
from schemas.patchfile import PatchFile
from workers.engines.pipes import engine_environment

#: What goes to the process and what comes back.
FILES: Final = TypeAdapter(list[PatchFile])
PATCHES: Final = TypeAdapter(dict[str, Patch])
#: Longest search: importing an engine takes a second or two, reading and hashing a large plug-in another few.
_TIMEOUT_S: Final = 120.0
_MODULE: Final = "workers.engines.patchfacts"


def probe_patches(files: Mapping[str, PatchFile]) -> dict[str, Patch]:
    """Find what every patch file needs: its engine's version, and the plug-in or source with its hash and licence.

    Raises:
        MissingDependencyError: an engine is not installed here.
        AssetError: a plug-in, a preset or a source is not here, or is another than the patch file says.
    """
    if not files:
        return {}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", _MODULE],
            input=FILES.dump_json(list(files.values())),
            capture_output=True,
            env=engine_environment(),
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _broken_off(files, f"no answer in {_TIMEOUT_S:g} s") from error
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["nothing"])[-1]
        raise _broken_off(files, f"its process ended with {done.returncode}, its last words were: {last}") from error
    if "patches" not in answer:
        raise error_of(answer)
    return PATCHES.validate_python(answer["patches"])


def _broken_off(files: Mapping[str, PatchFile], why: str) -> MissingDependencyError:
    return MissingDependencyError(
        f"the search for the patches {', '.join(files)} broke off: {why}",
        hint="Run `farm doctor`: it says what is missing and the command that mends it",
    )
