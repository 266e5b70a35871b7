"""The image: what its Dockerfile copies is enough to build the wheel, data included, and nothing more is sent to it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.support.deploying import DEPLOY, ROOT


def _copied() -> list[str]:
    text = (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8")
    lines = re.findall(r"^COPY (?!--)(.*) \S+$", text, flags=re.MULTILINE)
    return [word.rstrip("/") for line in lines for word in line.split()]


def test_what_the_dockerfile_copies_builds_the_wheel(tmp_path: Path) -> None:
    for name in _copied():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "out")]
    subprocess.run(build, check=True, cwd=tmp_path, capture_output=True, timeout=240)
    names = zipfile.ZipFile(next((tmp_path / "out").glob("*.whl"))).namelist()
    assert "farm/_migrations/env.py" in names
    assert any(name.startswith("farm/_presets/") for name in names)
    assert "workers/app.py" in names


def test_only_what_is_copied_is_sent_to_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == set(_copied())
