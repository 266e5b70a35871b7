"""The service: scheduler, two workers, a real broker and a real database; one worker is killed in mid-render."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from farm.scheduling.broker import Broker
from tests.support.databases import new_ledger_url
from tests.support.farms import DEMO, farm, farm_json, kill_tree, published, start, wait_for_ledger, wait_until_done


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    for song in sorted(DEMO.glob("*.mid"))[:3]:
        shutil.copy(song, folder)
    return folder


@pytest.fixture(scope="module")
def local(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("local") / "out"
    farm_json("run", source, "--out", out, "--seed", 1)
    return out


class Running(NamedTuple):
    """A service that is up."""

    env: dict[str, str]
    parts: dict[str, subprocess.Popen[bytes]]
    broker: Broker


@contextmanager
def service(folder: Path, ledger_url: str, workers: int) -> Iterator[Running]:
    """Start broker, scheduler and workers; everything is ended by its pid."""
    with Broker(folder / "broker") as broker, ExitStack() as stack:
        env = {
            "FARM_LEDGER_URL": ledger_url, "FARM_BROKER_URL": broker.url, "FARM_HOME": str(folder / "home"),
            "FARM_HEARTBEAT_S": "1", "FARM_SLOT_TIMEOUT_S": "6", "FARM_TICK_S": "0.2", "FARM_QUIET_S": "3",
        }  # fmt: skip
        parts = {"scheduler": start("scheduler", log=folder / "scheduler.log", env=env)}
        for number in range(workers):
            parts[f"worker-{number}"] = start("worker", "--slots", 1, log=folder / f"worker-{number}.log", env=env)
        for part in parts.values():
            stack.callback(_end, part)
        yield Running(env, parts, broker)


def _end(part: subprocess.Popen[bytes]) -> None:
    if part.poll() is None:
        kill_tree(part)


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_worker_killed_in_mid_render_costs_nothing(database: str, source: Path, local: Path, tmp_path: Path) -> None:
    url = new_ledger_url(database, tmp_path)
    out = tmp_path / "out"
    with service(tmp_path, url, workers=2) as running:
        env, parts = running.env, running.parts
        number = farm_json("submit", source, "--out", out, "--seed", 1, env=env)["submission"]
        wait_for_ledger(url, lambda ledger: ledger.status(number).stems_done >= 1, what="the first stem")
        os.killpg(parts["worker-0"].pid, signal.SIGKILL)
        wait_until_done(url, number)
        assert farm_json("status", number, env=env)["state"] == "done"
        assert {row["state"] for row in farm_json("songs", number, env=env)} == {"done"}
        assert farm_json("failures", number, env=env) == []
    assert published(out) == published(local)
    assert f"stem rendered  submission={number} song=Track0000" in (tmp_path / "worker-1.log").read_text()
    told = (tmp_path / "scheduler.log").read_text()
    assert f"planned  submission={number} state=active" in told
    assert f"ended  submission={number}" in told


def test_a_broker_that_forgets_everything_is_refilled(source: Path, local: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    with service(tmp_path, url, workers=1) as running:
        env = running.env
        number = farm_json("submit", source, "--out", out, "--seed", 1, env=env)["submission"]
        wait_for_ledger(url, lambda ledger: ledger.status(number).stems_done >= 1, what="the first stem")
        with running.broker.client() as client:
            client.flushall()
        wait_until_done(url, number)
    assert published(out) == published(local)


def test_the_service_says_which_variable_is_missing() -> None:
    for command in (["submit", ".", "--out", "x"], ["scheduler"], ["worker"], ["status"], ["songs", "1"]):
        done = farm(*command)
        assert done.returncode == 3
        assert "FARM_" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_an_unknown_submission_is_named(tmp_path: Path) -> None:
    env = {"FARM_LEDGER_URL": f"sqlite:///{tmp_path / 'ledger.sqlite'}"}
    for command in ("status", "songs", "failures"):
        done = farm(command, 77, env=env)
        assert done.returncode == 2
        assert "77" in done.stderr
