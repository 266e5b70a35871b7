"""`deploy/install-plugins`: leaves alone what is there, installs what is missing without a password, says what it cannot."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "deploy" / "install-plugins"


def fake(tools: Path, name: str, body: str) -> None:
    (tools / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    (tools / name).chmod(0o755)


def run(tools: Path) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", str(SCRIPT)]
    return subprocess.run(command, check=False, capture_output=True, text=True, env={"PATH": str(tools)}, timeout=240)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH of a Debian on which all but mda-lv2 is installed, for a user without root."""
    (tmp_path / "env").symlink_to("/usr/bin/env")
    (tmp_path / "sh").symlink_to("/bin/sh")
    fake(tmp_path, "id", "echo 1000")
    fake(tmp_path, "true", "exit 0")
    installed = f'[ "$3" != mda-lv2 ] || [ -e {tmp_path}/mda ]'
    fake(tmp_path, "dpkg-query", f"if {installed}; then printf installed; else exit 1; fi")
    return tmp_path


def test_what_is_there_is_left_alone(tools: Path) -> None:
    (tools / "mda").touch()
    fake(tools, "apt-get", "echo apt >&2; exit 1")
    done = run(tools)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_missing_is_installed_with_sudo_and_without_a_password(tools: Path) -> None:
    log = tools / "log"
    fake(tools, "sudo", f'echo "sudo $*" >> {log}; [ "$1" = -n ] || exit 1; shift; "$@"')
    fake(tools, "apt-get", f'echo "$*" >> {log}; : > {tools}/mda')
    done = run(tools)
    assert done.returncode == 0, done.stderr
    assert "install -qq -y --no-install-recommends mda-lv2" in log.read_text().splitlines()
    assert done.stderr == "plugins: installed mda-lv2\n"


def test_an_old_list_of_packages_is_renewed_once(tools: Path) -> None:
    fake(tools, "sudo", 'shift; exec "$@"')
    fake(
        tools,
        "apt-get",
        f'if [ "$1" = update ]; then : > {tools}/fresh; else [ -e {tools}/fresh ] && : > {tools}/mda; fi',
    )
    assert run(tools).returncode == 0


def test_without_root_the_command_is_said(tools: Path) -> None:
    fake(tools, "sudo", "exit 1")
    done = run(tools)
    assert done.returncode == 1
    assert "not installed: mda-lv2. This needs root: sudo apt install --no-install-recommends mda-lv2" in done.stderr


def test_a_package_that_cannot_be_had_is_named(tools: Path) -> None:
    fake(tools, "sudo", 'shift; exec "$@"')
    fake(tools, "apt-get", "exit 0")
    done = run(tools)
    assert done.returncode == 1
    assert "could not be installed: mda-lv2" in done.stderr


def test_another_system_is_told_what_to_look_for(tools: Path) -> None:
    (tools / "dpkg-query").unlink()
    done = run(tools)
    assert done.returncode == 1
    assert "no Debian or Ubuntu" in done.stderr
    assert "mda-lv2" in done.stderr
