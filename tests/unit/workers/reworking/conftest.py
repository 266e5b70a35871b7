from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from schemas.plan import OutputPlan
from tests.support.datasets import PLAN, make_dataset
from tests.support.slakh_tracks import write_release


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of one song: 22.05 kHz, stereo, 24-bit FLAC, with JAMS. It is only read."""
    plan = PLAN.model_copy(update={"output": OutputPlan(rate_hz=22050, jams=True)})
    return make_dataset(tmp_path_factory.mktemp("published"), plan=plan)


@pytest.fixture
def dataset(published: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(published, tmp_path / "dataset"))


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of two songs: 16 kHz, mono. It is only read."""
    return make_dataset(tmp_path_factory.mktemp("pair"), tracks=2)


@pytest.fixture
def musicgen(tmp_path: Path) -> Path:
    """A dataset of one song in the layout musicgen, which has no `metadata.yaml`."""
    plan = PLAN.model_copy(update={"output": OutputPlan(rate_hz=16000, channels=1, layout="musicgen")})
    return make_dataset(tmp_path / "musicgen", plan=plan)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Three tracks in two splits as Slakh publishes them, of another maker."""
    return write_release(tmp_path / "release")
