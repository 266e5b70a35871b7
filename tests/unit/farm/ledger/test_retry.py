"""The retry policy, as a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from farm.ledger.retry import (
    MAX_KILLS,
    MAX_LOSSES,
    MAX_TRIES,
    SHORTAGE_WAITS_S,
    FailureClass,
    History,
    Retry,
    classify,
    decide,
)
from schemas.states import FailureReason as R

NEW = History()


def _history(**values: int | bool) -> History:
    return replace(NEW, **values)  # type: ignore[arg-type]


TABLE = [
    # content: counts; a fresh engine, then another host if there is one, then the end
    (R.ALL_ZERO, NEW, Retry(True, 1, 0, R.ALL_ZERO, counts=True)),
    (R.ALL_ZERO, _history(tries=1), Retry(False, 2, 0, R.ALL_ZERO, counts=True)),
    (R.ALL_ZERO, _history(tries=1, elsewhere=True), Retry(True, 2, 0, R.ALL_ZERO, counts=True)),
    (R.ALL_ZERO, _history(tries=1, hosts=2, elsewhere=True), Retry(False, 2, 0, R.ALL_ZERO, counts=True)),
    (R.ALL_ZERO, _history(tries=2, hosts=2, elsewhere=True), Retry(False, 3, 0, R.ALL_ZERO, counts=True)),
    (R.ALL_ZERO, _history(tries=2, elsewhere=True), Retry(False, 3, 0, R.ALL_ZERO, counts=True)),
    (R.UNREADABLE, _history(tries=1), Retry(False, 2, 0, R.UNREADABLE, counts=True)),
    (R.MISSING_ASSET, _history(tries=1, elsewhere=True), Retry(True, 2, 0, R.MISSING_ASSET, counts=True)),
    (R.TOO_FAST, _history(tries=1, losses=4), Retry(False, 2, 4, R.TOO_FAST, counts=True)),
    # poison: two killed engines are the end, whatever other hosts there are
    (R.ENGINE_CRASH, NEW, Retry(True, 1, 0, R.ENGINE_CRASH, kills=1, counts=True)),
    (R.ENGINE_CRASH, _history(losses=3), Retry(True, 1, 3, R.ENGINE_CRASH, kills=1, counts=True)),
    (R.ENGINE_CRASH, _history(tries=1, kills=1, elsewhere=True), Retry(False, 2, 0, R.ENGINE_CRASH, 2, counts=True)),
    (R.NO_PROGRESS, _history(tries=1, kills=1, elsewhere=True), Retry(False, 2, 0, R.NO_PROGRESS, 2, counts=True)),
    (R.RENDER_TIMEOUT, _history(tries=1, elsewhere=True), Retry(True, 2, 0, R.RENDER_TIMEOUT, 1, counts=True)),
    # infrastructure: free, but not for ever
    (R.SLOT_LOST, NEW, Retry(True, 0, 1, R.SLOT_LOST)),
    (R.SLOT_LOST, _history(tries=1, losses=4), Retry(True, 1, 5, R.SLOT_LOST)),
    (R.SLOT_LOST, _history(losses=5), Retry(False, 0, 6, R.LOST_TOO_OFTEN)),
    (R.ENGINE_KILLED, _history(tries=1), Retry(True, 1, 1, R.ENGINE_KILLED)),
    (R.DISK_FULL, NEW, Retry(True, 0, 1, R.DISK_FULL)),
    (R.STORE_DAMAGED, _history(losses=5), Retry(False, 0, 6, R.LOST_TOO_OFTEN)),
    # resource: free twice, each time later
    (R.OUT_OF_MEMORY, NEW, Retry(True, 0, 0, R.OUT_OF_MEMORY, shortages=1, wait_s=5.0)),
    (R.OUT_OF_MEMORY, _history(shortages=1), Retry(True, 0, 0, R.OUT_OF_MEMORY, shortages=2, wait_s=30.0)),
    (R.OUT_OF_MEMORY, _history(shortages=2), Retry(False, 0, 0, R.OUT_OF_MEMORY, shortages=3)),
    # licence: nothing is held against the stem; its patch waits
    (R.NO_LICENCE, _history(tries=1, losses=5, kills=1, shortages=2), Retry(True, 1, 5, R.NO_LICENCE, 1, 2)),
]


@pytest.mark.parametrize(("reason", "history", "retry"), TABLE)
def test_a_failed_try_is_decided_by_whose_fault_it_was(reason: R, history: History, retry: Retry) -> None:
    assert decide(reason, history) == retry


@pytest.mark.parametrize("reason", list(R))
def test_what_the_slot_knows_to_be_nobodys_fault_is_free(reason: R) -> None:
    assert decide(reason, _history(tries=1), infra=True) == Retry(True, 1, 1, reason)
    assert classify(reason, infra=True) is FailureClass.INFRA


@pytest.mark.parametrize("reason", [reason for reason in R if reason is not R.NO_LICENCE])
@pytest.mark.parametrize("elsewhere", [True, False])
def test_no_work_is_tried_for_ever(reason: R, elsewhere: bool) -> None:
    history, rounds, again = _history(elsewhere=elsewhere), 0, True
    while again:
        retry = decide(reason, history)
        again = retry.again
        history = History(retry.tries, retry.losses, retry.kills, retry.shortages, hosts=1, elsewhere=elsewhere)
        rounds += 1
    assert (
        rounds
        == {
            FailureClass.INFRA: MAX_LOSSES + 1,
            FailureClass.RESOURCE: len(SHORTAGE_WAITS_S) + 1,
            FailureClass.POISON: MAX_KILLS,
            FailureClass.CONTENT: MAX_TRIES + elsewhere,
        }[classify(reason)]
    )
