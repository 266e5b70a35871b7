"""In continuous integration nothing skips in silence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT


def _run(folder: Path, body: str, ci: str) -> int:
    shutil.copy(ROOT / "tests" / "conftest.py", folder)
    (folder / "test_one.py").write_text(f"import pytest\n{body}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    environment = {**os.environ, "CI": ci}
    return subprocess.run(command, check=False, capture_output=True, cwd=folder, env=environment).returncode


@pytest.mark.parametrize(
    ("body", "ci", "code"),
    [
        ("def test_it(): pytest.skip('no database here')", "true", 1),
        ("def test_it(): pytest.skip('no database here')", "", 0),
        ("def test_it(): pytest.skip('no corpus of real MIDI beside the checkout')", "true", 0),
        ("@pytest.mark.skipif(True, reason='no broker')\ndef test_it(): pass", "true", 1),
        ("pytest.importorskip('no_such_library')\ndef test_it(): pass", "true", 2),
        ("@pytest.mark.xfail(strict=True)\ndef test_it(): assert False", "true", 0),
    ],
)
def test_a_skip_for_want_of_something_fails_in_ci(tmp_path: Path, body: str, ci: str, code: int) -> None:
    assert _run(tmp_path, body, ci) == code
