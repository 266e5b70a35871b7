"""`farm presets` and `farm index`: what they print."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support.datasets import make_dataset
from tests.unit.farm.cli.conftest import Call


def test_presets_are_listed_with_what_they_make(call: Call) -> None:
    answer = call("presets")
    assert answer.code == 0
    assert all(name in answer.out for name in ("babyslakh", "flakh", "slakh", "16 kHz"))
    assert [preset["name"] for preset in call("presets", "--json").json] == ["babyslakh", "flakh", "slakh"]


def test_one_preset_is_printed_as_a_plan_to_begin_with(call: Call) -> None:
    assert yaml.safe_load(call("presets", "babyslakh").out)["limit"] == 20
    assert call("presets", "babyslakh", "--json").json["plan"]["limit"] == 20


def test_an_unknown_preset_is_an_error_that_names_the_nearest(call: Call) -> None:
    answer = call("presets", "slak")
    assert (answer.code, answer.err) == (2, "farm: there is no preset `slak`. Did you mean `slakh`?\n")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("index"))


def test_an_index_says_where_it_is_and_what_mirdata_needs_to_know(call: Call, dataset: Path, tmp_path: Path) -> None:
    said = call("index", "mirdata", dataset, "--out", tmp_path, "--json").json
    assert said["data_home"] == str(dataset.parent)
    assert said["indexes"] == [
        {"version": "baby", "path": str(tmp_path / "slakh_index_baby.json"), "stems": 4, "songs": 1}
    ]
    assert "in no split" in said["not_written"]


def test_by_itself_it_lies_in_the_dataset_which_stays_whole(call: Call, dataset: Path) -> None:
    answer = call("index", "mirdata", dataset)
    assert answer.code == 0
    assert "version baby, 1 song, 4 stems" in answer.out
    assert (dataset / "slakh_index_baby.json").is_file()
    first = (dataset / "slakh_index_baby.json").read_bytes()
    call("index", "mirdata", dataset)
    assert (dataset / "slakh_index_baby.json").read_bytes() == first


@pytest.mark.parametrize(
    ("arguments", "message"), [(("mirdata", "."), "no dataset"), (("nussl", "."), "One of: mirdata")]
)
def test_what_cannot_be_indexed_is_an_error(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = call("index", *arguments)
    assert answer.code != 0
    assert message in answer.err
