from __future__ import annotations

from pathlib import Path

import pytest

from schemas.plan import OutputPlan
from tests.support.datasets import PLAN, make_dataset


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two songs of flute, bass, organ and drums: mono FLAC at 16 kHz."""
    plan = PLAN.model_copy(update={"output": OutputPlan(rate_hz=16000, channels=1, bits=16)})
    return make_dataset(tmp_path_factory.mktemp("crops"), tracks=2, plan=plan)
