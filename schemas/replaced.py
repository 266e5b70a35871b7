"""Patches that failed a stem and gave way to others."""

from __future__ import annotations

from pydantic import TypeAdapter

from schemas.base import FarmModel
from schemas.states import FailureReason

#: Finding of a stem that is not played by the patch that was drawn for it first.
OTHER_PATCH = "other_patch"


class Replaced(FarmModel):
    """A patch that was to play a stem and gave way to another of its group."""

    choice: str  #: its name in its group of the instrument map
    patch: str  #: soundfont, bank and program
    reason: FailureReason  #: why it failed
    stem: str  #: the stem that it failed on: this one, or another of its program where they change together


class Spent(Replaced):
    """The same as the ledger keeps it."""

    spec_hash: str | None = None  #: of what it had rendered of the stem, which the store is to forget


#: The patches that a stem had before the one it has, in order.
HISTORY: TypeAdapter[tuple[Spent, ...]] = TypeAdapter(tuple[Spent, ...])
