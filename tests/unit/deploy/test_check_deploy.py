"""The checks of deploy/ find what they are for, and none is left out in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.deploying import DEPLOY, ROOT, load

check = load("check_deploy")
chart = load("check_chart")
metrics = load("check_metrics")


def _raise(error: Exception) -> Any:
    def run() -> list[str]:
        raise error

    return run


@pytest.mark.parametrize(
    ("required", "ci", "code", "word"),
    [(True, "true", 1, "MISSING"), (True, "", 0, "NOT RUN"), (False, "true", 0, "NOT RUN")],
)
def test_a_missing_validator_is_told_and_fails_in_ci(
    required: bool, ci: str, code: int, word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = check.Check("thing (tool)", _raise(check.AbsentError("tool is not here")), required)
    monkeypatch.setattr(check, "checks", lambda: [absent])
    monkeypatch.setenv("CI", ci)
    assert check.main() == code
    assert capsys.readouterr().out.startswith(f"{word}  thing (tool): tool is not here")


def test_a_problem_fails_everywhere(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(check, "checks", lambda: [check.Check("thing", lambda: ["line 3 is wrong"])])
    monkeypatch.setenv("CI", "")
    assert check.main() == 1
    assert "line 3 is wrong" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("service", "word"),
    [
        ({"ports": ["5555:5555"]}, "published"),
        ({"ports": ["0.0.0.0:5555:5555"]}, "published"),
        ({"environment": {"POSTGRES_PASSWORD": "farm"}}, "in the file"),
        ({"environment": {"FLOWER_BASIC_AUTH": "farm:${FLOWER_PASSWORD}"}}, "may be empty"),
        ({"command": ["redis-server", "--requirepass", "${REDIS_PASSWORD:?x}"]}, "command line"),
        ({"healthcheck": {"test": "redis-cli -a ${REDIS_PASSWORD:?x} ping"}}, "command line"),
    ],
)
def test_an_open_port_or_a_secret_in_compose_is_found(service: dict[str, Any], word: str) -> None:
    assert any(word in problem for problem in check.service_problems("it", service))


def test_compose_itself_is_clean_and_every_part_is_there() -> None:
    assert check.compose_rules() == []
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    assert set(services) == {"redis", "postgres", "scheduler", "worker", "flower", "prometheus", "grafana"}


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("<true/>", "<string>yes</string>", "str is not its type"),
        ("KeepAlive", "KeepAliv", "KeepAliv is no key"),
        ("org.stemfarm.worker", "org.stemfarm.other", "label"),
        ("<string>worker</string>", "<string>--url=$BROKER_URL</string>", "environment file"),
        ("</dict>", "", "mismatched tag"),
    ],
)
def test_a_wrong_launchd_job_is_found(old: str, new: str, word: str, tmp_path: Path) -> None:
    text = (DEPLOY / "launchd" / "org.stemfarm.worker.plist").read_text(encoding="utf-8")
    path = tmp_path / "org.stemfarm.worker.plist"
    path.write_text(text.replace(old, new), encoding="utf-8")
    assert any(word in problem for problem in check.job_problems(path))


def test_launchd_jobs_are_clean() -> None:
    assert check.jobs() == []


def test_the_dashboard_is_what_its_script_writes() -> None:
    assert metrics.dashboard() == []


def test_units_start_what_the_installation_puts_there() -> None:
    for role in ("scheduler", "worker", "flower"):
        text = (DEPLOY / "systemd" / f"farm-{role}.service").read_text(encoding="utf-8")
        assert f"ExecStart=/opt/stemfarm/venv/bin/farm {role}\n" in text
        assert "EnvironmentFile=/etc/stemfarm/farm.env\n" in text


@pytest.mark.parametrize(
    ("item", "word"),
    [
        ({"env": [{"name": "FARM_LEDGER_URL", "value": "postgresql://farm:secret@db"}]}, "not taken from a Secret"),
        ({"args": ["--requirepass", "$(REDIS_PASSWORD)"]}, "command line"),
    ],
)
def test_a_secret_in_a_pod_is_found(item: dict[str, Any], word: str) -> None:
    pod = {"spec": {"containers": [item]}}
    found = chart.secret_problems({"kind": "Deployment", "metadata": {"name": "it"}, "spec": {"template": pod}})
    assert any(word in problem for problem in found)


def test_a_service_that_is_open_to_other_networks_is_found() -> None:
    service = {"kind": "Service", "metadata": {"name": "flower"}, "spec": {"type": "LoadBalancer"}}
    assert list(chart.secret_problems(service)) == ["Service flower: is open to other networks"]
