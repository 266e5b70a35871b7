"""A farm in virtual time: slots that load and render, and a book that says what each does next.

The book of the simulator keeps in memory what the ledger keeps in its tables, and decides by the ledger's and the
reconciler's own functions; a test holds it against a real ledger, lease by lease. Deaths, song tasks and the time of
transactions are left out.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.worlds import World
from farm.ledger.choosing import KeyBacklog, WaitingSong, choose_batch, order_of_admission, smoothed
from farm.ledger.drawing import DEFAULT_LOAD_S
from farm.ledger.times import READ_TRIES, UNMEASURED_PACE, KeyTimes, StemTimes
from farm.scheduling.admission import REFILL, Demand, admissions
from farm.scheduling.eta import forecast
from workers.slot import COMMIT_S, COMMIT_STEMS

ENGINE = "simulated"


@dataclass(frozen=True, slots=True)
class Batch:
    """What a slot leased."""

    load_key: str
    stems: Sequence[int]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A stem that a slot commits."""

    stem: int
    render_s: float
    load_s: float | None  #: None when the slot was warm


class Book(Protocol):
    """What slots ask."""

    @property
    def busy(self) -> bool:
        """Whether any song is planned or open."""

    def tick(self, live_slots: int) -> None:
        """Let the reconciler look once."""

    def lease(self, slot: int, warm_key: str | None, /) -> Batch | None:
        """Give a slot work; None when there is none for it."""

    def rest(self, slot: int, warm_key: str | None, /) -> None:
        """Note that a slot found no work."""

    def commit(self, slot: int, group: Sequence[Rendered], /) -> list[int]:
        """Take finished stems; returns the songs that are finished by them."""


def key_of(patch: int) -> str:
    """Return the load key of a patch."""
    return f"{patch:04d}"


@dataclass(slots=True)
class _Key:
    """What waits for a load key, and what was measured of it."""

    queue: deque[int] = field(default_factory=deque)
    est_s: float = 0.0
    load_s: float = DEFAULT_LOAD_S
    pace: float = UNMEASURED_PACE
    bound: int = 0
    left: int = 0  #: waiting or leased
    left_s: float = 0.0


