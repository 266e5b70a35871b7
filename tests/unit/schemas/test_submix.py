"""Recipes in Slakh's form: read unchanged, each stem in one group, and what is wrong is said in plain words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.plan import OutputPlan
from schemas.submix import RESIDUALS, SubmixRecipe

BAND = {
    "name": "band",
    "Mixing key": "program_num",
    "Recipes": {"Piano": [0, 1], "Synth Bass": [38, 39], "Drums": [128], "Nobody": []},
}


def recipe(**changes: Any) -> SubmixRecipe:
    return SubmixRecipe.model_validate({**BAND, **changes})


def test_every_stem_is_in_one_group_and_the_rest_is_residual() -> None:
    found = recipe().partition({"S00": 1, "S01": 128, "S03": 38, "S04": 99, "S05": 39, "S06": None})
    assert found == {
        "piano": ["S00"],
        "synth_bass": ["S03", "S05"],
        "drums": ["S01"],
        "nobody": [],
        RESIDUALS: ["S04", "S06"],
    }


def test_true_is_not_one() -> None:
    by_drums = recipe(**{"Mixing key": "is_drum", "Recipes": {"Drums": [True]}})
    assert by_drums.partition({"S00": True, "S01": 1, "S02": False})["drums"] == ["S00"]
    assert recipe().partition({"S00": True})[RESIDUALS] == ["S00"]


def test_files_are_called_as_slakh_calls_them() -> None:
    assert recipe(name="My Pianos").audio("synth_bass", "wav") == "submixes/my_pianos/synth_bass.wav"


def test_a_recipe_written_out_is_the_same_as_its_file() -> None:
    assert SubmixRecipe.model_validate_json(recipe().model_dump_json()) == recipe()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Recipes": {"A": [1], "B": [2, 1]}}, r"the value 1 is used more than once \(in A, B\)"),
        ({"Recipes": {"A": [1, 1]}}, "the value 1 is used more than once"),
        ({"Recipes": {"Residuals": [1]}}, "the name of what is left over"),
        ({"Recipes": {"Synth Bass": [1], "synth bass": [2]}}, "would be one file, synth_bass"),
        ({"Recipes": {"../out": [1]}}, "cannot be called '../out'"),
        ({"Recipes": {"a/b": [1]}}, "cannot be called 'a/b'"),
        ({"Recipes": {7: [1]}}, "the group 7 is no text"),
        ({"Recipes": {"A": 1}}, "must be a list of values"),
        ({"Recipes": {"A": [[1]]}}, "must be a list of values"),
        ({"Recipes": {}}, "at least one group"),
        ({"Recipes": ["A"]}, "at least one group"),
        ({"Mixing key": 3}, "must be a key of a stem's metadata"),
        ({"Mixing": "program_num"}, "it has the key `Mixing`"),
        ({"name": "../band"}, "cannot be called '../band'"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[Any, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        recipe(**changes)


@pytest.mark.parametrize("missing", ["Mixing key", "Recipes"])
def test_a_missing_word_is_named(missing: str) -> None:
    with pytest.raises(ValidationError, match=f"it has no `{missing}`"):
        SubmixRecipe.model_validate({key: value for key, value in BAND.items() if key != missing})


def test_a_plan_takes_only_keys_that_are_known_before_a_song_is_published() -> None:
    with pytest.raises(ValidationError, match=r"'band' mixes by 'midi_saved'; known are inst_class"):
        OutputPlan(submixes=[recipe(**{"Mixing key": "midi_saved"})])
    with pytest.raises(ValidationError, match="two recipes would have the folder 'band'"):
        OutputPlan(submixes=[recipe(), recipe(name="Band")])
