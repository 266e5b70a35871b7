from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from farm.planning.plans import build_plan
from schemas.errors import PlanError
from workers.composing.shares import genre_in_turn
from workers.composing.song import composed

SHARES = {"jazz": 60.0, "latin": 10.0, "rock": 30.0}


@pytest.mark.parametrize("first", [0, 41, 10**6, 2**62])
def test_any_hundred_songs_in_a_row_have_the_shares_give_or_take_a_few(first: int) -> None:
    for seed in range(20):
        counts = Counter(genre_in_turn(seed, first + number, SHARES) for number in range(100))
        assert all(abs(counts[name] - share) <= 4 for name, share in SHARES.items()), counts


def test_a_thousand_songs_have_them_all_but_exactly() -> None:
    counts = Counter(genre_in_turn(7, number, SHARES) for number in range(1000))
    assert all(abs(counts[name] - 10 * share) <= 4 for name, share in SHARES.items()), counts


def test_another_seed_begins_elsewhere_and_the_order_of_the_names_means_nothing() -> None:
    turns = ["".join(genre_in_turn(seed, number, SHARES)[0] for number in range(40)) for seed in range(6)]
    assert len(set(turns)) > 3
    backwards = dict(reversed(SHARES.items()))
    assert turns[0] == "".join(genre_in_turn(0, number, backwards)[0] for number in range(40))


def plan(**compose: Any) -> Any:
    values = {"genres": ["jazz", "rock"], "together": False, "length_s": 5, "count": 9, **compose}
    return build_plan({"seed": 3, "compose": values, "filters": {"min_duration_s": 0}})


def test_a_song_is_of_the_genre_whose_turn_it_is_and_the_same_wherever_a_range_begins() -> None:
    shares = {"jazz": 2, "rock": 1}
    whole, part = plan(shares=shares), plan(shares=shares, first=5, count=1)
    assert whole.plan_hash == part.plan_hash
    assert composed(whole, 5).midi == composed(part, 5).midi
    assert [composed(whole, number).genre.name for number in range(3)] == [
        genre_in_turn(3, number, shares) for number in range(3)
    ]


def test_a_plan_without_shares_keeps_its_hash_and_one_with_them_is_another() -> None:
    assert "shares" not in plan().model_dump()["compose"]
    assert plan(shares={}).plan_hash == plan().plan_hash != plan(shares={"jazz": 1, "rock": 1}).plan_hash


@pytest.mark.parametrize(
    ("compose", "words"),
    [
        ({"shares": {"jazz": 1}}, "one of the two lacks rock"),
        ({"shares": {"jazz": 1, "rock": 1, "pop": 1}}, "one of the two lacks pop"),
        ({"shares": {"jazz": 0, "rock": 1}}, "greater than 0"),
        ({"shares": {"jazz": 1, "rock": 1}, "together": True}, "add `together: false`"),
    ],
)
def test_shares_that_cannot_be_are_refused(compose: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        plan(**compose)


def test_patches_in_turn_and_a_range_that_begins_later_are_refused_together() -> None:
    values = {
        "compose": {"genres": ["jazz"], "first": 10, "length_s": 20},
        "instruments": {"map": "gm-lax", "balance": True},
    }
    with pytest.raises(PlanError, match=r"instruments\.balance takes patches in turn from song 0 on"):
        build_plan(values)
    assert build_plan({**values, "compose": {"genres": ["jazz"], "length_s": 20}}).instruments.balance