class LeaseBook:
    """Decides as the ledger and the reconciler do.

    Args:
        world: the dataset.
        limit: most stems in a batch.
        window_per_slot: open songs for each slot; None opens all at once.
        refill: share of the window below which it is filled up.
    """

    def __init__(self, world: World, *, limit: int, window_per_slot: int | None, refill: float = REFILL) -> None:
        self._world = world
        self._limit = limit
        self._window = len(world.songs) if window_per_slot is None else window_per_slot
        self._refill = refill
        self._keys: defaultdict[str, _Key] = defaultdict(_Key)
        self._backlogs: dict[str, KeyBacklog] = {}
        self._bound: dict[int, str] = {}
        self._planned = deque(range(len(world.songs)))
        self._opened: list[int] = []  #: admitted since the last look; their stems are ready with the next
        self._left = [len(song) for song in world.songs]
        self._open = 0
        self._tries: deque[Rendered] = deque(maxlen=READ_TRIES)
        self.slots = 0

    @property
    def busy(self) -> bool:
        """Whether any song is planned or open."""
        return bool(self._planned) or self._open > 0

    def tick(self, live_slots: int) -> None:
        """Draw the songs of the last look, and admit."""
        self.slots = live_slots
        for song in self._opened:
            self._draw(song)
        demand = Demand(1, self._open, len(self._planned))
        granted = admissions([demand], live_slots=live_slots, window_per_slot=self._window, refill=self._refill).get(
            1, 0
        )
        group = [self._planned.popleft() for _ in range(granted)]
        self._opened = order_of_admission(WaitingSong(song, self._work_s(song), 0, f"{song:06d}") for song in group)
        self._open += granted

    def _work_s(self, song: int) -> float:
        return sum(self._world.stems[stem].audio_s for stem in self._world.songs[song])

    def _draw(self, song: int) -> None:
        stems = self._world.stems
        for stem in sorted(self._world.songs[song], key=lambda stem: (-stems[stem].est_s, stem)):
            name = key_of(stems[stem].patch)
            key = self._keys[name]
            key.queue.append(stem)
            key.est_s += stems[stem].est_s
            key.left += 1
            key.left_s += stems[stem].est_s
            self._note(name)

    def _note(self, name: str) -> None:
        """Bring the backlog of a key up to date, as the next query would find it."""
        key = self._keys[name]
        if key.queue:
            est_s = key.est_s * key.pace
            self._backlogs[name] = KeyBacklog(name, len(key.queue), est_s, key.load_s, key.bound)
        else:
            self._backlogs.pop(name, None)

    def lease(self, slot: int, warm_key: str | None, /) -> Batch | None:
        """Give a slot work as `farm.ledger.leases` does."""
        self._bind(slot, None)
        choice = choose_batch(self._backlogs.values(), warm_key=warm_key, live_slots=self.slots, limit=self._limit)
        if choice is None:
            return None
        key = self._keys[choice.load_key]
        taken = [key.queue.popleft() for _ in range(min(choice.size, len(key.queue)))]
        key.est_s -= sum(self._world.stems[stem].est_s for stem in taken)
        self._bind(slot, choice.load_key)
        return Batch(choice.load_key, taken)

    def _bind(self, slot: int, name: str | None) -> None:
        old = self._bound.pop(slot, None)
        if old is not None:
            self._keys[old].bound -= 1
            self._note(old)
        if name is not None:
            self._bound[slot] = name
            self._keys[name].bound += 1
            self._note(name)

    def rest(self, slot: int, _warm_key: str | None, /) -> None:
        """Note that a slot is idle: it is bound to nothing."""
        self._bind(slot, None)

    def commit(self, _slot: int, group: Sequence[Rendered], /) -> list[int]:
        """Take finished stems, and learn from their times."""
        finished = []
        by_key: defaultdict[str, list[Rendered]] = defaultdict(list)
        for item in group:
            stem = self._world.stems[item.stem]
            by_key[key_of(stem.patch)].append(item)
            self._tries.appendleft(item)
            self._left[stem.song] -= 1
            if self._left[stem.song] == 0:
                self._open -= 1
                finished.append(stem.song)
        for name, items in by_key.items():
            self._learn(name, items)
        return finished

    def _learn(self, name: str, items: Sequence[Rendered]) -> None:
        key = self._keys[name]
        expected_s = sum(self._world.stems[item.stem].est_s for item in items)
        key.pace = smoothed(key.pace, sum(item.render_s for item in items) / expected_s)
        loads = [item.load_s for item in items if item.load_s is not None]
        if loads:
            key.load_s = smoothed(key.load_s, sum(loads) / len(loads))
        key.left -= len(items)
        key.left_s -= expected_s
        self._note(name)

    def stem_times(self) -> StemTimes:
        """Return what the ledger would know for a forecast."""
        tries: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
        for item in self._tries:
            stem = self._world.stems[item.stem]
            tries[key_of(stem.patch)].append((item.render_s, stem.est_s))
        rendered_s = sum(item.render_s for item in self._tries)
        undrawn = [*self._opened, *self._planned]
        return StemTimes(
            keys=tuple(
                KeyTimes(
                    name,
                    name,
                    ENGINE,
                    key.left,
                    key.left_s,
                    key.load_s,
                    key.pace,
                    key.bound,
                    tuple(tries[name]),
                    measured=key.pace != UNMEASURED_PACE,
                )
                for name, key in self._keys.items()
                if key.left
            ),
            slots={ENGINE: self.slots},
            undrawn_audio_s=sum(self._work_s(song) for song in undrawn),
            tries=tuple((item.render_s, self._world.stems[item.stem].audio_s) for item in self._tries),
            known_paces=tuple(key.pace for key in self._keys.values() if key.pace != UNMEASURED_PACE),
            load_share=sum(item.load_s or 0.0 for item in self._tries) / rendered_s if rendered_s else 0.0,
        )


class QueueBook(LeaseBook):
    """First come, first served: a queue of stems in the order of songs, one message at a time, whatever is loaded."""

    def __init__(self, world: World) -> None:
        super().__init__(world, limit=1, window_per_slot=None)
        self._queue: deque[int] = deque()

    def _draw(self, song: int) -> None:
        super()._draw(song)
        self._queue.extend(self._world.songs[song])

    def lease(self, _slot: int, _warm_key: str | None, /) -> Batch | None:
        """Give a slot the next stem."""
        if not self._queue:
            return None
        stem = self._queue.popleft()
        return Batch(key_of(self._world.stems[stem].patch), [stem])


