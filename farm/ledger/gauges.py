"""The whole farm in numbers, for monitoring: what is now, and what happened since the last look.

What is now comes from counters and from partial indexes, whatever the size of the ledger. What happened comes from the
append-only tables of tries and events, from where the last look ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, func, select

from farm.ledger.clock import db_now
from farm.ledger.holds import held_patches, waiting
from farm.ledger.models import (
    PATCH_HELD,
    SLOT_LIVE,
    TASK_READY,
    TASK_RUNNING,
    AttemptRow,
    BacklogRow,
    BlockRow,
    EventRow,
    HostRow,
    LoadKeyRow,
    PatchRow,
    SlotRow,
    SubmissionRow,
    TallyRow,
    TaskRow,
)
from farm.ledger.slots import slots_by_engine
from farm.ledger.tx import CHUNK, Subject

#: Rows are numbered when they are written and seen when their transaction ends, so a row may appear behind one that was
#: counted. As many ids as this are looked at again; each row is counted once.
OVERLAP: Final = 1000
#: Most new rows that one look reads, so that a look stays short after a long pause; the next look goes on from there.
READ_AT_ONCE: Final = 5000


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far an append-only table was read."""

    last: int = 0  #: highest id read
    recent: frozenset[int] = frozenset()  #: ids read among the last `OVERLAP`


@dataclass(frozen=True, slots=True)
class Since:
    """Where the last look ended."""

    attempts: Cursor = Cursor()
    events: Cursor = Cursor()


@dataclass(frozen=True, slots=True)
class PatchGauge:
    """A load key: what waits for it, and what it costs."""

    load_key: str
    engine: str
    label: str  #: what it loads, for people
    ready: int  #: stems that wait
    est_s: float  #: seconds that their renders are expected to take
    load_s: float  #: smoothed seconds to load it
    pace: float  #: measured render time over estimated, smoothed
    rtf: float | None  #: measured render time over the audio's, smoothed; None before the first
    quarantined: bool  #: held until a person releases it
    waits: bool  #: found no licence and waits for one
    held: int = 0  #: of those that wait: stems of patches that are held, all of them where it is quarantined


@dataclass(frozen=True, slots=True)
class HeldGauge:
    """A patch that is held for itself."""

    load_key: str
    engine: str
    name: str


@dataclass(frozen=True, slots=True)
class HostGauge:
    """A host that has live slots, or that a person or its failures have taken out."""

    host: str
    draining: bool
    sick: bool
    free_disk_bytes: int | None
    blocked: int  #: patches that it gets no work of


@dataclass(slots=True)
class RenderSum:
    """What the new tries of one load key add up to."""

    stems: int = 0
    cached: int = 0  #: found in the store, so that nothing was rendered
    audio_s: float = 0.0  #: seconds of audio that were rendered
    render_s: float = 0.0
    cold_loads: int = 0
    load_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Gauges:
    """One look at the farm."""

    at: float  #: seconds since 1970 by the database's clock
    submissions: dict[str, int]  #: by state
    tally: dict[str, dict[str, float]]  #: subject -> name -> amount, over all submissions
    tasks: dict[tuple[str, str], int]  #: (kind, state) -> tasks that are ready or running
    slots: dict[tuple[str, str, str], int]  #: (host, engine that it drives, state) -> live slots
    silence_s: dict[str, float]  #: host -> seconds since its quietest live slot wrote
    hosts: list[HostGauge]
    patches: list[PatchGauge]
    held: list[HeldGauge] = field(default_factory=list)
    serving: dict[str, int] = field(default_factory=dict)  #: engine class -> live slots that serve it
    rendered: dict[str, RenderSum] = field(default_factory=dict)  #: load key -> new since the last look
    tries: Counter[tuple[str, str, str]] = field(default_factory=Counter)  #: (stem or task, outcome, reason) -> new
    events: Counter[tuple[str, str]] = field(default_factory=Counter)  #: (kind, first word of the detail) -> new


