"""Named limits: how many slots, or hosts, may have something loaded at once. Taken and freed with what slots load."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, or_, select

from farm.ledger.models import SLOT_LIVE, LimitRow, LoadKeyRow, SlotRow
from farm.ledger.records import LimitReport
from farm.ledger.tx import Tx
from schemas.errors import PlanError, UnknownIdError
from schemas.patch import Patch
from schemas.patchfile import PatchFile
from schemas.states import EventKind, LimitScope

#: Longest name of a limit.
MAX_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Loaded:
    """A live slot, and what it has loaded, is about to load, or is about to unload."""

    slot_id: int
    host: str
    load_key: str
    engine: str
    label: str


def is_about(name: str, load_key: str, engine: str, label: str) -> bool:
    """Whether a limit of this name counts a load key: it names the engine class, the label, or the key itself."""
    return name in (engine, label, load_key)


def is_full(maximum: int, scope: LimitScope, holders: Collection[Loaded], slot_id: int, host: str) -> bool:
    """Whether a slot may not load what a limit counts.

    Who has it loaded keeps it. When the limit was lowered below what is taken, the oldest keep it.
    """
    if scope is LimitScope.HOST:
        hosts = sorted({holder.host for holder in holders})
        return host not in hosts[:maximum] if host in hosts else len(hosts) >= maximum
    slots = sorted({holder.slot_id for holder in holders})
    return slot_id not in slots[:maximum] if slot_id in slots else len(slots) >= maximum


def full_keys(
    conn: Connection, slot_id: int, host: str, keys: Mapping[str, tuple[str, str]], *, lock: bool
) -> set[str]:
    """Return the load keys that a slot may not take now, since a limit is full.

    Args:
        keys: load key -> (engine class, label) of what it might take.
        lock: whether the limits in question are locked, so that no other slot takes from them before the transaction
            ends. What a slot took is what it is bound to (`slots.bind`) by then.
    """
    if not keys:
        return set()
    names = set(keys).union(*keys.values()).intersection(conn.execute(select(LimitRow.name)).scalars())
    if not names:
        return set()
    query = select(LimitRow.name, LimitRow.max, LimitRow.scope).where(LimitRow.name.in_(names)).order_by(LimitRow.name)
    limits = conn.execute(query.with_for_update() if lock else query).all()
    loaded = _loaded(conn)
    full: set[str] = set()
    for limit in limits:
        if is_full(limit.max, limit.scope, _holders(limit.name, loaded), slot_id, host):
            full |= {key for key, (engine, label) in keys.items() if is_about(limit.name, key, engine, label)}
    return full


def _loaded(conn: Connection) -> list[Loaded]:
    rows = conn.execute(
        select(SlotRow.id, SlotRow.host, LoadKeyRow.load_key, LoadKeyRow.engine, LoadKeyRow.label)
        .join(LoadKeyRow, or_(LoadKeyRow.load_key == SlotRow.warm_key, LoadKeyRow.load_key == SlotRow.leaving_key))
        .where(SLOT_LIVE)
    )
    return [Loaded(*row) for row in rows]


def _holders(name: str, loaded: Collection[Loaded]) -> list[Loaded]:
    return [slot for slot in loaded if is_about(name, slot.load_key, slot.engine, slot.label)]


def all_of(conn: Connection) -> list[LimitReport]:
    """Return the limits by name."""
    limits = conn.execute(select(LimitRow.name, LimitRow.max, LimitRow.scope).order_by(LimitRow.name)).all()
    loaded = _loaded(conn) if limits else []
    return [LimitReport(row.name, row.max, row.scope, _taken(row, loaded)) for row in limits]


def countable(conn: Connection) -> list[str]:
    """Return the names of which `is_about` can be true, sorted: of what was planned or loaded, and of the slots' engines."""
    rows = conn.execute(select(LoadKeyRow.load_key, LoadKeyRow.engine, LoadKeyRow.label))
    engines = conn.execute(select(SlotRow.engine).distinct()).scalars()
    return sorted({*(name for row in rows for name in row if name), *engines})


def _taken(limit: Any, loaded: Collection[Loaded]) -> int:
    holders = _holders(limit.name, loaded)
    return len({holder.host if limit.scope is LimitScope.HOST else holder.slot_id for holder in holders})


def put(tx: Tx, name: str, maximum: int, scope: LimitScope | str) -> None:
    """Set a limit.

    Raises:
        PlanError: no name, a number below 0, or no such scope.
    """
    if not name or len(name) > MAX_NAME:
        raise PlanError("a limit needs a name of 1 to 200 characters", hint="Name an engine, a patch or a load key")
    if maximum < 0:
        raise PlanError(f"limit {name}: {maximum} is below 0", hint="Give 0 to hold all work of it, or more")
    try:
        counted = LimitScope(scope)
    except ValueError as error:
        known = ", ".join(member.value for member in LimitScope)
        raise PlanError(f"limit {name}: there is no scope {scope!r}", hint=f"Known scopes: {known}") from error
    insertion = tx.upsert(LimitRow).values(name=name, max=maximum, scope=counted)
    kept = {"max": insertion.excluded.max, "scope": insertion.excluded.scope}
    tx.conn.execute(insertion.on_conflict_do_update(index_elements=["name"], set_=kept))
    tx.event(EventKind.LIMIT, f"{name}: at most {maximum} at once, counted by {counted.value}")


def put_of_patches(tx: Tx, files: Mapping[str, PatchFile], patches: Mapping[str, Patch]) -> None:
    """Set the limits that patch files name, by the plug-in that they stand for; one that is set stays as it is.

    Several patches of a plug-in share its licence: the smallest of their limits counts.
    """
    wanted: dict[str, tuple[int, LimitScope]] = {}
    for name, file in files.items():
        if file.instances is not None and name in patches:
            scope = LimitScope.HOST if file.instances.per == "host" else LimitScope.INSTANCE
            limit, label = (file.instances.max, scope), patches[name].asset.name
            wanted[label] = min(wanted.get(label, limit), limit)
    known = set(tx.conn.execute(select(LimitRow.name).where(LimitRow.name.in_(wanted))).scalars())
    for label, (maximum, scope) in sorted(wanted.items()):
        if label not in known:
            put(tx, label, maximum, scope)


def drop(tx: Tx, name: str) -> None:
    """Take a limit away.

    Raises:
        UnknownIdError: there is none of this name.
    """
    if not tx.conn.execute(delete(LimitRow).where(LimitRow.name == name)).rowcount:
        known = ", ".join(tx.conn.execute(select(LimitRow.name).order_by(LimitRow.name)).scalars()) or "none is set"
        raise UnknownIdError(f"there is no limit {name}", hint=f"Known limits: {known}")
    tx.event(EventKind.LIMIT, f"{name}: dropped")
