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

from symusic import Score

from farm.ledger import Ledger, open_ledger
from schemas.states import SUBMISSION_ENDS, SubmissionState
from tests.support.warm import warm

FARM = (sys.executable, "-P", "-m", "farm")
#: How long a test waits for what must come: much longer than it ever takes, also on a machine that is busy with others.
PATIENCE_S = 240.0
DEMO = Path(__file__).resolve().parents[2] / "presets" / "demo"


def copy_demo(folder: Path, count: int, *, seconds: float) -> None:
    """Put the first demo songs into a folder, cut to so many seconds: for what needs real songs, but not long ones."""
    for path in sorted(DEMO.glob("*.mid"))[:count]:
        score = Score(path, ttype="second").clip(0, seconds, clip_end=True)  # type: ignore[attr-defined]
        score.to("tick").dump_midi(folder / path.name)


def farm(
    *arguments: object, env: Mapping[str, str] | None = None, timeout_s: float = PATIENCE_S
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
    """Run a command with `--json` in a process that starts at once, check its exit code and return what it printed."""
    done = warm().run([*map(str, arguments), "--json"], _environment(env), PATIENCE_S)
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
    process.wait(PATIENCE_S)


def published(out: Path) -> dict[str, str]:
    """Return path -> SHA-256 of every published file; the farm's own folder is left out."""
    files = (path for path in sorted(out.rglob("*")) if path.is_file() and ".farm" not in path.relative_to(out).parts)
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def wait_until(condition: Callable[[], bool], *, timeout_s: float = PATIENCE_S, what: str = "it") -> None:
    """Wait for a condition; fail with `what` was waited for."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(0.05)


def wait_for_ledger(
    url: str, condition: Callable[[Ledger], bool], *, timeout_s: float = PATIENCE_S, what: str = "it"
) -> None:
    """Wait until a ledger tells something, without a process for every look."""
    ledger = open_ledger(url)
    try:
        wait_until(lambda: condition(ledger), timeout_s=timeout_s, what=what)
    finally:
        ledger.close()


def wait_until_done(url: str, number: int, *, timeout_s: float = PATIENCE_S) -> None:
    """Wait for the end of a submission; fail where that is another than done."""

    def is_done(ledger: Ledger) -> bool:
        state = ledger.submission(number).state
        assert state is SubmissionState.DONE or state not in SUBMISSION_ENDS, f"it has ended as {state.value}"
        return state is SubmissionState.DONE

    wait_for_ledger(url, is_done, timeout_s=timeout_s, what="the end")


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FARM_")}
    return {**kept, **(extra or {})}
