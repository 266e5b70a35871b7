"""Dither in a whole run: the same bytes with any slots, verified; and by conversion afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.support.farms import DEMO, farm, farm_json, published
from workers.audio.files import read_audio


def run(home: Path, name: str, slots: int, **output: Any) -> Path:
    mix = {"preset": "band", "others": [{"name": "wide", "preset": "wide"}]}
    plan = {"source": "source", "seed": 3, "mix": mix, "output": {"rate_hz": 16000, **output}}
    (home / f"{name}.yaml").write_text(yaml.safe_dump(plan))
    farm_json("run", home / f"{name}.yaml", "--out", home / name, "--slots", slots)
    return home / name


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dither")
    (folder / "source").mkdir()
    shutil.copy(DEMO / "greensleeves.mid", folder / "source")
    return folder


@pytest.fixture(scope="module")
def made(home: Path) -> Path:
    return run(home, "made", 2, bits=16, dither=True)


def test_any_number_of_slots_makes_the_same_bytes(home: Path, made: Path) -> None:
    assert published(run(home, "again", 1, bits=16, dither=True)) == published(made)


def test_it_is_as_it_claims_and_says_that_it_was_dithered(made: Path) -> None:
    done = farm("verify", made)
    assert done.returncode == 0, done.stdout
    track = made / "Track00001"
    assert yaml.safe_load((track / "metadata.yaml").read_text())["stemfarm"]["dither"] is True
    stems = [read_audio(path) for path in sorted((track / "stems").iterdir())]
    np.testing.assert_array_equal(np.sum(stems, axis=0, dtype=np.int64), read_audio(track / "mix.flac"))


def test_a_dataset_of_24_bits_is_dithered_by_conversion(home: Path) -> None:
    source = run(home, "wide", 2)
    done = farm("convert", source, home / "converted", "--bits", 16, "--dither", "--jobs", 2)
    assert done.returncode == 0, done.stderr
    done = farm("verify", home / "converted")
    assert done.returncode == 0, done.stdout
    refused = farm("convert", source, home / "none", "--format", "wav", "--dither")
    assert refused.returncode == 2
    assert "--bits 16" in refused.stderr