@dataclass(slots=True)
class Outcome:
    """What a simulated farm did."""

    slots: int
    patches: int
    stems: int
    render_s: float
    makespan_s: float = 0.0
    cold_loads: int = 0
    load_s: float = 0.0
    leases: int = 0
    most_waiting: int = 0  #: rendered stems of songs that were not finished: raw audio on disk
    finished_s: list[float] = field(default_factory=list)  #: when songs were finished, rising
    forecasts: list[tuple[float, float, float]] = field(default_factory=list)  #: (when, p50, p90), seconds

    @property
    def efficiency(self) -> float:
        """Share of the slots' time that was rendering."""
        return self.render_s / (self.slots * self.makespan_s)

    @property
    def loads_per_patch(self) -> float:
        """Cold loads for each patch."""
        return self.cold_loads / self.patches

    def done_at(self, share: float) -> float:
        """Return the share of songs that were finished when `share` of the time had passed."""
        return bisect.bisect_right(self.finished_s, share * self.makespan_s) / len(self.finished_s)


class SimFarm:
    """Slots, a clock and a book.

    Args:
        world: the dataset.
        book: says who does what.
        slots: how many there are.
        tick_s: time between two looks of the reconciler; idle slots ask again as often.
        forecast_every_s: time between two forecasts; 0 for none.
    """

    def __init__(
        self, world: World, book: Book, *, slots: int, tick_s: float = 0.5, forecast_every_s: float = 0.0
    ) -> None:
        self._world = world
        self._book = book
        self._slots = slots
        self._tick_s = tick_s
        self._forecast_every_s = forecast_every_s
        self._warm: list[str | None] = [None] * slots
        self._idle = list(range(slots))
        self._events: list[tuple[float, int, int, list[Rendered], bool]] = []
        self._numbers = itertools.count()
        self._waiting = [0] * len(world.songs)
        self._waiting_stems = 0
        self.journal: list[tuple[int, Batch]] = []  #: every lease, in order
        self.outcome = Outcome(slots, len(world.loads), len(world.stems), world.render_s)

    def run(self) -> Outcome:
        """Render everything."""
        next_forecast_s = self._forecast_every_s
        for tick in itertools.count():
            now = tick * self._tick_s
            while self._events and self._events[0][0] <= now:
                self._happen(*heapq.heappop(self._events))
            if not self._book.busy:
                break
            self._book.tick(self._slots)
            asking, self._idle = self._idle, []
            for slot in asking:
                self._ask(slot, now)
            if self._forecast_every_s and now >= next_forecast_s:
                next_forecast_s += self._forecast_every_s
                self._forecast(now)
        return self.outcome

    def _happen(self, now: float, _: int, slot: int, group: list[Rendered], last: bool) -> None:
        for item in group:
            self._waiting[self._world.stems[item.stem].song] += 1
        self._waiting_stems += len(group)
        self.outcome.most_waiting = max(self.outcome.most_waiting, self._waiting_stems)
        self.outcome.makespan_s = now
        for song in self._book.commit(slot, group):
            self.outcome.finished_s.append(now)
            self._waiting_stems -= self._waiting[song]
        if last:
            self._ask(slot, now)

    def _ask(self, slot: int, now: float) -> None:
        batch = self._book.lease(slot, self._warm[slot])
        if batch is None:
            self._idle.append(slot)
            self._book.rest(slot, self._warm[slot])
            return
        self.journal.append((slot, batch))
        self.outcome.leases += 1
        groups = list(self._work(slot, batch, now))
        for number, (end, group) in enumerate(groups, start=1):
            heapq.heappush(self._events, (end, next(self._numbers), slot, group, number == len(groups)))

    def _work(self, slot: int, batch: Batch, now: float) -> Iterator[tuple[float, list[Rendered]]]:
        """Yield the commits of a batch, grouped as a slot groups them, and when they come."""
        load_s: float | None = None
        if self._warm[slot] != batch.load_key:
            load_s = self._world.loads[self._world.stems[batch.stems[0]].patch]
            self._warm[slot] = batch.load_key
            self.outcome.cold_loads += 1
            self.outcome.load_s += load_s
        began, group = now, list[Rendered]()
        now += load_s or 0.0
        for stem in batch.stems:
            render_s = self._world.stems[stem].render_s
            now += render_s
            group.append(Rendered(stem, render_s, load_s))
            load_s = None
            if len(group) >= COMMIT_STEMS or now - began >= COMMIT_S or stem == batch.stems[-1]:
                yield now, group
                began, group = now, []

    def _forecast(self, now: float) -> None:
        if isinstance(self._book, LeaseBook):
            eta = forecast(self._book.stem_times())
            if eta.p50_s is not None and eta.p90_s is not None:
                self.outcome.forecasts.append((now, eta.p50_s, eta.p90_s))
