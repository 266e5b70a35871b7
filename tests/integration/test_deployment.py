"""What docker-compose.yml and the chart start, without containers: broker with a password, PostgreSQL, scheduler, two
workers, Flower behind a password, and the numbers that Prometheus would read. Every part is started by deploy/with-env from
an environment file, as on a host of the farm.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from schemas.patch import ENGINES
from tests.support.databases import new_ledger_url
from tests.support.deploying import DEPLOY, broker_with_password, free_port, write_settings
from tests.support.farms import copy_demo, farm, farm_json, kill_tree, wait_until, wait_until_done

pytestmark = [pytest.mark.services, pytest.mark.slow]

BROKER_PASSWORD = "brokerbrokerbroker"
FLOWER_PASSWORD = "flowerflowerflower"


class Deployed(NamedTuple):
    """A farm as it is deployed, with a dataset that it has made."""

    env: dict[str, str]
    parts: dict[str, subprocess.Popen[bytes]]
    metrics_port: int
    flower_port: int
    submission: int
    folder: Path


def _start(settings: Path, log: Path, *arguments: object) -> subprocess.Popen[bytes]:
    command = ["/bin/sh", DEPLOY / "with-env", settings, sys.executable, "-P", "-m", "farm", *arguments]
    with open(log, "ab") as handle:
        return subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            start_new_session=True,
        )


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("farm")
    for name in ("broker", "source"):
        (folder / name).mkdir()
    copy_demo(folder / "source", 2, seconds=12)
    metrics_port, flower_port = free_port(), free_port()
    with ExitStack() as stack:
        env = {
            "FARM_LEDGER_URL": new_ledger_url("postgres", folder),
            "FARM_BROKER_URL": stack.enter_context(broker_with_password(folder / "broker", BROKER_PASSWORD)),
        }
        shared = {**env, "FARM_HEARTBEAT_S": 1, "FARM_SLOTS": 1, "FARM_TICK_S": 0.2}
        settings: dict[str, Mapping[str, object]] = {
            "scheduler": {**shared, "FARM_METRICS_PORT": metrics_port},
            "worker-1": shared,
            "worker-2": shared,
            "flower": {"FARM_BROKER_URL": env["FARM_BROKER_URL"], "FLOWER_BASIC_AUTH": f"farm:{FLOWER_PASSWORD}"},
        }
        parts = {}
        for name, values in settings.items():
            arguments = ["flower", "--port", flower_port] if name == "flower" else [name.partition("-")[0]]
            file = write_settings(folder / f"{name}.env", values)
            parts[name] = _start(file, folder / f"{name}.log", *arguments)
            stack.callback(_end, parts[name])
        # Flower knows what it has seen: it and both workers are up before there is work.
        wait_until(lambda: _workers_seen(flower_port) == 2, what="Flower and both workers")
        number = farm_json("submit", folder / "source", "--out", folder / "out", env=env)["submission"]
        wait_until_done(env["FARM_LEDGER_URL"], number)
        yield Deployed(env, parts, metrics_port, flower_port, number, folder)


def _end(part: subprocess.Popen[bytes]) -> None:
    if part.poll() is None:
        kill_tree(part)


def _flower(port: int, path: str, user: str | None, data: bytes | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=data)
    if user is not None:
        request.add_header("Authorization", f"Basic {base64.b64encode(user.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError:
        return 0, b""


def _workers_seen(port: int) -> int:
    status, page = _flower(port, "/workers?json=1", f"farm:{FLOWER_PASSWORD}")
    return len(json.loads(page)["data"]) if status == 200 else 0


def _series(deployed: Deployed) -> dict[str, list[tuple[dict[str, str], float]]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{deployed.metrics_port}/metrics", timeout=60) as reply:
        text = reply.read().decode()
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def _sum(series: dict[str, list[tuple[dict[str, str], float]]], name: str, **labels: str) -> float:
    return sum(value for found, value in series.get(name, []) if labels.items() <= found.items())


def test_the_numbers_tell_what_the_farm_has_done(deployed: Deployed) -> None:
    status = farm_json("status", deployed.submission, env=deployed.env)
    # The scheduler looks every few seconds.
    wait_until(lambda: _sum(_series(deployed), "farm_submissions", state="done") == 1, what="the last look")
    series = _series(deployed)
    for name in ("farm_ledger_up", "farm_broker_up", "farm_scheduler_leading"):
        assert _sum(series, name) == 1
    assert _sum(series, "farm_songs", state="done") == 2
    assert _sum(series, "farm_stems", state="done") == status["stems_done"] > 0
    assert _sum(series, "farm_ready_stems") == 0
    assert _sum(series, "farm_patch_stems_total") == status["stems_done"]
    assert _sum(series, "farm_tries_total", kind="stem", outcome="done") >= status["stems_done"]
    assert _sum(series, "farm_slots") == 2
    assert _sum(series, "farm_patch_audio_seconds_total") == pytest.approx(status["stem_audio_s"], rel=1e-6)
    assert 1 <= _sum(series, "farm_cold_loads_total") <= _sum(series, "farm_patch_stems_total")
    assert 0 < _sum(series, "farm_patch_real_time_factor") < 1, "renders faster than it plays"
    queues = {"songs", *(f"tickets.{engine}" for engine in ENGINES)}
    assert {labels["queue"] for labels, _ in series["farm_queue_depth"]} == queues
    assert _sum(series, "farm_scheduler_tick_seconds_count") > 1


@pytest.mark.parametrize("path", ["/", "/workers", "/tasks", "/broker", "/api/workers", "/api/tasks"])
def test_flower_shows_nothing_without_its_password(path: str, deployed: Deployed) -> None:
    assert _flower(deployed.flower_port, path, None)[0] == 401
    assert _flower(deployed.flower_port, path, "farm:wrong")[0] == 401


@pytest.mark.parametrize("path", ["/workers", "/tasks", "/broker"])
def test_flower_opens_with_its_password(path: str, deployed: Deployed) -> None:
    status, page = _flower(deployed.flower_port, path, f"farm:{FLOWER_PASSWORD}")
    assert status == 200
    assert BROKER_PASSWORD not in page.decode()


def test_flower_lists_tickets_and_song_tasks(deployed: Deployed) -> None:
    status, page = _flower(deployed.flower_port, "/api/tasks?limit=1000", f"farm:{FLOWER_PASSWORD}")
    assert status == 200
    names = {task["name"] for task in json.loads(page).values()}
    assert {"stemfarm.ticket", "stemfarm.split", "stemfarm.mix", "stemfarm.publish"} <= names


def test_flower_shows_which_patch_a_batch_was_for(deployed: Deployed) -> None:
    _, page = _flower(deployed.flower_port, "/api/tasks?limit=1000", f"farm:{FLOWER_PASSWORD}")
    tickets = [task["args"] for task in json.loads(page).values() if task["name"] == "stemfarm.ticket"]
    labels = [patch["label"] for patch in farm_json("patches", env=deployed.env)]
    assert any(label in shown and "stems" in shown for label in labels for shown in tickets if shown), (labels, tickets)


def test_flower_steers_nothing(deployed: Deployed) -> None:
    user = f"farm:{FLOWER_PASSWORD}"
    worker = json.loads(_flower(deployed.flower_port, "/workers?json=1", user)[1])["data"][0]["hostname"]
    status, _ = _flower(deployed.flower_port, f"/api/worker/shutdown/{worker}", user, data=b"")
    assert status == 403


def test_no_secret_is_on_a_command_line_or_in_a_log(deployed: Deployed) -> None:
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    lines = [" ".join(process.cmdline()) for process in processes if process.status() != psutil.STATUS_ZOMBIE]
    assert any("celery" in line for line in lines)
    logs = [path.read_text(encoding="utf-8") for path in deployed.folder.rglob("*.log")]
    for secret in (BROKER_PASSWORD, FLOWER_PASSWORD):
        assert not [line for line in lines if secret in line]
        assert not [text for text in logs if secret in text]


def test_a_wrong_password_of_the_broker_is_told_without_the_right_one(deployed: Deployed) -> None:
    url = deployed.env["FARM_BROKER_URL"].replace(BROKER_PASSWORD, "wrong")
    done = farm("scheduler", env={**deployed.env, "FARM_BROKER_URL": url, "FARM_METRICS_PORT": "0"})
    assert done.returncode == 3
    assert "the broker does not answer" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
