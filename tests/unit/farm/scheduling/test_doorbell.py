"""How many tickets lie in the queue, and what is said when the broker is away."""

from __future__ import annotations

import pytest

from farm.scheduling.doorbell import Doorbell, tickets_wanted
from schemas.errors import ServiceError
from schemas.states import TaskKind
from tests.support.deploying import free_port


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


def test_a_broker_that_is_away_is_one_error_whatever_is_asked() -> None:
    bell = Doorbell(f"redis://:secret@127.0.0.1:{free_port()}/0")
    for ask in (
        bell.check,
        bell.depths,
        lambda: bell.announce([(1, TaskKind.MIX)]),
        lambda: bell.top_up("fluidsynth", ready=1, live_slots=1),
    ):
        with pytest.raises(ServiceError, match="does not answer") as told:
            ask()
        assert "secret" not in str(told.value)
