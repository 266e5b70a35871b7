from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.datasets import make_dataset


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("good"))


@pytest.fixture
def dataset(good: Path, tmp_path: Path) -> Path:
    """A copy of the good dataset, to be damaged."""
    return Path(shutil.copytree(good, tmp_path / "dataset"))
