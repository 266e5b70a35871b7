"""What the forecast of a submission's end is made from: work that is left, and how long such work took lately."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, func, select

from farm.ledger.holds import held_patches, waiting
from farm.ledger.limiting import is_about
from farm.ledger.models import (
    SLOT_LIVE,
    AttemptRow,
    BacklogRow,
    LimitRow,
    LoadKeyRow,
    SlotRow,
    SongRow,
    TallyRow,
    TaskRow,
)
from farm.ledger.slots import live_count, slots_by_engine
from farm.ledger.submissions import get
from farm.ledger.tx import Subject
from schemas.states import SUBMISSION_ENDS, LimitScope, SongState, SubmissionState, TaskKind

#: Tries of the whole farm that count as recent, and at most as many of them are read: a few tens of milliseconds.
RECENT_TRIES: Final = 20_000
READ_TRIES: Final = 4_000
#: Pace of a load key before its first measurement; no smoothed measurement comes back to it exactly.
UNMEASURED_PACE: Final = 1.0

#: Why nothing can be said of a submission in these states.
_WAITS: Final = {
    SubmissionState.SUBMITTING: "its list of files is still being written",
    SubmissionState.SCANNING: "its files are still being read",
    SubmissionState.PAUSING: "it is being paused",
    SubmissionState.PAUSED: "it is paused",
    SubmissionState.CANCELLING: "it is being cancelled",
}
#: Tasks that a song has before it, by its state.
_TASKS_LEFT: Final = {
    SongState.PLANNED: (TaskKind.SPLIT, TaskKind.MIX, TaskKind.ANNOTATE, TaskKind.PUBLISH),
    SongState.SPLITTING: (TaskKind.SPLIT, TaskKind.MIX, TaskKind.ANNOTATE, TaskKind.PUBLISH),
    SongState.DRAWING: (TaskKind.MIX, TaskKind.ANNOTATE, TaskKind.PUBLISH),
    SongState.RENDERING: (TaskKind.MIX, TaskKind.ANNOTATE, TaskKind.PUBLISH),
    SongState.MIXING: (TaskKind.MIX, TaskKind.ANNOTATE, TaskKind.PUBLISH),
    SongState.ANNOTATING: (TaskKind.ANNOTATE, TaskKind.PUBLISH),
    SongState.PUBLISHING: (TaskKind.PUBLISH,),
}
_UNDRAWN: Final = (SongState.PLANNED, SongState.SPLITTING, SongState.DRAWING)
_DRAWN: Final = (SongState.RENDERING, SongState.MIXING, SongState.ANNOTATING, SongState.PUBLISHING)


@dataclass(frozen=True, slots=True)
class KeyTimes:
    """Stems of one load key that are left, those of held patches for themselves, and how long such stems took."""

    load_key: str
    label: str  #: name of one of its patches, for people
    engine: str
    stems: int  #: waiting or leased
    est_s: float  #: seconds that their renders were expected to take when they were drawn
    load_s: float  #: seconds to load it, as measured
    pace: float  #: render time over expected time, as measured and smoothed; 1 before the first measurement
    slots: int = 0  #: live slots that have it loaded
    tries: tuple[tuple[float, float], ...] = ()  #: (render time, expected time) of recent stems, the newest first
    measured: bool = False  #: whether any of it was ever rendered on this farm
    held: bool = False  #: no slot may take it until a person releases it
    slots_max: int | None = None  #: most slots that may have it loaded at once; None for any number
    limit: str | None = None  #: name of the limit that says so; others may share it


@dataclass(frozen=True, slots=True)
class TaskTimes:
    """Song tasks of one kind that are left, and how long such tasks took."""

    kind: TaskKind
    left: int
    seconds: tuple[float, ...] = ()  #: of recent ones, the newest first


@dataclass(frozen=True, slots=True)
class StemTimes:
    """All that a forecast needs to know of a submission."""

    keys: tuple[KeyTimes, ...] = ()
    tasks: tuple[TaskTimes, ...] = ()
    slots: Mapping[str, int] | None = None  #: live slots by engine class; one counts for every class that it serves
    live_slots: int | None = None  #: live slots in all; None where each serves one class
    undrawn_audio_s: float = 0.0  #: seconds of stem audio expected of songs that have no stems yet
    tries: tuple[tuple[float, float], ...] = ()  #: (render time, audio time) of recent stems, the newest first
    known_paces: tuple[float, ...] = ()  #: smoothed paces of every load key that was ever rendered on this farm
    waits: str = ""  #: why nothing can be said before a person or a scan is done; empty if something can
    load_share: float = 0.0  #: recent seconds of loading for each second of rendering


@dataclass(frozen=True, slots=True)
class _Try:
    """A recent render."""

    load_key: str
    render_s: float
    load_s: float  #: 0 unless it was cold
    est_s: float
    audio_s: float


def stem_times(conn: Connection, submission_id: int) -> StemTimes:
    """Read what is left of a submission, and the recent tries of the whole farm.

    Raises:
        UnknownIdError: there is no such submission.
    """
    state = get(conn, submission_id).state
    if state in SUBMISSION_ENDS:
        return StemTimes()
    songs = _songs(conn, submission_id)
    tries = _recent_tries(conn)
    rendered_s = sum(one.render_s for one in tries)
    hosts = slots_by_engine(conn)
    return StemTimes(
        keys=_keys(conn, submission_id, tries, hosts),
        tasks=_tasks(conn, songs),
        slots={engine: sum(by_host.values()) for engine, by_host in hosts.items()},
        live_slots=live_count(conn),
        undrawn_audio_s=_undrawn_audio_s(conn, submission_id) if any(songs.get(state) for state in _UNDRAWN) else 0.0,
        tries=tuple((one.render_s, one.audio_s) for one in tries if one.audio_s > 0),
        known_paces=_known_paces(conn),
        waits=_WAITS.get(state, ""),
        load_share=sum(one.load_s for one in tries) / rendered_s if rendered_s > 0 else 0.0,
    )


def _songs(conn: Connection, submission_id: int) -> dict[SongState, int]:
    rows = conn.execute(
        select(TallyRow.name, TallyRow.amount).where(
            TallyRow.submission_id == submission_id, TallyRow.subject == Subject.SONG.value
        )
    )
    return {SongState(row.name): int(row.amount) for row in rows}


def _undrawn_audio_s(conn: Connection, submission_id: int) -> float:
    """Return the work of all songs but those that have ended or have stems: there are few of these at a time."""
    query = select(TallyRow.name, TallyRow.amount).where(
        TallyRow.submission_id == submission_id, TallyRow.subject == Subject.WORK.value
    )
    work = {row.name: float(row.amount) for row in conn.execute(query)}
    open_work = select(func.coalesce(func.sum(SongRow.work_s), 0.0)).where(
        SongRow.submission_id == submission_id, SongRow.state.in_(_DRAWN)
    )
    return max(0.0, work.get("total", 0.0) - work.get("ended", 0.0) - conn.execute(open_work).scalar_one())


def _recent(conn: Connection) -> int:
    """Return the id after which tries are recent."""
    return (conn.execute(select(func.max(AttemptRow.id))).scalar() or 0) - RECENT_TRIES


def _recent_tries(conn: Connection) -> list[_Try]:
    """Return recent renders, the newest first; stems that were found in the store tell nothing of speed."""
    rows = conn.execute(
        select(
            AttemptRow.load_key, AttemptRow.render_s, AttemptRow.load_s, AttemptRow.cold, AttemptRow.est_s,
            AttemptRow.audio_s,
        )
        .where(AttemptRow.id > _recent(conn), AttemptRow.load_key.is_not(None))
        .where(AttemptRow.outcome == "done", AttemptRow.cached.is_(False))
        .order_by(AttemptRow.id.desc())
        .limit(READ_TRIES)
    )  # fmt: skip
    return [
        _Try(row.load_key, row.render_s, row.load_s if row.cold else 0.0, row.est_s or 0.0, row.audio_s or 0.0)
        for row in rows
    ]


def _known_paces(conn: Connection) -> tuple[float, ...]:
    return tuple(conn.execute(select(LoadKeyRow.pace).where(LoadKeyRow.pace != UNMEASURED_PACE)).scalars())


def _keys(
    conn: Connection, submission_id: int, tries: Sequence[_Try], hosts: Mapping[str, Mapping[str, int]]
) -> tuple[KeyTimes, ...]:
    by_key: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in tries:
        if one.est_s > 0:
            by_key[one.load_key].append((one.render_s, one.est_s))
    rows = conn.execute(
        select(
            BacklogRow.load_key, BacklogRow.ready + BacklogRow.leased, BacklogRow.est_s + BacklogRow.leased_est_s,
            LoadKeyRow.engine, LoadKeyRow.label, LoadKeyRow.load_s, LoadKeyRow.pace, LoadKeyRow.quarantined_at,
        )
        .join(LoadKeyRow, LoadKeyRow.load_key == BacklogRow.load_key)
        .where(BacklogRow.submission_id == submission_id, BacklogRow.ready + BacklogRow.leased > 0)
        .order_by(BacklogRow.load_key)
    ).all()  # fmt: skip
    loaded = _loaded(conn, [row.load_key for row in rows])
    single = waiting(conn, held_patches(conn), submission_id)
    limits = conn.execute(select(LimitRow.name, LimitRow.max, LimitRow.scope).order_by(LimitRow.name)).all()
    found = [
        KeyTimes(
            load_key=load_key,
            label=label or load_key,
            engine=engine,
            stems=int(stems),
            est_s=est_s,
            load_s=load_s,
            pace=pace,
            slots=loaded.get(load_key, 0),
            tries=tuple(by_key.get(load_key, ())),
            measured=pace != UNMEASURED_PACE,
            held=quarantined_at is not None,
            **_tightest(limits, load_key, engine, label, hosts.get(engine, {})),
        )
        for load_key, stems, est_s, engine, label, load_s, pace, quarantined_at in rows
    ]
    return tuple(part for key in found for part in _apart(key, single.get((submission_id, key.load_key), 0)))


def _apart(key: KeyTimes, held: int) -> Iterator[KeyTimes]:
    """Tell the stems of held patches from the rest; they are taken to be as long as the others of their load key."""
    held = key.stems if key.held else min(held, key.stems)
    for stems, is_held in ((key.stems - held, False), (held, True)):
        if stems:
            yield replace(key, stems=stems, est_s=key.est_s * stems / key.stems, held=is_held)


def _tightest(
    limits: Sequence[Any], load_key: str, engine: str, label: str, hosts: Mapping[str, int]
) -> dict[str, Any]:
    """Return the limit that leaves a load key the fewest slots; nothing where none counts it."""
    found = [
        (slots_allowed(limit.max, limit.scope, hosts), limit.name)
        for limit in limits
        if is_about(limit.name, load_key, engine, label)
    ]
    return dict(zip(("slots_max", "limit"), min(found), strict=True)) if found else {}


def slots_allowed(maximum: int, scope: LimitScope, hosts: Mapping[str, int]) -> int:
    """Return on how many slots a limit allows a load: so many, or those of so many hosts, the largest first.

    Args:
        maximum: of the limit.
        scope: what it counts.
        hosts: live slots by host.
    """
    if scope is LimitScope.INSTANCE:
        return maximum
    return sum(sorted(hosts.values(), reverse=True)[:maximum])


def _loaded(conn: Connection, keys: Collection[str]) -> dict[str, int]:
    query = select(SlotRow.warm_key, func.count()).where(SLOT_LIVE, SlotRow.warm_key.in_(keys))
    return {key: count for key, count in conn.execute(query.group_by(SlotRow.warm_key)) if key is not None}


def _tasks(conn: Connection, songs: Mapping[SongState, int]) -> tuple[TaskTimes, ...]:
    left: defaultdict[TaskKind, int] = defaultdict(int)
    for state, count in songs.items():
        for kind in _TASKS_LEFT.get(state, ()):
            left[kind] += count
    if not any(left.values()):
        return ()
    rows = conn.execute(
        select(TaskRow.kind, AttemptRow.ended_at - AttemptRow.began_at)
        .join(TaskRow, TaskRow.id == AttemptRow.task_id)
        .where(AttemptRow.id > _recent(conn), AttemptRow.outcome == "done", TaskRow.kind.in_(list(left)))
        .order_by(AttemptRow.id.desc())
        .limit(READ_TRIES)
    )
    seconds: defaultdict[TaskKind, list[float]] = defaultdict(list)
    for kind, taken_s in rows:
        seconds[kind].append(max(0.0, taken_s))
    return tuple(TaskTimes(kind, count, tuple(seconds[kind])) for kind, count in sorted(left.items()) if count)
