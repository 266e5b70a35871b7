"""The admission window: how many songs are open at a time. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

#: Open songs for each live slot. With fewer, slots run out of stems that fit what they have loaded; with more, the
#: store fills with stems of songs that cannot be mixed yet. 30 to 60 is best in simulation (`benchmarks.simulate`).
WINDOW_PER_SLOT: Final = 40
#: The window is filled up when it is emptier than this share, so that songs are admitted in groups and not one by one. A
#: large window that is filled when nearly empty makes waves: patches are loaded once a wave (`benchmarks.simulate`).
REFILL: Final = 0.75


@dataclass(frozen=True, slots=True)
class Demand:
    """What a submission has open, and what it would open."""

    submission_id: int
    open_songs: int  #: songs that are admitted and have not ended
    planned_songs: int  #: songs that wait
    priority: int = 0  #: higher is more urgent


def admissions(
    demands: Sequence[Demand], *, live_slots: int, window_per_slot: int = WINDOW_PER_SLOT, refill: float = REFILL
) -> dict[int, int]:
    """Return how many songs of each submission to open now; those that get none are left out.

    All share one window, the most urgent first, then in the order given. Open songs of a less urgent submission take no
    room from a more urgent one: its stems are leased before theirs.

    Args:
        demands: submissions, the oldest first.
        live_slots: slots with a fresh heartbeat.
        window_per_slot: open songs wanted for each of them.
        refill: share of the window below which it is filled up, 0 to 1.
    """
    granted: dict[int, int] = {}
    for demand in sorted(demands, key=lambda demand: -demand.priority):
        rivals = sum(other.open_songs for other in demands if other.priority >= demand.priority)
        count = songs_to_admit(
            open_songs=rivals + sum(granted.values()),
            planned_songs=demand.planned_songs,
            live_slots=live_slots,
            window_per_slot=window_per_slot,
            refill=refill,
        )
        if count:
            granted[demand.submission_id] = count
    return granted


def songs_to_admit(
    *,
    open_songs: int,
    planned_songs: int,
    live_slots: int,
    window_per_slot: int = WINDOW_PER_SLOT,
    refill: float = REFILL,
) -> int:
    """Return how many of the planned songs to open now.

    Without a live slot the window is that of one, so that the first slot to come finds work.

    Args:
        open_songs: songs that are admitted and have not ended.
        planned_songs: songs that wait.
        live_slots: slots with a fresh heartbeat.
        window_per_slot: open songs wanted for each of them.
        refill: share of the window below which it is filled up, 0 to 1.
    """
    window = window_per_slot * max(1, live_slots)
    if open_songs > refill * window:
        return 0
    return min(planned_songs, window - open_songs)
