"""Run the `farm` command as a person does, and compare what it published."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

FARM = (sys.executable, "-P", "-m", "farm")
DEMO = Path(__file__).resolve().parents[2] / "presets" / "demo"


def farm(
    *arguments: object, env: Mapping[str, str] | None = None, timeout_s: float = 110
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return it with what it printed."""
    return subprocess.run(
        [*FARM, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env=_environment(env),
    )


def farm_json(*arguments: object, env: Mapping[str, str] | None = None, exit_code: int = 0) -> Any:
    """Run a command with `--json`, check its exit code and return what it printed."""
    done = farm(*arguments, "--json", env=env)
    assert done.returncode == exit_code, done.stderr[-3000:] + done.stdout[-3000:]
    return json.loads(done.stdout)


def start(*arguments: object, log: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own; what it prints goes to `log`."""
    with open(log, "ab") as handle:
        return subprocess.Popen(
            [*FARM, *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=handle, stderr=handle, env=_environment(env), start_new_session=True,
        )  # fmt: skip


def kill_tree(process: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> None:
    """Send a signal to the whole process group and wait for its leader."""
    os.killpg(process.pid, number)
    process.wait(30)


def published(out: Path) -> dict[str, str]:
    """Return path -> SHA-256 of every published file; the farm's own folder is left out."""
    files = (path for path in sorted(out.rglob("*")) if path.is_file() and ".farm" not in path.relative_to(out).parts)
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def wait_until(condition: Callable[[], bool], *, timeout_s: float = 60, what: str = "it") -> None:
    """Wait for a condition; fail with `what` was waited for."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(0.05)


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FARM_")}
    return {**kept, **(extra or {})}