def look(conn: Connection, since: Since | None) -> tuple[Gauges, Since]:
    """Read the farm's numbers; without `since` nothing has happened yet, and the next look counts from now on."""
    gauges = Gauges(
        at=conn.execute(select(db_now())).scalar_one(),
        submissions=_submissions(conn),
        tally=_tally(conn),
        tasks=_tasks(conn),
        slots=_slots(conn),
        silence_s=_silence(conn),
        hosts=_hosts(conn),
        patches=_patches(conn),
        held=_held(conn),
        serving={engine: sum(hosts.values()) for engine, hosts in slots_by_engine(conn).items()},
    )
    if since is None:
        return gauges, Since(_end(conn, AttemptRow.id), _end(conn, EventRow.id))
    attempts, attempt_ids = _advance(conn, AttemptRow.id, since.attempts)
    events, event_ids = _advance(conn, EventRow.id, since.events)
    _count_attempts(conn, gauges, attempt_ids)
    _count_events(conn, gauges, event_ids)
    return gauges, Since(attempts, events)


def _submissions(conn: Connection) -> dict[str, int]:
    query = select(SubmissionRow.state, func.count()).group_by(SubmissionRow.state)
    return {state.value: count for state, count in conn.execute(query)}


def _tally(conn: Connection) -> dict[str, dict[str, float]]:
    query = select(TallyRow.subject, TallyRow.name, func.sum(TallyRow.amount)).group_by(TallyRow.subject, TallyRow.name)
    tally: dict[str, dict[str, float]] = {subject.value: {} for subject in Subject}
    for subject, name, amount in conn.execute(query):
        tally.setdefault(subject, {})[name] = float(amount)
    return tally


def _tasks(conn: Connection) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for condition in (TASK_READY, TASK_RUNNING):
        query = select(TaskRow.kind, TaskRow.state, func.count()).where(condition).group_by(TaskRow.kind, TaskRow.state)
        found |= {(kind.value, state.value): count for kind, state, count in conn.execute(query)}
    return found


def _slots(conn: Connection) -> dict[tuple[str, str, str], int]:
    columns = (SlotRow.host, SlotRow.engine, SlotRow.state)
    query = select(*columns, func.count()).where(SLOT_LIVE).group_by(*columns)
    return {(host, engine, state.value): count for host, engine, state, count in conn.execute(query)}


def _silence(conn: Connection) -> dict[str, float]:
    oldest = func.min(SlotRow.heartbeat_at)
    rows = conn.execute(select(SlotRow.host, db_now() - oldest).where(SLOT_LIVE).group_by(SlotRow.host))
    return {host: max(0.0, seconds) for host, seconds in rows}


def _hosts(conn: Connection) -> list[HostGauge]:
    live = set(conn.execute(select(SlotRow.host).where(SLOT_LIVE).distinct()).scalars())
    blocks = select(BlockRow.host, func.count()).where(BlockRow.until > db_now()).group_by(BlockRow.host)
    blocked = {row[0]: int(row[1]) for row in conn.execute(blocks)}
    sick = func.coalesce(HostRow.sick_until, 0.0) > db_now()
    rows = conn.execute(select(HostRow.host, HostRow.draining, sick, HostRow.free_disk_bytes).order_by(HostRow.host))
    return [
        HostGauge(host, bool(draining), bool(is_sick), free, blocked.get(host, 0))
        for host, draining, is_sick, free in rows
        if host in live or draining or is_sick
    ]


