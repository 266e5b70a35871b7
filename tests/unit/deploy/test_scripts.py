"""The shell scripts of deploy/: what they install where, what they refuse, and where secrets go."""

from __future__ import annotations

import os
import plistlib
import re
import stat
from pathlib import Path

import pytest

from tests.support.deploying import DEPLOY, fake_program, shell


def _install(path: Path, system: str, *arguments: object) -> tuple[int, str, str]:
    fake_program(path, "uname", f"echo {system}")
    done = shell("install.sh", *arguments, PATH=f"{path}:{os.environ['PATH']}", SUDO_USER="ada")
    return done.returncode, done.stdout, done.stderr


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_on_linux_units_settings_and_wrapper_are_put_in_their_places(tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    code, said, _ = _install(tmp_path, "Linux", "--stage", stage, "--no-packages", "scheduler", "worker")
    assert code == 0
    assert {name for name in _files(stage) if "docs" not in name} == {
        "opt/stemfarm/bin/with-env",
        "etc/stemfarm/farm.env",
        "etc/systemd/system/farm-scheduler.service",
        "etc/systemd/system/farm-worker.service",
    }
    assert stat.S_IMODE((stage / "etc/stemfarm/farm.env").stat().st_mode) == 0o640
    assert "not under --stage: useradd" in said
    assert "not started. Fill in" in said


def test_on_a_mac_the_daemon_runs_as_the_person_who_installs_it(tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    code, said, _ = _install(tmp_path, "Darwin", "--stage", stage, "--no-packages", "worker")
    assert code == 0
    assert "useradd" not in said
    job = plistlib.loads((stage / "Library/LaunchDaemons/org.stemfarm.worker.plist").read_bytes())
    assert job["UserName"] == "ada"
    assert job["ProgramArguments"][0] == "/opt/stemfarm/bin/with-env"


def test_settings_that_are_there_are_kept_and_then_the_service_is_started(tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    (stage / "etc/stemfarm").mkdir(parents=True)
    (stage / "etc/stemfarm/farm.env").write_text("FARM_LEDGER_URL=mine\n", encoding="utf-8")
    code, said, _ = _install(tmp_path, "Linux", "--stage", stage, "--no-packages", "worker")
    assert code == 0
    assert (stage / "etc/stemfarm/farm.env").read_text(encoding="utf-8") == "FARM_LEDGER_URL=mine\n"
    assert "systemctl restart farm-worker.service" in said


def test_a_dry_run_does_nothing(tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    code, said, _ = _install(tmp_path, "Linux", "--dry-run", "--stage", stage, "scheduler", "flower")
    assert code == 0
    assert not stage.exists()
    assert "make_venv.py --packages-only" in said
    assert said.endswith("Nothing was done.\n")


@pytest.mark.parametrize(
    ("arguments", "word"), [(["renderer"], "unknown: renderer"), ([], "ROLE"), (["--stage"], "needs a folder")]
)
def test_a_wrong_call_is_answered_with_what_is_right(tmp_path: Path, arguments: list[str], word: str) -> None:
    code, _, complaint = _install(tmp_path, "Linux", *arguments)
    assert code == 2
    assert word in complaint


def test_another_system_and_a_person_without_root_are_told_so(tmp_path: Path) -> None:
    code, _, complaint = _install(tmp_path, "FreeBSD", "worker")
    assert code == 1
    assert "FreeBSD" in complaint
    fake_program(tmp_path, "id", "echo 1000")
    code, _, complaint = _install(tmp_path, "Linux", "worker")
    assert code == 1
    assert "sudo sh deploy/install.sh worker" in complaint


def test_settings_reach_the_command_as_they_stand(tmp_path: Path) -> None:
    settings = tmp_path / "farm.env"
    settings.write_text("# why\n\nFARM_A=x y $HOME 'z' & \"q\"\nFARM_B=b=c", encoding="utf-8")
    done = shell("with-env", settings, "/bin/sh", "-c", 'printf "%s|%s" "$FARM_A" "$FARM_B"')
    assert done.stdout == "x y $HOME 'z' & \"q\"|b=c"


def test_settings_that_cannot_be_read_start_nothing(tmp_path: Path) -> None:
    assert "cannot be read" in shell("with-env", tmp_path / "gone", "/bin/echo", "started").stderr
    (tmp_path / "farm.env").write_text("export FARM_A=1\nrm -r x\n", encoding="utf-8")
    done = shell("with-env", tmp_path / "farm.env", "/bin/echo", "started")
    assert done.returncode == 78
    assert "started" not in done.stdout


def test_every_secret_is_drawn_anew_and_fits_into_a_url() -> None:
    one, other = shell("new-secrets").stdout, shell("new-secrets").stdout
    drawn = re.findall(r"^(\w+_PASSWORD)=(.*)$", one, flags=re.MULTILINE)
    assert len(drawn) == 4
    assert all(re.fullmatch(r"[A-Za-z0-9]{32}", secret) for _, secret in drawn)
    assert len({secret for _, secret in drawn} | set(re.findall(r"_PASSWORD=(.*)", other))) == 8


def test_every_variable_of_compose_is_in_its_example() -> None:
    compose = (DEPLOY.parent / "docker-compose.yml").read_text(encoding="utf-8")
    example = (DEPLOY / "env" / "compose.env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"\$\{([A-Z_]+)[:}]", compose))
    assert named == set(re.findall(r"^([A-Z_]+)=", example, flags=re.MULTILINE))


def test_the_broker_does_not_start_without_a_password(tmp_path: Path) -> None:
    done = shell("redis/start", tmp_path / "redis.conf", "/bin/echo")
    assert done.returncode != 0
    assert "REDIS_PASSWORD is not set" in done.stderr
    assert done.stdout == ""


def test_the_password_of_the_broker_is_on_no_command_line(tmp_path: Path) -> None:
    fake_program(tmp_path, "server", 'echo "$*"; echo "${REDIS_PASSWORD:-none}"; cat')
    done = shell("redis/start", "redis.conf", tmp_path / "server", REDIS_PASSWORD="geheim")
    assert done.stdout.splitlines() == ["redis.conf -", "none", "requirepass geheim"]
