"""Presets of mixes are found by name and by path, and what the plan says itself wins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from farm.planning.mixes import mix_names
from farm.planning.plans import build_plan, load_plan
from schemas.errors import PlanError
from schemas.plan import DatasetPlan

PLAIN = build_plan({"source": "songs"})


def plan(mix: Any, **values: Any) -> DatasetPlan:
    return build_plan({"source": "songs", "mix": mix, **values})


def test_the_farm_has_four_mixes() -> None:
    assert mix_names() == ["band", "random", "slakh", "wide"]


@pytest.mark.parametrize("name", mix_names())
def test_a_preset_is_a_mix_of_its_own_and_one_beside_another(name: str) -> None:
    made = plan({"preset": name, "others": [{"name": "a", "preset": name}]})
    assert made.mix.preset is None
    assert made.mix.roles == made.mix.others[0].roles
    assert DatasetPlan.model_validate_json(made.model_dump_json()) == made


def test_slakhs_mix_is_the_default_and_the_others_are_not() -> None:
    assert plan({"preset": "slakh"}).plan_hash == PLAIN.plan_hash
    hashes = {plan({"preset": name}).plan_hash for name in mix_names()}
    assert len(hashes) == 4
    assert plan({"others": [{"name": "a"}]}).plan_hash != PLAIN.plan_hash


def test_a_file_beside_the_plan_is_a_preset_and_the_plan_wins(tmp_path: Path) -> None:
    (tmp_path / "soft.yaml").write_text("stem_lufs: -20\nroles: [{gain_db: -3}]\n")
    (tmp_path / "plan.yaml").write_text(
        "source: songs\nmix:\n  preset: soft.yaml\n  stem_lufs: -18\n  others:\n    - {name: a, preset: soft.yaml, stems: true}\n"
    )
    mix = load_plan(tmp_path / "plan.yaml").mix
    assert (mix.stem_lufs, mix.roles[0].gain_db) == (-18.0, -3.0)
    other = mix.of(mix.others[0])
    assert (other.stem_lufs, other.ceiling_db, other.roles) == (-20.0, -1.0, mix.roles)


@pytest.mark.parametrize(
    ("mix", "values", "words"),
    [
        ({"preset": "bnad"}, {}, "no mix `bnad`. Did you mean `band`"),
        ({"preset": "loud"}, {}, "The farm's own are band, random, slakh, wide"),
        ({"preset": "none.yaml"}, {}, "cannot read the mix"),
        ({"others": [{"name": "a", "preset": "bnad"}]}, {}, "no mix `bnad`"),
        ({"roles": [{"gain": 1}]}, {}, "unknown key `mix.roles.0.gain`. Did you mean `mix.roles.0.gain_db`"),
        ({"roles": [{"pan": 0.1}]}, {"output": {"channels": 1}}, "mono has no left and right"),
        ({"others": [{"name": "a", "preset": "wide"}]}, {"output": {"channels": 1}}, "mono has no left and right"),
        ({"roles": [{"match": {"groups": "Bass"}}]}, {}, "and the plan has no map"),
        (
            {"roles": [{"match": {"groups": "Electric Bas"}}]},
            {"instruments": {"map": "gm-strict"}},
            "did you mean 'Electric Bass'",
        ),
        ({"others": [{"name": "mix"}]}, {}, "the song's own mix"),
        ({"others": [{"name": "../a"}]}, {}, "should match pattern"),
        ({"others": [{"name": "a"}, {"name": "a"}]}, {}, "two of the other mixes are called a"),
        ({"made_of": "song", "roles": [{"gain_db": 1}]}, {}, "where stems have no roles"),
    ],
)
def test_what_cannot_be_mixed_is_refused_by_name(mix: Any, values: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        plan(mix, **values)


def test_gains_alone_may_be_mono_and_groups_of_the_map_may_be_named() -> None:
    assert plan({"roles": [{"gain_db": 1}]}, output={"channels": 1}).mix.roles
    assert plan({"roles": [{"match": {"groups": "Electric Bass"}}]}, instruments={"map": "gm-strict"}).mix.roles


def test_a_preset_has_keys_of_a_mix_alone(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("roles: []\nbits: 16\n")
    with pytest.raises(PlanError, match="has the key `bits`"):
        build_plan({"source": "songs", "mix": {"preset": "bad.yaml"}}, folder=tmp_path)
