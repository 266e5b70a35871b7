"""Rules of a mix: which stem they are for, and what they draw."""

from __future__ import annotations

import statistics
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.roles import MixRole, Stand, StemKind, stand_of

BASS = StemKind("Bass", "basses", 33, False)
DRUMS = StemKind("Drums", "kits", 0, True)
FLUTE = StemKind("Pipe", "", 73, False)
LEAD = StemKind("Reed", "", 65, False, "melody", "melody")
COUNTER = StemKind("Strings", "", 41, False, "counter", "melody")


def roles(*values: Any) -> list[MixRole]:
    return [MixRole.model_validate(value) for value in values]


def stand(
    rules: list[MixRole], kind: StemKind = FLUTE, *, song: str = "a", stem: str = "S00", mix: str = "mix"
) -> Stand:
    return stand_of(rules, kind, seed=7, song_hash=song, stem=stem, mix=mix)


def many(role: Any, count: int = 2000) -> list[Stand]:
    rules = roles(role)
    return [stand(rules, song=str(number)) for number in range(count)]


@pytest.mark.parametrize(
    ("match", "fitting"),
    [
        ({}, {BASS, DRUMS, FLUTE}),
        ({"inst_class": "bass"}, {BASS}),
        ({"inst_class": ["Bass", "Pipe"]}, {BASS, FLUTE}),
        ({"groups": "kits"}, {DRUMS}),
        ({"programs": 128}, {DRUMS}),
        ({"programs": [0, 73]}, {FLUTE}),
        ({"drums": True}, {DRUMS}),
        ({"drums": False}, {BASS, FLUTE}),
        ({"drums": False, "programs": [33, 128]}, {BASS}),
    ],
)
def test_a_rule_is_for_the_stems_of_which_all_holds(match: Any, fitting: set[StemKind]) -> None:
    rules = roles({"match": match, "gain_db": -3})
    assert {kind for kind in (BASS, DRUMS, FLUTE) if stand(rules, kind).gain_db == -3.0} == fitting


def test_the_first_rule_that_fits_counts_and_without_one_the_stem_stays_as_it_is() -> None:
    rules = roles({"match": {"drums": True}, "gain_db": 1}, {"match": {"programs": 128}, "gain_db": 2, "pan": 0.5})
    assert stand(rules, DRUMS) == Stand(1.0, 0.0)
    assert stand(rules, BASS) == stand([], BASS) == Stand(0.0, 0.0)


def test_a_uniform_draw_fills_its_range_evenly() -> None:
    gains = [one.gain_db for one in many({"gain_db": {"uniform": [-12, 6]}})]
    assert -12 <= min(gains) < -11.9
    assert 5.9 < max(gains) <= 6
    quarters = [sum(low <= gain < low + 4.5 for gain in gains) for low in (-12, -7.5, -3, 1.5)]
    assert all(abs(count - 500) < 80 for count in quarters)


def test_a_normal_draw_has_its_mean_and_deviation_and_stays_within() -> None:
    free = [one.gain_db for one in many({"gain_db": {"normal": [-3, 2]}})]
    assert statistics.mean(free) == pytest.approx(-3, abs=0.15)
    assert statistics.stdev(free) == pytest.approx(2, abs=0.12)
    cut = [one.gain_db for one in many({"gain_db": {"normal": [-3, 2], "within": [-4, 0]}})]
    assert min(cut) >= -4
    assert max(cut) <= 0
    assert cut.count(-4.0) + cut.count(0.0) < 5, "what lies beyond is not heaped up at the ends"


def test_a_normal_pan_stays_between_left_and_right() -> None:
    pans = [one.pan for one in many({"pan": {"normal": [0.5, 2]}})]
    assert -1 <= min(pans) < -0.9
    assert 0.9 < max(pans) <= 1


def test_a_choice_is_made_as_often_as_a_number_stands_there() -> None:
    pans = [one.pan for one in many({"pan": {"choice": [-0.5, 0.5, 0.5, 0.5]}})]
    assert set(pans) == {-0.5, 0.5}
    assert pans.count(-0.5) == pytest.approx(500, abs=80)


def test_draws_of_stems_songs_mixes_and_purposes_are_each_their_own() -> None:
    rules = roles({"gain_db": {"uniform": [0, 1]}, "pan": {"uniform": [0, 1]}})
    one = stand(rules)
    others = [stand(rules, stem="S01"), stand(rules, song="b"), stand(rules, mix="wide")]
    assert len({one, *others}) == 4
    assert all(each.gain_db != each.pan for each in (one, *others))
    assert one == stand(rules, BASS), "the kind of a stem decides about the rule and not about the draw"


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ({"gain_db": "loud"}, "it must be a number"),
        ({"gain_db": True}, "it must be a number"),
        ({"gain_db": {"normal": [0, 0]}}, "greater than 0"),
        ({"gain_db": {"normal": [0, 1], "within": [1, 2]}}, "the mean 0 is not within 1 and 2"),
        ({"gain_db": {"uniform": [2, 1]}}, "must rise"),
        ({"gain_db": {"uniform": [0, 1], "choice": [1]}}, "Extra inputs"),
        ({"gain_db": 61}, "between -60 and 60 dB"),
        ({"pan": {"choice": []}}, "at least 1"),
        ({"pan": {"choice": [0, 1.1]}}, "pans lie between -1"),
        ({"pan": {"normal": [0, 1], "within": [-2, 2]}}, "pans lie between -1"),
        ({"match": {"inst_class": "Basss"}}, "did you mean 'Bass'"),
        ({"match": {"programs": 129}}, "less than or equal to 128"),
        ({"match": {"name": "Bass"}}, "Extra inputs"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(role: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        MixRole.model_validate(role)


@pytest.mark.parametrize(
    ("match", "fitting"),
    [
        ({"layers": "melody"}, {LEAD}),
        ({"layers": ["melody", "counter"]}, {LEAD, COUNTER}),
        ({"layer_roles": "melody"}, {LEAD, COUNTER}),
        ({"layer_roles": ["beat", "melody"], "inst_class": "Strings"}, {COUNTER}),
        ({"layer_roles": "beat"}, set()),
        ({}, {LEAD, COUNTER, FLUTE}),
    ],
)
def test_a_rule_may_be_for_layers_of_composed_songs_by_name_or_role(match: Any, fitting: set[StemKind]) -> None:
    rules = roles({"match": match, "gain_db": -3})
    assert {kind for kind in (LEAD, COUNTER, FLUTE) if stand(rules, kind).gain_db == -3.0} == fitting


def test_rules_without_layers_have_no_word_of_them_so_that_plans_keep_their_hashes() -> None:
    plain, layered = roles({"match": {"drums": True}}, {"match": {"layers": "beat"}})
    assert set(plain.match.model_dump()) == {"inst_class", "groups", "programs", "drums"}
    assert MixRole.model_validate(layered.model_dump()) == layered


def test_a_role_that_no_layer_has_is_refused() -> None:
    with pytest.raises(ValidationError, match="there is no role 'drums'"):
        roles({"match": {"layer_roles": "drums"}})


def test_a_gain_that_a_stem_has_anyway_comes_on_top_of_its_rule() -> None:
    loop = FLUTE._replace(gain_db=-4.5)
    assert stand(roles(), loop) == (-4.5, 0.0)
    assert stand(roles({"match": {}, "gain_db": 2.0}), loop) == (-2.5, 0.0)
