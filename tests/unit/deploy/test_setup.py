"""Setting up a checkout: which Python is chosen, and what happens where it is not complete."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"


def _fake(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


def _find(path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", str(DEPLOY / "find-python")]
    variables = {"PATH": str(path), **environment}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=variables)


@pytest.fixture
def setup_module() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("make_venv", DEPLOY / "make_venv.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_python_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    _fake(tmp_path, "python3.12", "exit 127")
    _fake(tmp_path, "python3.11", f'exec "{sys.executable}" "$@"')
    done = _find(tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "python3.11")


def test_one_that_can_make_a_whole_environment_wins(tmp_path: Path) -> None:
    _fake(tmp_path, "python3.12", f'case "$2" in *ensurepip*) exit 1;; esac; exec "{sys.executable}" "$@"')
    _fake(tmp_path, "python3", f'exec "{sys.executable}" "$@"')
    assert _find(tmp_path).stdout.strip() == "python3"


def test_one_without_pip_still_serves(tmp_path: Path) -> None:
    _fake(tmp_path, "python3", f'case "$2" in *ensurepip*) exit 1;; esac; exec "{sys.executable}" "$@"')
    assert _find(tmp_path).stdout.strip() == "python3"


def test_without_a_python_the_command_that_installs_one_is_named(tmp_path: Path) -> None:
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python"):
        _fake(tmp_path, name, 'case "$1" in --version) echo Python 3.9.2; exit 0;; esac; exit 1')
    _fake(tmp_path, "uname", "echo Linux")
    done = _find(tmp_path)
    assert done.returncode == 1
    assert "3.11 or newer; here is Python 3.9.2" in done.stderr
    assert "apt install python3" in done.stderr


def test_the_python_that_a_person_names_is_taken_or_refused(tmp_path: Path) -> None:
    assert _find(tmp_path, PYTHON=sys.executable).stdout.strip() == sys.executable
    refused = _find(tmp_path, PYTHON="/bin/false")
    assert refused.returncode == 1
    assert "PYTHON=/bin/false" in refused.stderr


def test_a_pip_with_another_hash_is_refused(setup_module: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    link = f'<a href="../{setup_module.PIP_WHEEL}#sha256=x">pip</a>'.encode()
    monkeypatch.setattr(setup_module, "fetch", lambda url: link if url.endswith("/pip/") else b"something else")
    with pytest.raises(setup_module.SetupError, match="its SHA-256 is another"):
        setup_module.fetch_pip()


def test_a_pip_with_the_right_hash_is_taken(setup_module: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_module, "PIP_SHA256", hashlib.sha256(b"wheel").hexdigest())
    link = f'<a href="https://files/{setup_module.PIP_WHEEL}#sha256=x">pip</a>'.encode()
    monkeypatch.setattr(setup_module, "fetch", lambda url: link if url.endswith("/pip/") else b"wheel")
    assert setup_module.fetch_pip() == b"wheel"


def test_no_network_and_no_pip_name_the_package_to_install(
    setup_module: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(url: str) -> bytes:
        raise OSError("no route to host")

    monkeypatch.setattr(setup_module, "fetch", unreachable)
    with pytest.raises(setup_module.SetupError, match="sudo apt install python3-venv"):
        setup_module.fetch_pip()


def test_an_environment_that_does_not_run_is_made_anew(setup_module: types.ModuleType, tmp_path: Path) -> None:
    broken = tmp_path / "venv" / "bin"
    broken.mkdir(parents=True)
    (broken / "python").symlink_to(tmp_path / "gone")
    (tmp_path / "venv" / "left over").touch()
    python = setup_module.environment(tmp_path / "venv")
    assert setup_module.works(python)
    assert not (tmp_path / "venv" / "left over").exists()
    assert os.path.realpath(python) == os.path.realpath(getattr(sys, "_base_executable", sys.executable))
