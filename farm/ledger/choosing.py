"""Pure decisions of the ledger: which patch a slot works on next, how much of it at once, and which songs are opened.

The ledger's transactions fetch rows, ask these functions, and write what they say; `benchmarks.simulate` asks the same
functions about farms that no test could wait for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

#: Work that went down with its slot this often is leased alone, so that what it is in a batch with does not suffer.
SUSPECT_LOSSES: Final = 2
#: A batch is as much work as this at most, seconds: what is more urgent never waits longer for a slot, and a lease costs
#: a few milliseconds, so that more would save nothing (render_farms 4.4: 60 to 120 s).
BATCH_S: Final = 90.0
#: Seconds of waiting work that a second of loading must be worth. What waits grows until it is loaded for, and is then
#: done with the same load; of the weights 1, 2, 4 and 6 the best in simulation.
LOAD_WEIGHT: Final = 4.0
#: Loads below this, seconds, are always worth it: less is no loss, and no guess of what was never loaded holds a slot up.
NOTICEABLE_LOAD_S: Final = 2.0
#: What it takes on top of a load, seconds, to end one engine's process and start another's.
SWITCH_S: Final = 0.5
#: Seconds of one core that a note takes FluidSynth, and that a second of stem takes beside its notes (gains, encoding, loudness,
#: files): rough means over real songs with the small soundfont. Only their proportion matters.
NOTE_S: Final = 1e-3
SONG_SECOND_S: Final = 1e-3
#: Weight of a new measurement in the smoothed load time and pace of a load key.
SMOOTHING: Final = 0.2


@dataclass(frozen=True, slots=True)
class KeyBacklog:
    """Work of one priority that waits for one load key."""

    load_key: str
    ready: int  #: stems
    est_s: float  #: seconds that their renders will take
    load_s: float  #: seconds that a cold slot needs to load it
    warm_slots: int = 0  #: other slots that are bound to it: they have it loaded, or are about to
    priority: int = 0  #: of the submissions that the work belongs to; higher is more urgent
    slots: int | None = None  #: live slots that serve its engine class; None where every slot does


@dataclass(frozen=True, slots=True)
class Choice:
    """What a slot leases: a load key, and at most this many of its stems."""

    load_key: str
    size: int


def choose_batch(backlogs: Iterable[KeyBacklog], *, warm_key: str | None, live_slots: int, limit: int) -> Choice | None:
    """Choose what a slot leases next; None when there is nothing for it.

    Args:
        backlogs: what waits; one entry for each load key and priority.
        warm_key: what the slot has loaded, or None.
        live_slots: slots that might share the work.
        limit: most stems that the slot takes.
    """
    urgent = most_urgent(backlogs)
    key = choose_load_key(urgent, warm_key)
    if key is None:
        return None
    chosen = next(backlog for backlog in urgent if backlog.load_key == key)
    able = live_slots if chosen.slots is None else min(live_slots, chosen.slots)
    sharers = sharing_slots(chosen, sum(backlog.est_s for backlog in urgent), able)
    return Choice(key, batch_size(chosen.ready, chosen.est_s, sharers, limit))


def most_urgent(backlogs: Iterable[KeyBacklog]) -> list[KeyBacklog]:
    """Return what waits at the highest priority at which anything waits: priority comes before a warm patch."""
    waiting = [backlog for backlog in backlogs if backlog.ready > 0]
    highest = max((backlog.priority for backlog in waiting), default=0)
    return [backlog for backlog in waiting if backlog.priority == highest]


def choose_load_key(backlogs: Sequence[KeyBacklog], warm_key: str | None) -> str | None:
    """Choose what a slot works on: what it has loaded, else the largest share of waiting work after its load time.

    A key's score is its waiting render time, shared with the slots that are bound to it already, less the time to load
    it. Work that those slots will have done before another could have loaded the key is left to them: the load would
    end nothing sooner. Equal scores go to the smaller key, so that the choice never depends on row order.

    Returns:
        The load key, or None when nothing waits that is worth a load.
    """
    waiting = [backlog for backlog in backlogs if backlog.ready > 0]
    if any(backlog.load_key == warm_key for backlog in waiting):
        return warm_key
    worthwhile = [backlog for backlog in waiting if is_worth_a_load(backlog)]
    if not worthwhile:
        return None
    return min(worthwhile, key=lambda backlog: (-score(backlog), backlog.load_key)).load_key


def score(backlog: KeyBacklog) -> float:
    """Return a cold slot's share of the work that waits for a key, less the weighed time to load it, seconds."""
    return backlog.est_s / (backlog.warm_slots + 1) - LOAD_WEIGHT * backlog.load_s


def is_worth_a_load(backlog: KeyBacklog) -> bool:
    """Whether a cold slot that loads the key now still finds work of it: nobody is bound to it, or not enough slots."""
    if backlog.warm_slots == 0 or backlog.load_s < NOTICEABLE_LOAD_S:
        return True
    return backlog.est_s / backlog.warm_slots > backlog.load_s


def sharing_slots(backlog: KeyBacklog, waiting_s: float, live_slots: int) -> int:
    """Return among how many slots a key's work will be shared.

    That is its share of all that waits: while there are more keys than slots one slot will do it all, and when it is
    the last key every slot will help. At least those that are bound to it share it, and the one that asks.

    Args:
        backlog: the key's work.
        waiting_s: seconds of work that wait for all keys.
        live_slots: slots that might work on any of them.
    """
    share = backlog.est_s / waiting_s if waiting_s > 0 else 1.0
    return max(backlog.warm_slots + 1, round(share * live_slots))


def batch_size(ready: int, est_s: float, sharers: int, limit: int) -> int:
    """Return how many stems to lease at once: half of an equal share, at most `limit` and `BATCH_S`, at least 1.

    Guided self-scheduling (Polychronopoulos and Kuck 1987): batches shrink towards the end, so that slots end together.

    Args:
        ready: stems that wait for the key.
        est_s: seconds that their renders will take.
        sharers: slots among which they will be shared.
        limit: most stems in a batch.
    """
    share = ready // (2 * max(1, sharers))
    in_time = min(limit, BATCH_S * ready / est_s) if est_s > 0 else limit
    return max(1, min(share, int(in_time)))


def cut_batch(losses: Sequence[int]) -> int:
    """Return how many of the next stems go into one batch, given the losses of each, in order.

    A suspect goes alone; others go together up to the first suspect. 0 for no stems.
    """
    if not losses:
        return 0
    if losses[0] >= SUSPECT_LOSSES:
        return 1
    return next((index for index, count in enumerate(losses) if count >= SUSPECT_LOSSES), len(losses))


@dataclass(frozen=True, slots=True)
class WaitingSong:
    """A planned song that may be opened."""

    song_id: int
    work_s: float  #: seconds of stem audio expected
    notes: int
    name: str

    @property
    def cost_s(self) -> float:
        """Seconds that it is expected to take on one core."""
        return self.work_s * SONG_SECOND_S + self.notes * NOTE_S


def order_of_admission(songs: Iterable[WaitingSong]) -> list[int]:
    """Return the order in which a group of songs is worked on, those with the most work first.

    No long song is left for the end (Graham's longest processing time rule, 1969). It holds within a group: which songs
    come into the group is the order of the tracks, so that songs of every length are finished from the start.
    """
    return [song.song_id for song in sorted(songs, key=lambda song: (-song.cost_s, song.name))]


def smoothed(old: float, measured: float) -> float:
    """Return a load time or pace after a new measurement."""
    return old + SMOOTHING * (measured - old)
