"""Every error of the farm has a reason that the ledger can keep."""

from __future__ import annotations

import pytest

from schemas import errors
from schemas.states import FailureReason
from workers.tasks import reason_of

ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.FarmError)]


@pytest.mark.parametrize("kind", ERRORS, ids=[kind.__name__ for kind in ERRORS])
def test_no_error_is_without_a_reason(kind: type[errors.FarmError]) -> None:
    assert reason_of(kind("what")) in FailureReason


def test_an_error_with_a_name_of_its_own_keeps_it() -> None:
    assert reason_of(errors.StoreError("x")) is FailureReason.STORE_DAMAGED
    assert reason_of(errors.OutputError("x")) is FailureReason.TASK_FAILED
