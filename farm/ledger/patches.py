"""Patches as operators see them: their work and speed, quarantined by a person and released by one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, update

from farm.ledger.blaming import Target, hold
from farm.ledger.clock import db_now
from farm.ledger.holds import waiting
from farm.ledger.models import (
    PATCH_HELD,
    AttemptRow,
    BacklogRow,
    BlockRow,
    LoadKeyRow,
    PatchRow,
    StemRow,
    SubmissionRow,
)
from farm.ledger.records import HoldReport, PatchReport
from farm.ledger.tx import Tx
from schemas.errors import StateError, UnknownIdError
from schemas.states import EventKind, StemState

# ---------------------------------------------------------------- what there is


def all_of(conn: Connection, submission_id: int | None) -> list[PatchReport]:
    """Return the load keys that a submission, or any, has stems for: held ones first, then the most work."""
    _require(conn, submission_id)
    conditions = [] if submission_id is None else [BacklogRow.submission_id == submission_id]
    held: defaultdict[str, list[HoldReport]] = defaultdict(list)
    for report in _held_patches(conn, submission_id):
        held[report.load_key].append(report)
    reports = [_report(row, tuple(held[row.load_key])) for row in conn.execute(_sums(conditions))]
    return sorted(reports, key=lambda r: (not r.quarantined, not r.held_patches, -r.est_s, r.load_key))


@dataclass(frozen=True, slots=True)
class PresetReport:
    """A patch, such as one preset of a soundfont, and the work for it."""

    patch: str
    load_key: str
    engine: str
    ready: int
    leased: int
    done: int
    failed: int  #: failed and dropped
    quarantined: bool


def presets(conn: Connection, submission_id: int | None) -> list[PresetReport]:
    """Return the patches that a submission, or any, has stems for, one by one: most work first, then by name."""
    _require(conn, submission_id)
    mine = [] if submission_id is None else [StemRow.submission_id == submission_id]
    columns = (PatchRow.name, PatchRow.load_key, PatchRow.engine, PatchRow.quarantined_at)
    count = func.count(StemRow.id).label("stems")
    query = select(*columns, StemRow.state, count).join(StemRow, StemRow.patch_id == PatchRow.id).where(*mine)
    counts: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for row in conn.execute(query.group_by(*columns, StemRow.state)):
        counted = counts[row.name, row.load_key, row.engine]
        counted[_COUNTED.get(row.state, "")] += int(row.stems)
        counted["held"] += row.quarantined_at is not None
    reports = [_of_preset(key, counted) for key, counted in counts.items()]
    return sorted(reports, key=lambda report: (-report.ready - report.leased, report.patch, report.load_key))


#: How the states of stems are counted; what was cancelled is nobody's work.
_COUNTED: Final = {
    StemState.READY: "ready",
    StemState.LEASED: "leased",
    StemState.DONE: "done",
    StemState.FAILED: "failed",
    StemState.DROPPED: "failed",
}


def _of_preset(key: tuple[str, str, str], counted: Counter[str]) -> PresetReport:
    return PresetReport(
        *key, counted["ready"], counted["leased"], counted["done"], counted["failed"], bool(counted["held"])
    )


def _require(conn: Connection, submission_id: int | None) -> None:
    if submission_id is None:
        return
    if not conn.execute(select(SubmissionRow.id).where(SubmissionRow.id == submission_id)).first():
        raise UnknownIdError(f"there is no submission {submission_id} in the ledger", hint="See `farm status`")


def _sums(conditions: Iterable[ColumnElement[bool]]) -> Any:
    names = ("ready", "leased", "done", "failed", "est_s")
    sums = [func.sum(getattr(BacklogRow, name)).label(name) for name in names]
    waits = (LoadKeyRow.not_before > db_now()).label("waits")
    columns = (
        LoadKeyRow.load_key, LoadKeyRow.label, LoadKeyRow.engine, LoadKeyRow.load_s, LoadKeyRow.pace, LoadKeyRow.rtf,
        LoadKeyRow.quarantined_at, LoadKeyRow.reason, LoadKeyRow.not_before,
    )  # fmt: skip
    joined = select(*columns, waits, *sums).join(BacklogRow, BacklogRow.load_key == LoadKeyRow.load_key)
    return joined.where(*conditions).group_by(*columns)


def _report(row: Any, held_patches: tuple[HoldReport, ...]) -> PatchReport:
    held = row.quarantined_at is not None
    return PatchReport(
        load_key=row.load_key,
        label=row.label,
        engine=row.engine,
        ready=int(row.ready),
        leased=int(row.leased),
        done=int(row.done),
        failed=int(row.failed),
        est_s=row.est_s * row.pace if row.ready else 0.0,  # sums of floats may miss nought by a hair
        load_s=row.load_s,
        rtf=row.rtf,
        quarantined=held,
        reason=row.reason if held or row.waits else "",
        held=int(row.ready) if held else sum(report.ready for report in held_patches),
        held_patches=held_patches,
    )


def holds(conn: Connection) -> list[HoldReport]:
    """Return all that is quarantined: load keys as a whole, then single patches, by name."""
    rows = conn.execute(select(*_KEY, LoadKeyRow.reason).where(LoadKeyRow.quarantined_at.is_not(None))).all()
    keys = [_of_key(conn, Target(row.load_key, row.label), row.engine, row.reason, held=True) for row in rows]
    return [*sorted(keys, key=lambda report: (report.label, report.load_key)), *_held_patches(conn, None)]


def _of_key(conn: Connection, key: Target, engine: str, reason: str, *, held: bool) -> HoldReport:
    query = select(func.coalesce(func.sum(BacklogRow.ready), 0)).where(BacklogRow.load_key == key.load_key)
    return HoldReport(key.load_key, key.label, engine, int(conn.execute(query).scalar_one()), held, reason)


def _held_patches(conn: Connection, submission_id: int | None) -> list[HoldReport]:
    """Return the patches that are held for themselves, with their ready stems."""
    query = select(PatchRow.id, PatchRow.load_key, PatchRow.name, PatchRow.engine, PatchRow.reason).where(PATCH_HELD)
    same: defaultdict[Target, list[Any]] = defaultdict(list)
    for row in conn.execute(query.order_by(PatchRow.name, PatchRow.load_key, PatchRow.id)):
        same[Target(row.load_key, row.name, row.name)].append(row)
    return [_of_patch(conn, patch, rows, submission_id, held=True) for patch, rows in same.items()]


def _of_patch(
    conn: Connection, patch: Target, rows: Sequence[Any], submission_id: int | None, *, held: bool
) -> HoldReport:
    ready = sum(waiting(conn, [row.id for row in rows], submission_id).values())
    reason = rows[0].reason if held else ""
    return HoldReport(patch.load_key, patch.label, rows[0].engine, ready, held, reason, patch.patch)


# ---------------------------------------------------------------- which one is meant


_LISTED: Final = 5
_HOW_NAMED: Final = (
    "See `farm patches` for soundfonts; one patch of them is SOUNDFONT:bank:program, as in TimGM6mb:000:055"
)
_KEY = (LoadKeyRow.load_key, LoadKeyRow.label, LoadKeyRow.engine)


def _find(conn: Connection, words: str) -> Target:
    """Return the one load key or patch that is named so, or else begins so."""
    found = [*_keys_named(conn, words), *_patches_named(conn, words)] if words else []
    exact = [target for target in found if words in _names(target)]
    best = exact or found
    if len(best) == 1:
        return best[0]
    if best:
        raise UnknownIdError(
            f"{len(best)} patches begin with {words} ({_listed(best)})",
            hint="Give more of its name, or its key: KEY:bank:program",
        )
    raise UnknownIdError(f"no patch begins with {words or 'nothing'}", hint=_HOW_NAMED)


def _listed(targets: Sequence[Target]) -> str:
    """Name some of them, by their keys where several are called the same."""
    called = Counter(target.label for target in targets)
    names = [_names(target)[0 if called[target.label] == 1 else -1] for target in targets[:_LISTED]]
    return ", ".join(names) + (f" and {len(targets) - _LISTED} more" if len(targets) > _LISTED else "")


def _names(target: Target) -> tuple[str, ...]:
    """Return what a load key or a patch is called, the unmistakable name last."""
    return (target.label, f"{target.load_key}:{_preset(target.patch)}" if target.patch else target.load_key)


def _preset(name: str) -> str:
    """Return bank and program of a patch's name: `000:055`."""
    return ":".join(name.rsplit(":", 2)[1:])


