"""The retry policy, as a table."""

from __future__ import annotations

import pytest

from farm.ledger.retry import MAX_LOSSES, MAX_TRIES, decide
from schemas.states import FailureReason as R


@pytest.mark.parametrize(
    ("reason", "infra", "tries", "losses", "again", "tries_after", "losses_after", "named"),
    [
        (R.ALL_ZERO, False, 0, 0, True, 1, 0, R.ALL_ZERO),
        (R.ALL_ZERO, False, 1, 0, False, 2, 0, R.ALL_ZERO),
        (R.ENGINE_CRASH, False, 0, 3, True, 1, 3, R.ENGINE_CRASH),
        (R.ENGINE_CRASH, False, 1, 3, False, 2, 3, R.ENGINE_CRASH),
        (R.SLOT_LOST, True, 0, 0, True, 0, 1, R.SLOT_LOST),
        (R.SLOT_LOST, True, 1, 4, True, 1, 5, R.SLOT_LOST),
        (R.SLOT_LOST, True, 0, 5, False, 0, 6, R.LOST_TOO_OFTEN),
        (R.DISK_FULL, True, 0, 0, True, 0, 1, R.DISK_FULL),
        (R.UNREADABLE, False, 1, 0, False, 2, 0, R.UNREADABLE),
    ],
)
def test_a_failed_try_is_decided_by_whose_fault_it_was(
    reason: R, infra: bool, tries: int, losses: int, again: bool, tries_after: int, losses_after: int, named: R
) -> None:
    retry = decide(reason, infra=infra, tries=tries, losses=losses)
    assert (retry.again, retry.tries, retry.losses, retry.reason) == (again, tries_after, losses_after, named)


@pytest.mark.parametrize("infra", [True, False])
def test_no_work_is_tried_for_ever(infra: bool) -> None:
    tries = losses = rounds = 0
    again = True
    while again:
        retry = decide(R.ENGINE_FAILED, infra=infra, tries=tries, losses=losses)
        again, tries, losses = retry.again, retry.tries, retry.losses
        rounds += 1
    assert rounds == (MAX_LOSSES + 1 if infra else MAX_TRIES)
