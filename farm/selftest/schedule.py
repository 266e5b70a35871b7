"""Which faults come when: a pure function of seed and size, so that a run can be repeated fault by fault."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.base import draw


class FaultKind(StrEnum):
    """What happens to the farm."""

    ENGINE_KILLED = "engine killed"
    SLOT_KILLED = "slot killed"
    WORKER_KILLED = "worker killed"
    SCHEDULER_KILLED = "scheduler killed"
    BROKER_FLUSHED = "broker flushed"
    DATABASE_CRASHED = "database crashed"
    ENGINE_STOPPED = "engine stopped"
    DISK_FULL = "disk full"
    DUPLICATE_TICKETS = "duplicate tickets"
    CLOCK_JUMPED = "clock jumped"


#: How often each comes among those that are drawn when every one has come once.
_WEIGHTS: Final = {
    FaultKind.ENGINE_KILLED: 7,
    FaultKind.SLOT_KILLED: 6,
    FaultKind.WORKER_KILLED: 2,
    FaultKind.SCHEDULER_KILLED: 2,
    FaultKind.BROKER_FLUSHED: 2,
    FaultKind.DATABASE_CRASHED: 2,
    FaultKind.ENGINE_STOPPED: 2,
    FaultKind.DISK_FULL: 1,
    FaultKind.DUPLICATE_TICKETS: 3,
    FaultKind.CLOCK_JUMPED: 3,
}
#: One fault for so many stems, at least one of each kind.
STEMS_PER_FAULT: Final = 40
#: Share of the stems after which the first and the last fault come.
_FIRST, _LAST = 0.02, 0.9


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens when so many stems are recorded."""

    at: int  #: stems
    kind: FaultKind
    chance: float  #: from 0 to 1: draws which of the engines, slots or hosts it hits


def faults(seed: int, stems: int, without: Collection[FaultKind] = ()) -> list[Fault]:
    """Return the faults of a run in order.

    Args:
        seed: of every draw.
        stems: of the whole run.
        without: kinds that cannot be had on this machine.
    """
    kinds = [kind for kind in FaultKind if kind not in without]
    count = max(len(kinds), stems // STEMS_PER_FAULT)
    drawn = kinds + [_kind(draw(seed, number, "kind"), kinds) for number in range(len(kinds), count)]
    places = sorted(_FIRST + (_LAST - _FIRST) * draw(seed, number, "place") for number in range(count))
    order = sorted(range(count), key=lambda number: draw(seed, number, "order"))
    return [
        Fault(int(place * stems), drawn[number], draw(seed, number, "whom"))
        for place, number in zip(places, order, strict=True)
    ]


def _kind(chance: float, kinds: Collection[FaultKind]) -> FaultKind:
    rest = chance * sum(_WEIGHTS[kind] for kind in kinds)
    for kind in kinds:
        rest -= _WEIGHTS[kind]
        if rest < 0:
            return kind
    return FaultKind.ENGINE_KILLED
