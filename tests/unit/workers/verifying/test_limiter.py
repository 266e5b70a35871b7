"""A mix that was brought to a loudness is checked: the limiter's record, the gains, and what the files hold."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from farm.planning.plans import build_plan
from schemas.plan import DatasetPlan
from tests.support.damage import edit_annotation, found
from tests.support.datasets import make_dataset, read_annotation
from workers.verifying import Code, verify_dataset

WRONG = ("annotation.json", Code.GAIN_WRONG.value)


def planned(loudness_lufs: float | None = -6.0, **output: Any) -> DatasetPlan:
    mix = {"loudness_lufs": loudness_lufs, "roles": [{"gain_db": -2, "pan": 0.2}], "others": [{"name": "flat"}]}
    return build_plan({"name": "test", "source": "songs", "mix": mix, "output": {"rate_hz": 16000, **output}})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("loud"), plan=planned())


@pytest.fixture
def dataset(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "dataset"))


def test_it_is_as_it_claims_and_something_was_limited(made: Path) -> None:
    assert verify_dataset(made, processes=1).findings == []
    limiter = read_annotation(made).mix.limiter
    assert limiter is not None
    assert limiter.least_gain_db < -1


def test_it_is_as_it_claims_in_whole_numbers_of_16_bits_and_below_the_ceiling(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, plan=planned(-20.0, bits=16))
    assert verify_dataset(dataset, processes=1).findings == []


def forget(song: dict[str, Any]) -> None:
    del song["mix"]["limiter"]


def deeper(song: dict[str, Any]) -> None:
    song["mix"]["limiter"]["least_gain_db"] = -11.0


def longer(song: dict[str, Any]) -> None:
    song["mix"]["limiter"]["limited_s"] += 1.0


def elsewhere(song: dict[str, Any]) -> None:
    song["mix"]["limiter"]["stretches"][-1]["start_s"] = 1000.0


@pytest.mark.parametrize("change", [forget, deeper, longer, elsewhere])
def test_a_record_that_does_not_add_up_is_found(dataset: Path, change: Any) -> None:
    edit_annotation(dataset, change, plan=planned())
    assert WRONG in found(verify_dataset(dataset, fast=True, processes=1))


def test_another_loudness_than_the_plans_is_found(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, plan=planned(-20.0))
    edit_annotation(dataset, lambda song: song["mix"].update(loudness_lufs=-18.0), plan=planned(-20.0))
    assert WRONG in found(verify_dataset(dataset, fast=True, processes=1))
