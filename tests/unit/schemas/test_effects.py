"""Effects: which are in a chain, with which parameters, and what of them is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.effects import Effect, drawn_chain
from schemas.plan import DatasetPlan
from schemas.roles import MixRole, RoleMatch, StemKind, effects_of

BASS = StemKind("Bass", "", 33, False)


def reverb(**values: Any) -> Effect:
    return Effect(effect="reverb", source="process = _, _;", **values)


def test_a_chain_has_its_effects_in_order_with_the_numbers_that_are_written_down() -> None:
    chain = drawn_chain([reverb(parameters={"wet": 0.25}), Effect(effect="own", source="process = _, _;")], 1, "song")
    assert [(one.applied.effect, one.applied.parameters) for one in chain] == [("reverb", {"wet": 0.25}), ("own", {})]


def test_an_effect_is_in_as_many_chains_as_its_probability_says() -> None:
    found = sum(bool(drawn_chain([reverb(probability=0.3)], 1, song)) for song in range(2000))
    assert 520 < found < 680


def test_draws_depend_on_the_stem_and_lie_in_their_range() -> None:
    values = [
        drawn_chain([reverb(parameters={"wet": {"uniform": [0.1, 0.3]}})], 1, stem)[0].applied.parameters["wet"]
        for stem in range(200)
    ]
    assert len(set(values)) > 150
    assert 0.1 <= min(values) < 0.12
    assert 0.28 < max(values) <= 0.3


def test_the_first_role_that_fits_counts_and_the_room_is_the_same_for_all_stems() -> None:
    roles = [
        MixRole(match=RoleMatch(inst_class=["Bass"]), effects=[Effect(effect="saturation", source="x")]),
        MixRole(effects=[Effect(effect="chorus", source="x")]),
    ]
    room = [reverb(parameters={"wet": {"uniform": [0.0, 1.0]}})]
    bass = effects_of(roles, room, BASS, stem="S00", seed=1, song_hash="song")
    other = effects_of(roles, room, BASS._replace(inst_class="Piano"), stem="S01", seed=1, song_hash="song")
    assert [one.applied.effect for one in bass] == ["saturation", "reverb"]
    assert [one.applied.effect for one in other] == ["chorus", "reverb"]
    assert bass[-1] == other[-1]


@pytest.mark.parametrize(
    "values",
    [
        {"effect": "comp", "plugin": "x.vst3"},
        {"effect": "comp", "format": "vst3"},
        {"effect": "comp", "plugin": "x.vst3", "format": "vst3", "source": "process = _;"},
        {"effect": "reverb", "probability": 1.5},
        {"effect": "reverb", "parameters": {"wet": "much"}},
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Effect.model_validate(values)


@pytest.mark.parametrize(
    ("mix", "why"),
    [
        ({"others": [{"name": "wet", "roles": [{"effects": [{"effect": "x", "source": "y"}]}]}]}, "own mix"),
        ({"made_of": "song", "room": [{"effect": "x", "source": "y"}]}, "no room"),
    ],
)
def test_effects_of_other_mixes_and_of_whole_songs_are_refused(mix: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        DatasetPlan.model_validate({"source": "midi", "mix": mix})


def test_a_plan_without_a_room_keeps_its_hash() -> None:
    plain = DatasetPlan(source="midi")
    assert DatasetPlan.model_validate({"source": "midi", "mix": {"room": []}}).plan_hash == plain.plan_hash
    wet = DatasetPlan.model_validate({"source": "midi", "mix": {"room": [{"effect": "x", "source": "y"}]}})
    assert wet.plan_hash != plain.plan_hash


def test_a_genre_multiplies_the_probability_of_the_effects_that_go_by_it() -> None:
    chain = [reverb(probability=0.5, by_genre=True), Effect(effect="delay", source="x", probability=0.5)]
    role = [MixRole(effects=chain)]

    def counted(factors: dict[str, float]) -> list[int]:
        drawn = [
            effects_of(role, [], BASS, seed=1, song_hash=str(song), stem="S00", factors=factors) for song in range(1000)
        ]
        return [
            sum(any(one.applied.effect == name for one in chain) for chain in drawn) for name in ("reverb", "delay")
        ]

    plain, more, none = counted({}), counted({"reverb": 1.6, "delay": 1.6}), counted({"reverb": 0.0})
    assert 450 < plain[0] < 550
    assert 750 < more[0] < 850
    assert none[0] == 0
    assert plain[1] == more[1] == none[1]


def test_an_effect_that_goes_by_no_genre_has_no_word_of_it() -> None:
    assert "by_genre" not in reverb().model_dump()
    assert reverb(by_genre=True).model_dump()["by_genre"] is True
