"""The check that every change of state goes through."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from schemas.errors import LedgerError

_State = TypeVar("_State", bound=StrEnum)


def check_move(moves: Mapping[_State, frozenset[_State]], old: _State, new: _State, what: str) -> None:
    """Refuse a change of state that the life of `what` does not have.

    Raises:
        LedgerError: names the thing and both states.
    """
    if new not in moves[old]:
        raise LedgerError(
            f"{what} cannot go from {old.value} to {new.value}",
            hint="This is a fault of the farm: report it with the submission's number and the ledger's events",
        )
