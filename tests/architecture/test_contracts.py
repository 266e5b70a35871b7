"""The import contracts of pyproject.toml hold, and each of them notices when it is broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
PACKAGES = ("farm", "workers", "schemas")


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-P", "-c", LINT]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=folder, env=environment, timeout=240
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The three packages and their contracts, to be broken."""
    ignore = shutil.ignore_patterns("__pycache__", "_presets", "_migrations")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_run_down() -> None:
    done = _lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("package", "statement", "contract"),
    [
        ("farm/planning", "import workers.midi", "the control plane never imports the data plane"),
        ("schemas", "import numpy", "the shared vocabulary stays light"),
        ("schemas", "import farm.config", "planes stand on the shared vocabulary"),
        ("farm/ledger", "import farm.scheduling", "inside the control plane, imports run down"),
        ("farm/scheduling", "import numpy", "the control plane touches neither audio nor MIDI"),
        ("workers/engines", "import workers.mixing", "inside the data plane, imports run down"),
        ("workers/mixing", "import farm.ledger", "only the top of the data plane opens the ledger"),
        ("workers/tasks", "import farm.planning", "workers know the ledger, and nothing else of the control plane"),
        ("workers/tasks", "import farm.config", "workers take no settings of the control plane"),
        ("farm", "import schemas.base", "inside the control plane, imports run down"),
    ],
)
def test_a_broken_contract_is_named(copy: Path, package: str, statement: str, contract: str) -> None:
    # A new module at the top of a package breaks the exhaustive layers, elsewhere its import breaks the contract.
    (copy / package / "newcomer.py").write_text(f"{statement}\n", encoding="utf-8")
    done = _lint(copy)
    assert done.returncode != 0
    assert f"{contract} BROKEN" in " ".join(done.stdout.split()), done.stdout
