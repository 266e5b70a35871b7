"""`farm selftest`, as a person runs it: undisturbed, and short with everything that can go wrong."""

from __future__ import annotations

import json
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from farm.selftest.schedule import FaultKind, faults
from tests.support.farms import PATIENCE_S, farm, start, wait_until


@pytest.mark.services
def test_an_installation_that_works_says_so() -> None:
    done = farm("selftest", "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    report = json.loads(done.stdout)
    assert report["ok"] is True
    assert "the dataset verifies" in {check["name"] for check in report["checks"]}


@pytest.mark.services
@pytest.mark.slow
def test_nothing_is_lost_and_nothing_done_twice_whatever_dies() -> None:
    done = farm("selftest", "--chaos", "--stems", 96, "--seed", 4, "--minutes", 3, "--json")
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert [check for check in report["checks"] if not check["ok"]] == []
    assert done.returncode == 0
    assert {kind for _, kind, *_ in report["hits"]} == {kind.value for kind in FaultKind}
    assert report["stems"] == 96
    assert report["schedule"] == [[fault.at, fault.kind.value, round(fault.chance, 6)] for fault in faults(4, 96)]


@pytest.mark.services
def test_a_trial_that_is_ended_takes_everything_with_it(tmp_path: Path) -> None:
    trial = tmp_path / "trial"
    process = start("selftest", "--keep", trial, "--stems", 400, log=tmp_path / "log")
    wait_until((trial / "logs" / "render-1.log").exists, what="the worker to start")
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 128 + signal.SIGTERM
    wait_until(lambda: not mentions(str(trial)), what="every process of the trial to end")


def mentions(text: str) -> list[int]:
    """Return the processes that have a text in their environment or on their command line."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if text in " ".join([*process.cmdline(), *process.environ().values()]):
                found.append(process.pid)
    return found
