"""Presets of mixes are found by name and by path, and what the plan says itself wins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from farm.planning.mixes import mix_names
from farm.planning.plans import build_plan, load_plan
from schemas.drawn import bounds_of
from schemas.errors import PlanError
from schemas.genre import EFFECTS
from schemas.plan import DatasetPlan

PLAIN = build_plan({"source": "songs"})


def plan(mix: Any, **values: Any) -> DatasetPlan:
    return build_plan({"source": "songs", "mix": mix, **values})


#: Presets for songs of any origin; the others are for composed ones.
ANY = ["band", "random", "slakh", "wide"]


def test_the_farm_has_six_mixes() -> None:
    assert mix_names() == ["band", "composed", "composed-dry", "random", "slakh", "wide"]


@pytest.mark.parametrize("name", ANY)
def test_a_preset_is_a_mix_of_its_own_and_one_beside_another(name: str) -> None:
    made = plan({"preset": name, "others": [{"name": "a", "preset": name}]})
    assert made.mix.preset is None
    assert made.mix.roles == made.mix.others[0].roles
    assert DatasetPlan.model_validate_json(made.model_dump_json()) == made


def test_slakhs_mix_is_the_default_and_the_others_are_not() -> None:
    assert plan({"preset": "slakh"}).plan_hash == PLAIN.plan_hash
    hashes = {plan({"preset": name}).plan_hash for name in ANY}
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
        ({"preset": "loud"}, {}, "The farm's own are band, composed, composed-dry, random, slakh, wide"),
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


def composed(**values: Any) -> DatasetPlan:
    return build_plan({"compose": {"genres": ["jazz", "latin"]}, **values})


def test_composed_songs_are_mixed_by_their_layers_where_the_plan_names_no_mix() -> None:
    usual = composed()
    assert usual.mix == composed(mix={"preset": "composed"}).mix
    assert usual.mix.loudness_lufs == -16
    assert usual.mix.every_effect
    assert all(effect.source for effect in usual.mix.every_effect)
    assert DatasetPlan.model_validate_json(usual.model_dump_json()).plan_hash == usual.plan_hash
    assert composed(mix={"preset": "slakh"}).mix == PLAIN.mix


def test_what_a_plan_says_of_the_mix_of_composed_songs_wins() -> None:
    assert composed(mix={"loudness_lufs": -20}).mix.loudness_lufs == -20
    assert composed(mix={"loudness_lufs": -20}).mix.roles == composed().mix.roles
    assert composed(mix={"roles": []}).mix.roles == []


def test_nothing_of_the_usual_mix_is_where_it_cannot_be() -> None:
    mono = composed(output={"channels": 1}).mix
    assert mono.every_effect
    assert not any(role.pans for role in mono.roles)
    assert composed(output={"parts": "midi"}).mix == PLAIN.mix
    assert composed(mix={"made_of": "song"}).mix.roles == []


def test_the_dry_mix_of_composed_songs_is_the_usual_one_without_effects() -> None:
    dry = composed(mix={"preset": "composed-dry"}).mix
    bare = [role.model_copy(update={"effects": []}) for role in composed().mix.roles]
    assert dry == composed().mix.model_copy(update={"roles": bare})


def test_levels_of_layers_are_never_more_than_15_db_apart_whatever_is_drawn() -> None:
    bounds = [bounds_of(role.gain_db) for role in composed().mix.roles]
    assert max(high for _, high in bounds) - min(low for low, _ in bounds) <= 15


def test_effects_of_the_usual_mix_are_those_that_genres_know() -> None:
    effects = composed().mix.every_effect
    assert {effect.effect for effect in effects} == set(EFFECTS)
    assert all(effect.by_genre for effect in effects)


def test_a_mix_beside_the_own_takes_levels_and_places_of_the_usual_one() -> None:
    other = composed(mix={"preset": "slakh", "others": [{"name": "a", "preset": "composed"}]}).mix.others[0]
    assert other.roles == composed(mix={"preset": "composed-dry"}).mix.roles


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"source": "songs", "mix": {"roles": [{"match": {"layers": "beat"}}]}}, "only composed songs have layers"),
        (
            {"compose": {"genres": ["jazz"]}, "mix": {"roles": [{"match": {"layers": "baseline"}}]}},
            "did you mean 'bassline'",
        ),
        (
            {"compose": {"genres": ["jazz"]}, "mix": {"roles": [{"match": {"layers": "zither"}}]}},
            "they are beat, melody",
        ),
    ],
)
def test_layers_that_no_song_has_are_refused_by_name(values: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        build_plan(values)


def test_every_layer_of_the_plans_genres_and_every_role_may_be_named() -> None:
    named = [{"match": {"layers": name}} for name in ("brass", "beat", "bassline")]
    assert composed(mix={"roles": named}).mix.roles
