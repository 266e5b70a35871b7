"""Files that people write: what YAML would drop in silence is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.planning.submixes import read_recipe
from farm.planning.yamlfile import read_keys
from schemas.errors import PlanError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: 1\nname: a\nseed: 2\n", "the key `seed` stands twice, in lines 1 and 3"),
        ("filters:\n  min_parts: 1\n  min_parts: 2\n", "the key `min_parts` stands twice, in lines 2 and 3"),
        ("groups:\n  - name: A\n    programs: [1]\n    programs: [2]\n", "the key `programs` stands twice"),
        ("filters: {min_parts: 1, min_parts: 2}\n", "the key `min_parts` stands twice, in lines 1 and 1"),
    ],
)
def test_a_key_that_stands_twice_is_named_with_its_lines(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(PlanError, match=said) as caught:
        read_keys(path, "plan", hint="")
    assert str(path) in caught.value.message


def test_a_file_that_is_not_there_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(PlanError) as caught:
        read_keys(tmp_path / "gone.yaml", "band", hint="")
    assert caught.value.message == f"cannot read the band {tmp_path}/gone.yaml: No such file or directory"


def test_a_recipe_with_a_group_twice_is_refused_though_each_value_is_used_once(tmp_path: Path) -> None:
    (tmp_path / "twice.yaml").write_text("Mixing key: program_num\nRecipes:\n  A: [1]\n  A: [2]\n")
    with pytest.raises(PlanError, match="the key `A` stands twice"):
        read_recipe(str(tmp_path / "twice.yaml"))


def test_one_key_in_several_mappings_and_merged_ones_are_read(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("a: &base {x: 1, y: 2}\nb: {<<: *base, x: 3}\n1: one\n'1': text\n")
    assert read_keys(path, "plan", hint="") == {"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 2}, 1: "one", "1": "text"}
