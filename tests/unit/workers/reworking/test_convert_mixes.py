"""Other mixes of a song are converted with it: exact where they were exact, and as true as they were."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from farm.planning.plans import build_plan
from schemas.convert import ConvertOrder, SubmixOrder
from schemas.submix import SubmixRecipe
from tests.support.datasets import make_dataset, read_annotation
from workers.audio.files import read_audio, read_info
from workers.reworking.run import convert_dataset
from workers.reworking.submix import submix_dataset
from workers.verifying import verify_dataset

TRACK = "Track00001"
FORMS: list[dict[str, Any]] = [
    {"format": "wav"},
    {"format": "wav", "bits": 32},
    {"bits": 24},
    {"rate_hz": 8000},
    {"mono": True},
    {"format": "wav", "bits": 16, "rate_hz": 22050, "mono": True},
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    others = [
        {"name": "wide", "preset": "wide"},
        {"name": "flat", "stem_lufs": -20},
        {"name": "any", "preset": "random", "stems": True, "ceiling_db": -6},
    ]
    mix = {"preset": "band", "others": others}
    plan = build_plan({"source": "songs", "mix": mix, "output": {"rate_hz": 16000, "bits": 16}})
    return make_dataset(tmp_path_factory.mktemp("mixed"), plan=plan)


def convert(source: Path, target: Path, **wanted: Any) -> None:
    convert_dataset(ConvertOrder(source=str(source), target=str(target), **wanted), lambda done, tracks: None)


@pytest.mark.parametrize("wanted", FORMS, ids=lambda form: "-".join(map(str, form.values())))
def test_a_converted_dataset_is_as_it_claims_with_all_its_mixes(made: Path, tmp_path: Path, wanted: Any) -> None:
    convert(made, tmp_path / "new", **wanted)
    assert verify_dataset(tmp_path / "new", processes=1).findings == []
    song = read_annotation(tmp_path / "new")
    form = song.conversions[-1]
    for mix in song.mixes:
        files = [mix.audio, *(stem.audio for stem in mix.stems if stem.audio is not None)]
        assert all(
            read_info(tmp_path / "new" / TRACK / file)[1:] == (form.rate_hz, form.channels, form.bits) for file in files
        )
        assert all(len(stem.relative) == form.channels for stem in mix.stems)
    assert not list((tmp_path / "new").rglob("*.part"))


def test_stems_of_another_mix_sum_to_it_exactly_in_its_new_form(made: Path, tmp_path: Path) -> None:
    convert(made, tmp_path / "new", rate_hz=8000)
    other = read_annotation(tmp_path / "new").mixes[2]
    stems = [read_audio(tmp_path / "new" / TRACK / str(stem.audio)) for stem in other.stems]
    np.testing.assert_array_equal(
        read_audio(tmp_path / "new" / TRACK / other.audio), np.sum(stems, axis=0, dtype=np.int64)
    )


def test_in_mono_a_factor_is_left_where_both_sides_had_the_same(made: Path, tmp_path: Path) -> None:
    convert(made, tmp_path / "new", mono=True)
    before, after = read_annotation(made), read_annotation(tmp_path / "new")
    for old, new in zip(before.mixes, after.mixes, strict=True):
        for was, now in zip(old.stems, new.stems, strict=True):
            assert now.relative == ([was.relative[0]] if was.relative[0] == was.relative[1] else [None])
    factors = [stem.relative[0] for mix in after.mixes for stem in mix.stems]
    assert any(factor is None for factor in factors)
    assert any(factor is not None for factor in factors)


def test_stems_that_stand_in_one_place_in_both_mixes_are_checked_in_mono_too(tmp_path: Path) -> None:
    roles = [{"gain_db": {"uniform": [-6, 6]}, "pan": 0.3}]
    mix = {"roles": roles, "others": [{"name": "same", "roles": roles, "stem_lufs": -21}]}
    plan = build_plan({"source": "songs", "mix": mix, "output": {"rate_hz": 16000}})
    convert(make_dataset(tmp_path, plan=plan), tmp_path / "new", mono=True)
    assert verify_dataset(tmp_path / "new", processes=1).findings == []


def test_submixes_made_later_leave_other_mixes_as_they_are(made: Path, tmp_path: Path) -> None:
    dataset = Path(shutil.copytree(made, tmp_path / "dataset"))
    recipe = SubmixRecipe(name="low", key="program_num", groups={"Bass": [33]})
    submix_dataset(SubmixOrder(folder=str(dataset), recipes=[recipe]), lambda done, tracks: None)
    assert read_annotation(dataset).mixes == read_annotation(made).mixes
    assert verify_dataset(dataset, processes=1).findings == []
    convert(dataset, tmp_path / "new", rate_hz=8000)
    assert verify_dataset(tmp_path / "new", processes=1).findings == []
