"""Recipes are found by name and by path, in a plan and on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.planning.plans import build_plan, load_plan
from farm.planning.submixes import known_recipes, read_recipe
from schemas.errors import PlanError

#: As Slakh's own recipe files are written.
FILE = """Mixing key: "program_num"
Recipes:
  Favorite Piano Sounds:
    - 0
    - 1
  Drums:
    - 128
"""


def test_a_recipe_file_in_slakhs_form_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "my_pianos.yaml").write_text(FILE)
    recipe = read_recipe(str(tmp_path / "my_pianos.yaml"))
    assert (recipe.name, recipe.key) == ("my_pianos", "program_num")
    assert recipe.groups == {"Favorite Piano Sounds": [0, 1], "Drums": [128]}


@pytest.mark.parametrize("name", known_recipes())
def test_the_recipes_of_the_farm_can_be_read(name: str) -> None:
    assert read_recipe(name).groups


def test_a_plan_names_recipes_by_name_and_by_path_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(FILE)
    (tmp_path / "plan.yaml").write_text("source: songs\noutput:\n  submixes: [band, mine.yaml]\n")
    plan = load_plan(tmp_path / "plan.yaml")
    assert [recipe.name for recipe in plan.output.submixes] == ["band", "mine"]
    assert plan.plan_hash != build_plan({"source": "songs"}).plan_hash


def test_what_becomes_of_the_file_later_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(FILE)
    plan = build_plan({"source": "songs", "output": {"submixes": ["mine.yaml"]}}, folder=tmp_path)
    (tmp_path / "mine.yaml").unlink()
    assert type(plan).model_validate_json(plan.model_dump_json()) == plan


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Mixing key: [", "is not YAML"),
        ("- 1", "holds no keys"),
        ("Mixing key: program_num", "it has no `Recipes`"),
        ("Mixing key: program_num\nRecipes: {A: [1], B: [1]}", "the value 1 is used more than once"),
        ("Mixing key: program_num\nRecipes: {residuals: [1]}", "name of what is left over"),
    ],
)
def test_a_malformed_recipe_is_an_error_that_names_file_and_fault(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(PlanError, match=words) as caught:
        read_recipe(str(path))
    assert "bad.yaml" in caught.value.message
    assert caught.value.hint


def test_an_unknown_recipe_names_those_there_are() -> None:
    with pytest.raises(PlanError, match="there is no recipe nothing") as caught:
        read_recipe("nothing")
    assert "band, musdb" in caught.value.hint
