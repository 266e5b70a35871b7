from __future__ import annotations

import statistics
from collections import Counter

import pytest

from workers.composing.draws import Draws, Stream


def test_a_stream_is_sha_256_of_its_key_and_a_counter() -> None:
    stream = Draws(1, 2).stream("key")
    assert [round(stream.unit(), 6) for _ in range(5)] == [0.304846, 0.699426, 0.662262, 0.138052, 0.411853]


def test_a_stream_begins_anew_whenever_it_is_asked_for() -> None:
    draws = Draws(1, 2)
    first = draws.stream("melody", "verse", 1)
    used = [first.unit() for _ in range(9)]
    again = draws.stream("melody", "verse", 1)
    assert [again.unit() for _ in range(9)] == used


@pytest.mark.parametrize(
    "other", [Draws(2, 2).stream("a", "b"), Draws(1, 3).stream("a", "b"), Draws(1, 2, 1).stream("a", "b"),
              Draws(1, 2).stream("ab"), Draws(1, 2).stream("a", "b", 0)]
)  # fmt: skip
def test_seed_song_try_and_purpose_each_make_another_stream(other: Stream) -> None:
    assert other.unit() != Draws(1, 2).stream("a", "b").unit()


def test_numbers_fill_the_unit_interval_evenly() -> None:
    stream = Stream("even")
    counts = Counter(int(stream.unit() * 10) for _ in range(10_000))
    assert set(counts) == set(range(10))
    assert all(880 < count < 1120 for count in counts.values())


def test_whole_numbers_include_both_ends() -> None:
    stream = Stream("dice")
    assert {stream.integer(1, 6) for _ in range(200)} == {1, 2, 3, 4, 5, 6}


def test_choices_follow_the_weights_and_not_the_order_in_which_they_stand() -> None:
    weights = {"often": 3.0, "never": 0.0, "seldom": 1.0}
    drawn = Counter(Draws(0, number).stream("x").choice(weights) for number in range(2000))
    assert drawn["never"] == 0
    assert 0.7 < drawn["often"] / 2000 < 0.8
    other = dict(reversed(weights.items()))
    assert all(
        Draws(0, number).stream("x").choice(weights) == Draws(0, number).stream("x").choice(other)
        for number in range(50)
    )


def test_normal_numbers_have_their_mean_and_deviation_and_no_far_tail() -> None:
    stream = Stream("normal")
    numbers = [stream.normal(10.0, 2.0) for _ in range(5000)]
    assert abs(statistics.fmean(numbers) - 10.0) < 0.1
    assert abs(statistics.pstdev(numbers) - 2.0) < 0.1
    assert max(abs(number - 10.0) for number in numbers) <= 7.0


def test_a_chance_is_taken_as_often_as_it_says() -> None:
    stream = Stream("chance")
    assert sum(stream.chance(0.2) for _ in range(5000)) / 5000 == pytest.approx(0.2, abs=0.02)
    assert not any(Stream("never").chance(0.0) for _ in range(100))
    assert all(Stream("always").chance(1.0) for _ in range(100))
