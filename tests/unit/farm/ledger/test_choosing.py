"""What a slot works on next and which songs are opened, as tables and laws."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.ledger.choosing import (
    BATCH_S,
    LOAD_WEIGHT,
    Choice,
    KeyBacklog,
    WaitingSong,
    batch_size,
    choose_batch,
    choose_load_key,
    cut_batch,
    is_worth_a_load,
    most_urgent,
    order_of_admission,
    score,
    sharing_slots,
    smoothed,
)

SMALL = KeyBacklog("small", ready=10, est_s=10.0, load_s=1.0)
LARGE = KeyBacklog("large", ready=100, est_s=100.0, load_s=1.0)
SLOW_TO_LOAD = KeyBacklog("slow", ready=100, est_s=100.0, load_s=95.0)
CROWDED = KeyBacklog("crowded", ready=200, est_s=200.0, load_s=1.0, warm_slots=31)
EMPTY = KeyBacklog("empty", ready=0, est_s=0.0, load_s=0.0)
URGENT = KeyBacklog("urgent", ready=1, est_s=0.1, load_s=30.0, priority=5)
#: Its one slot will be done before another could have loaded it.
NEARLY_DONE = KeyBacklog("nearly", ready=8, est_s=20.0, load_s=30.0, warm_slots=1)


@pytest.mark.parametrize(
    ("backlogs", "warm_key", "chosen"),
    [
        ([], None, None),
        ([], "small", None),
        ([EMPTY], None, None),
        ([EMPTY], "empty", None),
        ([SMALL], None, "small"),
        ([SMALL, LARGE], None, "large"),
        ([SMALL, LARGE], "small", "small"),
        ([SMALL, LARGE], "gone", "large"),
        ([EMPTY, SMALL], "empty", "small"),
        ([SMALL, SLOW_TO_LOAD], None, "small"),
        ([LARGE, SLOW_TO_LOAD], None, "large"),
        ([SMALL, CROWDED], None, "small"),
        ([KeyBacklog("b", 1, 1.0, 1.0), KeyBacklog("a", 1, 1.0, 1.0)], None, "a"),
        # Work is done even where loading costs more than it.
        ([KeyBacklog("dear", 1, 1.0, 60.0)], None, "dear"),
        # Unless others will have done it by then.
        ([NEARLY_DONE], None, None),
        ([NEARLY_DONE], "nearly", "nearly"),
        ([NEARLY_DONE, SMALL], None, "small"),
    ],
)
def test_the_warm_key_is_kept_and_else_the_most_worthwhile_is_chosen(
    backlogs: list[KeyBacklog], warm_key: str | None, chosen: str | None
) -> None:
    assert choose_load_key(backlogs, warm_key) == chosen


@pytest.mark.parametrize(
    ("backlog", "expected"),
    [
        (KeyBacklog("a", 10, 60.0, 5.0), 60 - LOAD_WEIGHT * 5),
        (KeyBacklog("a", 10, 60.0, 5.0, warm_slots=2), 20 - LOAD_WEIGHT * 5),
        (KeyBacklog("a", 10, 60.0, 0.0), 60.0),
    ],
)
def test_the_score_is_the_share_of_the_work_less_the_weighed_load(backlog: KeyBacklog, expected: float) -> None:
    assert score(backlog) == expected


@pytest.mark.parametrize(
    ("est_s", "load_s", "warm_slots", "worth"),
    [
        (1.0, 60.0, 0, True),  # nobody else does it
        (60.0, 59.0, 1, True),
        (60.0, 60.0, 1, False),
        (60.0, 31.0, 2, False),  # two slots need 30 s
        (60.0, 29.0, 2, True),
        (0.1, 1.9, 5, True),  # a load that hardly counts
        (0.1, 2.0, 5, False),
    ],
)
def test_a_load_is_worth_it_while_those_at_work_need_longer(
    est_s: float, load_s: float, warm_slots: int, worth: bool
) -> None:
    assert is_worth_a_load(KeyBacklog("a", 10, est_s, load_s, warm_slots)) is worth


@pytest.mark.parametrize(
    ("backlogs", "keys"),
    [
        ([], []),
        ([EMPTY], []),
        ([SMALL, LARGE], ["small", "large"]),
        ([SMALL, URGENT, LARGE], ["urgent"]),
        ([KeyBacklog("low", 1, 1.0, 1.0, priority=-3), EMPTY], ["low"]),
        # What is urgent and empty does not hold up the rest.
        ([KeyBacklog("spent", 0, 0.0, 1.0, priority=9), SMALL], ["small"]),
    ],
)
def test_the_highest_priority_at_which_anything_waits_comes_first(backlogs: list[KeyBacklog], keys: list[str]) -> None:
    assert [backlog.load_key for backlog in most_urgent(backlogs)] == keys


@pytest.mark.parametrize(
    ("backlogs", "warm_key", "choice"),
    [
        ([], None, None),
        ([NEARLY_DONE], None, None),
        ([SMALL], None, Choice("small", 1)),  # the only key: all four slots will share it
        ([SMALL, LARGE], None, Choice("large", 12)),  # four slots have 91 % of the work in common
        ([SMALL, LARGE], "small", Choice("small", 5)),  # nobody else will take the small rest
        # A higher priority is taken from a slot's warm patch, whatever it has to load for it.
        ([SMALL, LARGE, URGENT], "small", Choice("urgent", 1)),
        # The same key at two priorities: the urgent part first.
        ([SMALL, KeyBacklog("small", 4, 4.0, 1.0, priority=1)], "small", Choice("small", 1)),
    ],
)
def test_a_choice_is_a_key_and_a_share_of_it(
    backlogs: list[KeyBacklog], warm_key: str | None, choice: Choice | None
) -> None:
    assert choose_batch(backlogs, warm_key=warm_key, live_slots=4, limit=16) == choice


@given(st.permutations([SMALL, LARGE, SLOW_TO_LOAD, CROWDED, EMPTY]), st.sampled_from([None, "slow", "nothing"]))
def test_the_choice_does_not_depend_on_the_order_of_rows(backlogs: list[KeyBacklog], warm_key: str | None) -> None:
    assert choose_load_key(backlogs, warm_key) == ("slow" if warm_key == "slow" else "large")


_BACKLOGS = st.lists(
    st.builds(
        KeyBacklog,
        load_key=st.text("abc", min_size=1, max_size=3),
        ready=st.integers(0, 50),
        est_s=st.floats(0, 1e4),
        load_s=st.floats(0, 60),
        warm_slots=st.just(0),
        priority=st.integers(-1, 1),
    ),
    max_size=8,
    unique_by=lambda backlog: (backlog.load_key, backlog.priority),
)


@given(_BACKLOGS, st.sampled_from([None, "a", "b"]), st.integers(1, 64), st.integers(1, 64))
def test_work_that_nobody_does_is_always_given_out(
    backlogs: list[KeyBacklog], warm_key: str | None, live_slots: int, limit: int
) -> None:
    choice = choose_batch(backlogs, warm_key=warm_key, live_slots=live_slots, limit=limit)
    waiting = [backlog for backlog in backlogs if backlog.ready]
    assert (choice is None) is (not waiting)
    if choice is not None:
        urgent = max(backlog.priority for backlog in waiting)
        assert any(backlog.priority == urgent and backlog.load_key == choice.load_key for backlog in waiting)
        assert 1 <= choice.size <= limit


@pytest.mark.parametrize(
    ("est_s", "warm_slots", "waiting_s", "live_slots", "sharers"),
    [
        (100.0, 0, 100.0, 8, 8),  # the last key: all will help
        (100.0, 0, 400.0, 8, 2),  # a quarter of the work, a quarter of the slots
        (1.0, 0, 400.0, 8, 1),  # less than one slot's share
        (1.0, 3, 400.0, 8, 4),  # but three are at it already
        (0.0, 0, 0.0, 8, 8),  # nothing is known: anybody may come
        (0.0, 0, 0.0, 0, 1),
    ],
)
def test_a_key_is_shared_among_its_part_of_the_slots(
    est_s: float, warm_slots: int, waiting_s: float, live_slots: int, sharers: int
) -> None:
    assert sharing_slots(KeyBacklog("a", 9, est_s, 1.0, warm_slots), waiting_s, live_slots) == sharers


@pytest.mark.parametrize(
    ("ready", "est_s", "sharers", "limit", "size"),
    [
        (1000, 0.0, 2, 16, 16),
        (40, 0.0, 2, 16, 10),
        (7, 0.0, 2, 16, 1),
        (1, 0.0, 1, 16, 1),
        (3, 0.0, 0, 16, 1),
        (0, 0.0, 4, 16, 1),
        (64, 0.0, 1, 16, 16),
        (64, 64.0, 1, 16, 16),  # a second each
        (64, 64 * BATCH_S / 4, 1, 16, 4),  # four of them fill the time
        (64, 64 * BATCH_S * 5, 1, 16, 1),  # one at least
    ],
)
def test_batches_are_bounded_by_share_time_and_limit(
    ready: int, est_s: float, sharers: int, limit: int, size: int
) -> None:
    assert batch_size(ready, est_s, sharers, limit) == size


def test_slots_that_lease_in_turn_end_with_single_stems() -> None:
    ready, sizes = 200, []
    while ready:
        sizes.append(min(ready, batch_size(ready, est_s=0.0, sharers=4, limit=16)))
        ready -= sizes[-1]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 16
    assert sizes[-8:] == [1] * 8


@pytest.mark.parametrize(
    ("losses", "count"), [([], 0), ([0, 0, 1], 3), ([2, 0, 0], 1), ([0, 1, 2, 0], 2), ([5], 1), ([3, 3], 1)]
)
def test_a_suspect_is_leased_alone(losses: list[int], count: int) -> None:
    assert cut_batch(losses) == count


def test_every_stem_comes_to_its_turn_whatever_the_suspects() -> None:
    queue = [random.Random(seed).randrange(4) for seed in range(50)]
    while queue:
        batch = queue[: cut_batch(queue)]
        assert batch == [batch[0]] or max(batch) < 2
        queue = queue[len(batch) :]


@pytest.mark.parametrize(
    ("songs", "order"),
    [
        ([], []),
        ([(1, 5.0, 9, "a"), (2, 9.0, 9, "b"), (3, 1.0, 9, "c")], [2, 1, 3]),
        ([(1, 5.0, 9, "a"), (2, 5.0, 99, "b")], [2, 1]),  # equally long: the one with more notes
        ([(1, 900.0, 100, "a"), (2, 500.0, 2000, "b")], [2, 1]),
        ([(1, 5.0, 9, "b"), (2, 5.0, 9, "a")], [2, 1]),  # equal work: by name
    ],
)
def test_within_a_group_the_songs_with_most_work_come_first(
    songs: list[tuple[int, float, int, str]], order: list[int]
) -> None:
    assert order_of_admission(WaitingSong(*song) for song in songs) == order


@pytest.mark.parametrize(("old", "measured", "new"), [(1.0, 1.0, 1.0), (1.0, 2.0, 1.2), (10.0, 0.0, 8.0)])
def test_a_measurement_moves_what_is_known_by_a_fifth(old: float, measured: float, new: float) -> None:
    assert smoothed(old, measured) == pytest.approx(new)
