"""What a slot works on next, as tables and laws."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.ledger.choosing import KeyBacklog, batch_size, choose_load_key, cut_batch

SMALL = KeyBacklog("small", ready=10, est_s=10.0, load_s=1.0)
LARGE = KeyBacklog("large", ready=100, est_s=100.0, load_s=1.0)
SLOW_TO_LOAD = KeyBacklog("slow", ready=100, est_s=100.0, load_s=95.0)
CROWDED = KeyBacklog("crowded", ready=200, est_s=200.0, load_s=1.0, warm_slots=31)
EMPTY = KeyBacklog("empty", ready=0, est_s=0.0, load_s=0.0)


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
    ],
)
def test_the_warm_key_is_kept_and_else_the_most_worthwhile_is_chosen(
    backlogs: list[KeyBacklog], warm_key: str | None, chosen: str | None
) -> None:
    assert choose_load_key(backlogs, warm_key) == chosen


@given(st.permutations([SMALL, LARGE, SLOW_TO_LOAD, CROWDED, EMPTY]), st.sampled_from([None, "slow", "nothing"]))
def test_the_choice_does_not_depend_on_the_order_of_rows(backlogs: list[KeyBacklog], warm_key: str | None) -> None:
    assert choose_load_key(backlogs, warm_key) == ("slow" if warm_key == "slow" else "large")


@pytest.mark.parametrize(
    ("ready", "live_slots", "limit", "size"),
    [(1000, 2, 16, 16), (40, 2, 16, 10), (7, 2, 16, 1), (1, 1, 16, 1), (3, 0, 16, 1), (0, 4, 16, 1), (64, 1, 16, 16)],
)
def test_batches_shrink_towards_the_end(ready: int, live_slots: int, limit: int, size: int) -> None:
    assert batch_size(ready, live_slots, limit) == size


def test_slots_that_lease_in_turn_end_with_single_stems() -> None:
    ready, sizes = 200, []
    while ready:
        sizes.append(min(ready, batch_size(ready, live_slots=4, limit=16)))
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
