"""Hands requests about patches to a process of the data plane, started by name, and brings back what it found."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from schemas.errors import ServiceError, error_of
from schemas.tasks import PATCH_TOOLS


def ask(word: str, request: Mapping[str, Any], *, quiet: bool = True) -> Any:
    """Ask for one thing and wait for it; what is being done is shown on a terminal, unless `quiet`.

    Raises:
        FarmError: of the class that the process told.
        ServiceError: the process ended without an answer.
    """
    show = not quiet and sys.stderr.isatty()
    with subprocess.Popen(
        [sys.executable, "-P", "-m", PATCH_TOOLS, word],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            answer, complaints = _heard(process, json.dumps(request), show=show)
        except BaseException:
            process.terminate()
            raise
    if answer is None:
        last = (complaints.strip().splitlines() or ["it said nothing"])[-1]
        raise ServiceError(
            f"the process for `farm patches {word}` ended with {process.returncode}: {last}",
            hint="Run `farm doctor`: it says what is missing and the command that mends it",
        )
    if answer["event"] == "failed":
        raise error_of(answer)
    return answer["result"]


def _heard(process: subprocess.Popen[str], request: str, *, show: bool) -> tuple[dict[str, Any] | None, str]:
    """Return the last answer of a process, and what it complained of."""
    from threading import Thread

    complaints: list[str] = []
    reader = Thread(target=lambda: complaints.append(process.stderr.read() if process.stderr else ""), daemon=True)
    reader.start()
    if process.stdin is not None:
        process.stdin.write(request)
        process.stdin.close()
    answer = None
    for line in process.stdout or ():
        said = json.loads(line)
        if said["event"] != "said":
            answer = said
        elif show:
            sys.stderr.write(f"\r\x1b[K{said['text']}")
            sys.stderr.flush()
    if show:
        sys.stderr.write("\r\x1b[K")
    reader.join()
    return answer, "".join(complaints)
