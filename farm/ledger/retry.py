"""The one retry policy of stems and tasks: a pure decision on who is to blame and how often it has happened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from schemas.states import FailureReason

#: Tries that fail by the work's own fault on one host: one on the engine as it was, one on a fresh one. Where there is
#: another host, a stem is then tried there once; that failed too, there is nothing new to show.
MAX_TRIES: Final = 2
#: Engines that a stem may kill: a third would die of it as well, and take its patch's warm state with it.
MAX_KILLS: Final = 2
#: Tries that may be lost by nobody's fault. They cost the work nothing, but a stem that takes its slot down each time
#: must not go round for ever (render_farms 4.3: more than 5 losses are poison).
MAX_LOSSES: Final = 5
#: Seconds to wait after the first and second try that ran out of memory: what else runs there may have ended by then.
SHORTAGE_WAITS_S: Final = (5.0, 30.0)
#: Seconds that a patch without a free licence waits (render_farms 1: OpenCue lets the whole layer sleep for 5 min).
LICENCE_WAIT_S: Final = 300.0


class FailureClass(StrEnum):
    """Who is to blame for a failed try."""

    INFRA = "infra"  #: nobody: the slot was lost, the disk was full; free, but capped
    CONTENT = "content"  #: the work or its patch; counts
    POISON = "poison"  #: the work killed an engine; counts, and stops at two
    RESOURCE = "resource"  #: too little memory; free twice
    LICENCE = "licence"  #: no free licence; free, and the whole patch waits


_CLASSES: Final = {
    FailureReason.ENGINE_CRASH: FailureClass.POISON,
    FailureReason.NO_PROGRESS: FailureClass.POISON,
    FailureReason.RENDER_TIMEOUT: FailureClass.POISON,
    FailureReason.OUT_OF_MEMORY: FailureClass.RESOURCE,
    FailureReason.NO_LICENCE: FailureClass.LICENCE,
    FailureReason.SLOT_LOST: FailureClass.INFRA,
    FailureReason.DISK_FULL: FailureClass.INFRA,
    FailureReason.STORE_DAMAGED: FailureClass.INFRA,
    FailureReason.ENGINE_KILLED: FailureClass.INFRA,
}


@dataclass(frozen=True, slots=True)
class History:
    """What happened to a stem or task before the try that failed now, and where it could go next."""

    tries: int = 0  #: failed tries that counted
    losses: int = 0  #: tries lost by nobody's fault
    kills: int = 0  #: engines that it killed
    shortages: int = 0  #: tries that ran out of memory
    hosts: int = 1  #: hosts on which counted tries failed, the one of this try included
    elsewhere: bool = False  #: whether another host could try it


@dataclass(frozen=True, slots=True)
class Retry:
    """What to do after a failed try, with the counts to keep."""

    again: bool
    tries: int
    losses: int
    reason: FailureReason  #: when it is not tried again: why it failed for good
    kills: int = 0
    shortages: int = 0
    wait_s: float = 0.0  #: not to be tried again earlier
    counts: bool = False  #: whether the try counts against the work, its patch and its host


def classify(reason: FailureReason, *, infra: bool = False) -> FailureClass:
    """Return who is to blame for a try that failed of `reason`; `infra` is what the slot itself knows to be nobody."""
    return FailureClass.INFRA if infra else _CLASSES.get(reason, FailureClass.CONTENT)


def decide(reason: FailureReason, history: History, *, infra: bool = False) -> Retry:
    """Decide whether work whose try failed is tried again.

    Args:
        reason: what the try failed of.
        history: the counts before this try.
        infra: nobody's fault: the slot was lost, the disk was full. Such a try is free.
    """
    kind = classify(reason, infra=infra)
    before = Retry(True, history.tries, history.losses, reason, history.kills, history.shortages)
    if kind is FailureClass.INFRA:
        again = history.losses < MAX_LOSSES
        final = reason if again else FailureReason.LOST_TOO_OFTEN
        return replace(before, again=again, losses=history.losses + 1, reason=final)
    if kind is FailureClass.LICENCE:
        return before
    if kind is FailureClass.RESOURCE:
        again = history.shortages < len(SHORTAGE_WAITS_S)
        wait_s = SHORTAGE_WAITS_S[history.shortages] if again else 0.0
        return replace(before, again=again, shortages=history.shortages + 1, wait_s=wait_s)
    tries, kills = history.tries + 1, history.kills + (kind is FailureClass.POISON)
    again = kills < MAX_KILLS and (
        tries < MAX_TRIES or (tries == MAX_TRIES and history.hosts < 2 and history.elsewhere)
    )
    return replace(before, again=again, tries=tries, kills=kills, counts=True)