def _keys_named(conn: Connection, words: str) -> list[Target]:
    named = or_(LoadKeyRow.load_key.startswith(words, autoescape=True), LoadKeyRow.label == words)
    rows = conn.execute(select(*_KEY).where(named).order_by(LoadKeyRow.load_key))
    return [Target(row.load_key, row.label) for row in rows]


def _patches_named(conn: Connection, words: str) -> list[Target]:
    key, colon, preset = words.partition(":")
    named = PatchRow.name.startswith(words, autoescape=True)
    if key and colon:
        named = or_(named, PatchRow.load_key.startswith(key, autoescape=True))
    query = select(PatchRow.load_key, PatchRow.name).where(named).distinct()
    rows = conn.execute(query.order_by(PatchRow.name, PatchRow.load_key))
    found = [Target(row.load_key, row.name, row.name) for row in rows]
    # Databases differ in whether they tell small letters from capitals.
    return [
        patch
        for patch in found
        if patch.patch.startswith(words)
        or (colon and patch.load_key.startswith(key) and _preset(patch.patch).startswith(preset))
    ]


# ---------------------------------------------------------------- held and released


def quarantine(tx: Tx, words: str, reason: str) -> HoldReport:
    """Hold the work of a patch, or of all that is loaded with a key."""
    target = _find(tx.conn, words)
    if not hold(tx, target, reason or "by a person"):
        raise StateError(
            f"patch {target} is quarantined already",
            hint=f"`farm quarantine {_names(target)[-1]} --release` gives its work out again",
        )
    return _one(tx.conn, target)