def _patches(conn: Connection) -> list[PatchGauge]:
    ready, est_s = func.sum(BacklogRow.ready), func.sum(BacklogRow.est_s)
    backlog = {
        row[0]: (int(row[1]), float(row[2]) if row[1] else 0.0)  # floats that are added and taken away leave crumbs
        for row in conn.execute(select(BacklogRow.load_key, ready, est_s).group_by(BacklogRow.load_key))
    }
    columns = (
        LoadKeyRow.load_key, LoadKeyRow.engine, LoadKeyRow.label, LoadKeyRow.load_s, LoadKeyRow.pace, LoadKeyRow.rtf,
        LoadKeyRow.quarantined_at, func.coalesce(LoadKeyRow.not_before, 0.0) > db_now(),
    )  # fmt: skip
    rows = conn.execute(select(*columns).order_by(LoadKeyRow.load_key))
    held: Counter[str] = Counter()
    for (_, key), count in waiting(conn, held_patches(conn)).items():
        held[key] += count
    return [
        PatchGauge(
            key, engine, label, *backlog.get(key, (0, 0.0)), load_s=load_s, pace=pace, rtf=rtf,
            quarantined=quarantined_at is not None, waits=bool(waits),
            held=_part(held[key], backlog.get(key, (0, 0.0))[0], whole=quarantined_at is not None),
        )
        for key, engine, label, load_s, pace, rtf, quarantined_at, waits in rows
    ]  # fmt: skip


def _part(held: int, ready: int, *, whole: bool) -> int:
    """Return how many of a load key's ready stems are held; both were counted, one after the other, while slots work."""
    return ready if whole else min(held, ready)


def _held(conn: Connection) -> list[HeldGauge]:
    query = select(PatchRow.load_key, PatchRow.engine, PatchRow.name).where(PATCH_HELD).distinct()
    return [HeldGauge(*row) for row in conn.execute(query.order_by(PatchRow.name, PatchRow.load_key))]


def _end(conn: Connection, column: Any) -> Cursor:
    """Return a cursor behind every row that there is."""
    last = conn.execute(select(func.max(column))).scalar() or 0
    recent = conn.execute(select(column).where(column > last - OVERLAP)).scalars()
    return Cursor(last, frozenset(recent))


def _advance(conn: Connection, column: Any, cursor: Cursor) -> tuple[Cursor, list[int]]:
    """Return the cursor behind what is read now, and the ids that were not read before."""
    query = select(column).where(column > cursor.last - OVERLAP).order_by(column).limit(OVERLAP + READ_AT_ONCE)
    found = list(conn.execute(query).scalars())
    fresh = [number for number in found if number not in cursor.recent]
    last = max([cursor.last, *found])
    recent = frozenset(number for number in cursor.recent.union(found) if number > last - OVERLAP)
    return Cursor(last, recent), fresh


def _groups(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))


def _count_attempts(conn: Connection, gauges: Gauges, ids: Sequence[int]) -> None:
    columns = (
        AttemptRow.stem_id, AttemptRow.outcome, AttemptRow.reason, AttemptRow.render_s, AttemptRow.load_s,
        AttemptRow.cold, AttemptRow.cached, AttemptRow.load_key, AttemptRow.audio_s,
    )  # fmt: skip
    for some in _groups(ids):
        for row in conn.execute(select(*columns).where(AttemptRow.id.in_(some))):
            kind = "task" if row.stem_id is None else "stem"
            gauges.tries[kind, row.outcome, row.reason or ""] += 1
            if row.load_key is not None and row.render_s is not None:
                _add(gauges.rendered.setdefault(row.load_key, RenderSum()), row)


def _add(total: RenderSum, row: Any) -> None:
    total.stems += 1
    if row.cached:
        total.cached += 1
        return
    total.render_s += row.render_s
    total.audio_s += row.audio_s or 0.0
    if row.cold:
        total.cold_loads += 1
        total.load_s += row.load_s or 0.0


def _count_events(conn: Connection, gauges: Gauges, ids: Sequence[int]) -> None:
    for some in _groups(ids):
        for kind, detail in conn.execute(select(EventRow.kind, EventRow.detail).where(EventRow.id.in_(some))):
            gauges.events[kind, detail.partition(":")[0].partition(" ")[0]] += 1
