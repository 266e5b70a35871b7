"""The whole job with its stems in a real object store: the same dataset, nothing left behind, faults named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.store import StoreAddress
from tests.support.farms import copy_demo, farm, farm_json, published
from tests.support.objects import ObjectServer, object_server
from workers.store.objects import open_filesystem

pytestmark = pytest.mark.services

PLAN = """
source: {source}
seed: 1
filters: {{min_duration_s: 1}}
store:
  url: {url}
  {endpoint}
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    copy_demo(folder, 2, seconds=12)
    return folder


@pytest.fixture(scope="module")
def server() -> ObjectServer:
    return object_server()


def write_plan(folder: Path, source: Path, url: str, endpoint: str = "") -> Path:
    plan = folder / "plan.yaml"
    line = f"endpoint: {endpoint}" if endpoint else ""
    plan.write_text(PLAN.format(source=source, url=url, endpoint=line))
    return plan


def environment(server: ObjectServer, home: Path) -> dict[str, str]:
    return {**server.keys.environment, "FARM_HOME": str(home)}


def test_a_dataset_is_the_same_whichever_store_its_stems_were_in(
    source: Path, server: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.keys.environment.items():
        monkeypatch.setenv(name, value)
    address = StoreAddress("s3", "datasets/one", server.endpoint)
    fs = open_filesystem(address)
    fs.makedirs("datasets", exist_ok=True)
    env = environment(server, tmp_path / "home")
    plans = {
        "folder": write_plan(tmp_path, source, "shared/stems"),
        "objects": tmp_path / "objects" / "plan.yaml",
    }
    plans["objects"].parent.mkdir()
    write_plan(plans["objects"].parent, source, "s3://datasets/one", server.endpoint)
    for name, plan in plans.items():
        report = farm_json("run", plan, "--out", tmp_path / name / "out", "--slots", 2, env=env)
        assert report["songs"] == {"published": 2, "failed": 0, "accepted": 2}
    datasets = {name: published(tmp_path / name / "out") for name in plans}
    assert datasets["folder"] == datasets["objects"]
    assert len(datasets["folder"]) > 10
    # Stems and MIDI leave with their song, in either store; what was copied to this host is gone with its processes.
    assert [path.name for path in (tmp_path / "shared" / "stems").rglob("*.*")] == []
    assert {Path(key).suffix for key in left_in(fs, "datasets/one")} <= {""}  # a folder's own mark, in this server
    assert [path.name for path in (tmp_path / "home" / "cache").rglob("*") if path.is_file()] == ["lock"]
    # Neither dataset holds a store of its own inside.
    assert not list(tmp_path.glob("*/out/.farm/store/*"))


def left_in(fs: Any, prefix: str) -> list[str]:
    try:
        return [str(key) for key in fs.find(prefix)]
    except FileNotFoundError:
        return []


def test_a_dataset_begun_with_one_store_is_not_gone_on_with_in_another(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    env = {"FARM_LEDGER_URL": f"sqlite:///{tmp_path / 'ledger.sqlite'}"}
    farm_json("submit", write_plan(tmp_path, source, "one"), "--out", out, env=env)
    done = farm("submit", write_plan(tmp_path, source, "two"), "--out", out, env=env)
    assert done.returncode == 2
    assert "/one" in done.stderr
    assert "/two" in done.stderr


def test_keys_that_are_refused_fail_the_job_once_and_say_so(source: Path, server: ObjectServer, tmp_path: Path) -> None:
    secret = "a-key-that-is-wrong-and-stays-unsaid"
    env = {**environment(server, tmp_path / "home"), "AWS_SECRET_ACCESS_KEY": secret}
    plan = write_plan(tmp_path, source, "s3://datasets/refused", server.endpoint)
    done = farm("run", plan, "--out", tmp_path / "out", "--json", env=env)
    assert done.returncode == 3, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert "refuses" in said
    assert "AWS_SECRET_ACCESS_KEY" in said
    logs = "".join(path.read_text() for path in (tmp_path / "out" / ".farm" / "logs").iterdir())
    assert secret not in said + logs


def test_a_key_in_the_plan_is_refused_and_not_repeated(source: Path, tmp_path: Path) -> None:
    plan = write_plan(tmp_path, source, "s3://someone:hunter2@bucket/x")
    done = farm("run", plan, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "store.url" in done.stderr
    assert "AWS_ACCESS_KEY_ID" in done.stderr
    assert "hunter2" not in done.stderr + done.stdout
