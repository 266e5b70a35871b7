"""Slakh's config: 22 keys, each read with its type, and every mistake named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from farm.planning.slakh.config import KEYS, read_config
from schemas.errors import PlanError
from tests.support.slakh import config


def _written(folder: Path, **changes: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(config(**changes)))
    return path


def test_there_are_22_keys_and_all_are_read(tmp_path: Path) -> None:
    values = config(random_seed=7, max_num_files=3, mix_target_peak=-2.5, midi_file_list="some.txt")
    assert sorted(values) == sorted(KEYS)
    assert len(KEYS) == 22
    read = read_config(_written(tmp_path, **values))
    assert read.config.model_dump() == values
    assert (read.missing, read.unknown) == ((), ())


def test_missing_and_unknown_keys_are_named(tmp_path: Path) -> None:
    read = read_config(_written(tmp_path, separate_drums=..., seperate_drums=True, zzz=1))
    assert read.missing == ("separate_drums",)
    assert read.unknown == ("seperate_drums", "zzz")
    assert [read.nearest(key) for key in read.unknown] == ["separate_drums", None]


def test_true_may_be_a_word_as_the_readme_of_slakh_has_it(tmp_path: Path) -> None:
    assert read_config(_written(tmp_path, rerender_existing="true")).config.rerender_existing is True


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"max_num_files": 0}, "`max_num_files` is 0"),
        ({"random_seed": "many"}, "`random_seed` is 'many'"),
        ({"renderman_sr": 44000}, "`renderman_sr` is 44000: no such sample rate is made; 16000, 22050"),
        ({"mix_normalization_factor": 3.0}, "`mix_normalization_factor` is 3.0"),
        ({"lmd_base_dir": 4, "max_num_files": -1}, "(and 1 more)"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_key(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(PlanError) as caught:
        read_config(_written(tmp_path, **changes))
    assert said in caught.value.message
    assert str(tmp_path) in caught.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "it holds no object"),
        ('{"a": 1}', "has none of Slakh's keys"),
        ('{"random_seed": 1, "random_seed": 2}', "the key 'random_seed' stands twice"),
        ("\udcff", "is not JSON"),
    ],
)
def test_a_file_that_is_no_config_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(PlanError, match=said):
        read_config(path)


def test_a_config_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        PlanError, match=r"cannot read the config .*gone\.json.* with which slakh-generation was started"
    ):
        read_config(tmp_path / "gone.json")