def release(tx: Tx, words: str) -> HoldReport:
    """Give out the work of a patch again, or of all patches of a load key; past tries and hosts' are forgotten."""
    target = _find(tx.conn, words)
    mine = [BlockRow.load_key == target.load_key, *([BlockRow.patch == target.patch] if target.patch else [])]
    freed = tx.conn.execute(delete(BlockRow).where(*mine)).rowcount
    freed += _release_patches(tx, target)
    freed += 0 if target.patch else _release_key(tx, target.load_key)
    if not freed:
        by_itself, hint = (
            (" by itself", "See `farm quarantine` for what is: it may be held with all that it is loaded with")
            if target.patch
            else ("", "See `farm quarantine` for what is")
        )
        raise StateError(f"patch {target} is not quarantined{by_itself}", hint=hint)
    tx.event(EventKind.RELEASED, str(target), load_key=target.load_key)
    return _one(tx.conn, target)


def _release_patches(tx: Tx, target: Target) -> int:
    """Forgive the patch, or every patch of the load key; returns how many were held."""
    mine = [PatchRow.load_key == target.load_key, *([PatchRow.name == target.patch] if target.patch else [])]
    query = select(PatchRow.quarantined_at).where(*mine).order_by(PatchRow.id).with_for_update(key_share=True)
    held = sum(at is not None for at in tx.conn.execute(query).scalars())
    if held or target.patch:
        free = {"quarantined_at": None, "reason": "", "forgiven": _last_try()}
        tx.conn.execute(update(PatchRow).where(*mine).values(**free))
    return held


def _release_key(tx: Tx, load_key: str) -> int:
    mine = LoadKeyRow.load_key == load_key
    query = select(LoadKeyRow.quarantined_at, LoadKeyRow.not_before).where(mine).with_for_update()
    before = tx.conn.execute(query).one()
    free = {"quarantined_at": None, "reason": "", "not_before": None, "misses": 0, "forgiven": _last_try()}
    tx.conn.execute(update(LoadKeyRow).where(mine).values(**free))
    return int(before.quarantined_at is not None or before.not_before is not None)


def _last_try() -> Any:
    return select(func.coalesce(func.max(AttemptRow.id), 0)).scalar_subquery()


def _one(conn: Connection, target: Target) -> HoldReport:
    if target.patch:
        columns = (PatchRow.id, PatchRow.engine, PatchRow.reason, PatchRow.quarantined_at)
        mine = and_(PatchRow.load_key == target.load_key, PatchRow.name == target.patch)
        rows = conn.execute(select(*columns).where(mine).order_by(PatchRow.id)).all()
        return _of_patch(conn, target, rows, None, held=rows[0].quarantined_at is not None)
    one = select(LoadKeyRow.engine, LoadKeyRow.reason, LoadKeyRow.quarantined_at)
    row = conn.execute(one.where(LoadKeyRow.load_key == target.load_key)).one()
    held = row.quarantined_at is not None
    return _of_key(conn, target, row.engine, row.reason if held else "", held=held)
