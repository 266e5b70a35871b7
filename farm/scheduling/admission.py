"""The admission window: how many songs are open at a time. A pure function."""

from __future__ import annotations

from typing import Final

#: Open songs for each live slot. With fewer, slots run out of stems that fit what they have loaded; with more, the
#: store fills with stems of songs that cannot be mixed yet. 30 to 60 is best in simulation (render_farms 2.1).
WINDOW_PER_SLOT: Final = 40
#: The window is filled up when it is emptier than this share, so that songs are admitted in groups and not one by one.
_REFILL: Final = 0.75


def songs_to_admit(
    *, open_songs: int, planned_songs: int, live_slots: int, window_per_slot: int = WINDOW_PER_SLOT
) -> int:
    """Return how many of the planned songs to open now.

    Without a live slot the window is that of one, so that the first slot to come finds work.

    Args:
        open_songs: songs that are admitted and have not ended.
        planned_songs: songs that wait.
        live_slots: slots with a fresh heartbeat.
        window_per_slot: open songs wanted for each of them.
    """
    window = window_per_slot * max(1, live_slots)
    if open_songs > _REFILL * window:
        return 0
    return min(planned_songs, window - open_songs)
