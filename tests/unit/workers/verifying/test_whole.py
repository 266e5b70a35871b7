"""Datasets whose mix is a render of the whole song: what they claim is checked, and not what they do not claim."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.mixplan import MixPlan
from schemas.plan import DatasetPlan
from tests.support.damage import TRACK, edit_annotation, edit_audio, found
from tests.support.datasets import PLAN, make_dataset, read_annotation, reseal
from workers.audio.files import Block
from workers.verifying import Code, verify_dataset

FLAKH: DatasetPlan = PLAN.model_copy(update={"mix": MixPlan(made_of="song", gate_lufs=-30.0)})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("whole"), plan=FLAKH)


@pytest.fixture
def whole(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "dataset"))


def codes(dataset: Path) -> set[str]:
    return {code for _, code in found(verify_dataset(dataset, processes=1))}


def test_it_is_as_it_claims_though_the_stems_do_not_sum_to_the_mix(made: Path) -> None:
    mix = read_annotation(made).mix
    assert mix.is_sum is False
    assert mix.whole is not None
    assert mix.whole.difference_db is not None
    assert mix.whole.difference_db > -30.0
    assert verify_dataset(made, processes=1).findings == []


def test_metadata_says_that_the_mix_is_not_the_sum(made: Path) -> None:
    metadata = yaml.safe_load((made / TRACK / "metadata.yaml").read_text())
    assert metadata["stemfarm"]["mix"]["is_sum"] is False
    assert metadata["stemfarm"]["mix"]["whole"]["difference_db"] is not None


def test_a_mix_of_the_sum_says_that_it_is_one(good: Path) -> None:
    metadata = yaml.safe_load((good / TRACK / "metadata.yaml").read_text())
    assert metadata["stemfarm"]["mix"]["is_sum"] is True
    assert metadata["stemfarm"]["mix"]["whole"] is None


def test_another_difference_than_is_written_down_is_found(whole: Path) -> None:
    def lie(annotation: Any) -> None:
        annotation["mix"]["whole"]["difference_db"] += 0.5

    edit_annotation(whole, lie, plan=FLAKH)
    assert codes(whole) == {Code.DIFFERENCE_WRONG}


def test_a_stem_of_other_audio_is_found_by_the_difference(whole: Path) -> None:
    def reverse(block: Block) -> Block:
        return -block

    edit_audio(whole, "stems/S02.flac", reverse)
    reseal(whole, FLAKH)
    assert Code.DIFFERENCE_WRONG in codes(whole)


def test_a_mix_that_is_called_the_sum_is_found_out(whole: Path) -> None:
    def lie(annotation: Any) -> None:
        annotation["mix"]["is_sum"] = True

    edit_annotation(whole, lie, plan=FLAKH)
    assert {Code.ANNOTATION_DIFFERS, Code.NOT_THE_SUM} <= codes(whole)


def test_a_gain_of_the_mix_that_does_not_add_up_is_found(whole: Path) -> None:
    def lie(annotation: Any) -> None:
        annotation["mix"]["whole"]["gain_db"] += 1.0

    edit_annotation(whole, lie, plan=FLAKH)
    assert codes(whole) == {Code.GAIN_WRONG}
