"""The one retry policy of stems and tasks: a pure decision on who is to blame and how often it has happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.states import FailureReason

#: Tries that fail by the work's own fault (its content, or an engine that it kills): one on the engine as it was, one
#: on a fresh one. A third try of the same bytes on the same engine has nothing new to show.
MAX_TRIES: Final = 2
#: Tries that may be lost by nobody's fault. They cost the work nothing, but a stem that takes its slot down each time
#: must not go round for ever (render_farms 4.3: more than 5 losses are poison).
MAX_LOSSES: Final = 5


@dataclass(frozen=True, slots=True)
class Retry:
    """What to do after a failed try, with the counts to keep."""

    again: bool
    tries: int
    losses: int
    reason: FailureReason  #: when it is not tried again: why it failed for good


def decide(reason: FailureReason, *, infra: bool, tries: int, losses: int) -> Retry:
    """Decide whether work whose try failed is tried again.

    Args:
        reason: what the try failed of.
        infra: nobody's fault: the slot was lost, the disk was full. Such a try is free.
        tries: counted tries that failed before this one.
        losses: free tries that were lost before this one.
    """
    if infra:
        losses += 1
        again = losses <= MAX_LOSSES
        return Retry(again, tries, losses, reason if again else FailureReason.LOST_TOO_OFTEN)
    tries += 1
    return Retry(tries < MAX_TRIES, tries, losses, reason)
