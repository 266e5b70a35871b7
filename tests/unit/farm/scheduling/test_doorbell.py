"""How many tickets lie in the queue."""

from __future__ import annotations

import pytest

from farm.scheduling.doorbell import tickets_wanted


@pytest.mark.parametrize(
    ("ready", "live_slots", "queued", "wanted"),
    [
        (0, 4, 0, 0),  # nothing to do
        (100, 4, 0, 8),  # two for each slot
        (3, 4, 0, 3),  # never more than there are stems
        (100, 4, 5, 3),  # only what is missing
        (100, 4, 9, 0),  # never taken back
        (100, 0, 0, 2),  # the first slot to come finds some
    ],
)
def test_tickets_are_topped_up_to_two_a_slot(ready: int, live_slots: int, queued: int, wanted: int) -> None:
    assert tickets_wanted(ready, live_slots, queued) == wanted
