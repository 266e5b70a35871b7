"""The wheel that would be installed: its top level, the data it carries, and that it owns its import names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

INSIDE = """
import importlib.metadata, json
from importlib.resources import files
import farm, workers, schemas
owners = importlib.metadata.packages_distributions()
print(json.dumps({
    "owners": {name: owners[name] for name in ("farm", "workers", "schemas")},
    "songs": sorted(p.name for p in (files("farm") / "_presets" / "demo").iterdir() if p.name.endswith(".mid")),
    "migrations": (files("farm") / "_migrations" / "env.py").is_file(),
    "commands": [e.value for e in importlib.metadata.distribution("stemfarm").entry_points],
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with what is installed: nothing is fetched."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, check=True, cwd=ROOT, capture_output=True, timeout=240)
    return next(folder.glob("*.whl"))


def test_top_level_is_the_three_packages_and_nothing_else(wheel: Path) -> None:
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"farm", "workers", "schemas"}


def test_nothing_that_tools_leave_behind_is_in_it(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".wav", ".flac"))] == []


def test_installed_it_owns_its_names_and_finds_its_data(wheel: Path, tmp_path: Path) -> None:
    site = str(tmp_path / "site")
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", site, str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=240)
    look = [sys.executable, "-P", "-c", INSIDE]
    environment = {**os.environ, "PYTHONPATH": site}
    found = subprocess.run(look, check=True, capture_output=True, text=True, cwd=tmp_path, env=environment)
    facts = json.loads(found.stdout)
    assert {name: set(owners) for name, owners in facts["owners"].items()} == {
        name: {"stemfarm"} for name in ("farm", "workers", "schemas")
    }
    assert len(facts["songs"]) >= 4
    assert facts["migrations"]
    assert facts["commands"] == ["farm.__main__:main"]
