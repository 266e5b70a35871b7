"""What a failed try says of its patch and its host: pairs are blocked, hosts are sick, patches wait or are quarantined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, select, update

from farm.ledger.clock import db_now
from farm.ledger.holding import Held
from farm.ledger.models import PATCH_HELD, AttemptRow, BlockRow, HostRow, LoadKeyRow, PatchRow
from farm.ledger.retry import LICENCE_WAIT_S, FailureClass, classify
from farm.ledger.slots import slots_by_host
from farm.ledger.suspicion import (
    FORGIVE_S,
    IN_LOAD,
    LICENCE_MISSES,
    PAIR_FAILURES,
    Culprit,
    Seen,
    find_culprit,
    find_culprit_with,
    is_sick,
)
from farm.ledger.tx import Tx
from schemas.states import EventKind, FailureReason
from schemas.words import counted

#: Tries of a patch that are looked at: enough for the last few of each of many hosts.
_LOOKED_AT: Final = 300
#: Why a host gets no more of something, for people.
_BLOCKED_SINCE: Final = {
    Culprit.PATCH: f"it failed {PAIR_FAILURES} times in a row",
    Culprit.UNLOADABLE: f"it could not be loaded {PAIR_FAILURES} times in a row",
    Culprit.LOAD_KEY: "none of its last stems came out well there, whichever patch played them",
}
_COUNTING: Final = frozenset({FailureClass.CONTENT, FailureClass.POISON})


class Target(NamedTuple):
    """What can be held: one patch, or all that is loaded with a load key."""

    load_key: str
    label: str  #: for people: the patch's name, or what the key loads
    patch: str = ""  #: name of the patch; empty for all of the load key

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.label} ({self.load_key})"


def blame(
    tx: Tx, stem: Held, host: str | None, reason: FailureReason, detail: str, *, counts: bool, company: bool
) -> None:
    """Draw the consequences of a try that was just recorded.

    Args:
        stem: as it was before.
        host: where the try failed.
        counts: whether the try counts against anybody.
        company: whether another host could do this one's work; without, there is nothing to compare the host with.
    """
    about = {"submission_id": stem.submission_id, "song_id": stem.song_id, "stem_id": stem.id}
    key, patch = _targets(tx, stem)
    if reason is FailureReason.NO_LICENCE:
        _await_licence(tx, key, detail, about)
        return
    if not counts:
        return
    of_patch, of_key = _tries_of(tx, patch), _tries_of(tx, key)
    slots = slots_by_host(tx.conn, stem.engine)
    words = f"the last: {reason.value}: {detail}"
    if host is not None and company:
        culprit = find_culprit_with(host, of_patch, of_key, slots=slots[host])
        if culprit is not None:
            _block(tx, host, patch if culprit is Culprit.PATCH else key, culprit, words, about)
    culprit = find_culprit(of_patch, of_key, company=company, slots=slots.total())
    if culprit is not None:
        hold(tx, patch if culprit is Culprit.PATCH else key, f"{culprit.value}; {words}", about)


def _targets(tx: Tx, stem: Held) -> tuple[Target, Target]:
    """Return the load key and the patch of a stem."""
    query = select(LoadKeyRow.label, PatchRow.name).where(PatchRow.id == stem.patch_id)
    row = tx.conn.execute(query.join(LoadKeyRow, LoadKeyRow.load_key == PatchRow.load_key)).one()
    return Target(stem.load_key, row.label), Target(stem.load_key, row.name, row.name)


def _tries_of(tx: Tx, target: Target) -> list[Seen]:
    """Return the last tries, the newest first; what was forgiven, found in the store or lost is no try."""
    if not target.patch:
        return [seen for _, seen in _tries(tx, AttemptRow.load_key == target.load_key)]
    same = select(PatchRow.id).where(PatchRow.load_key == target.load_key, PatchRow.name == target.patch)
    # One by one: of a single patch the index has the tries in order.
    found = [
        pair for patch_id in tx.conn.execute(same).scalars() for pair in _tries(tx, AttemptRow.patch_id == patch_id)
    ]
    return [seen for _, seen in sorted(found, key=lambda pair: -pair[0])]


def _tries(tx: Tx, of: ColumnElement[bool]) -> list[tuple[int, Seen]]:
    rows = tx.conn.execute(
        select(
            AttemptRow.id, AttemptRow.stem_id, AttemptRow.host, AttemptRow.outcome, AttemptRow.reason,
            AttemptRow.cached, PatchRow.name,
        )
        .join(PatchRow, PatchRow.id == AttemptRow.patch_id)
        .join(LoadKeyRow, LoadKeyRow.load_key == PatchRow.load_key)
        .where(of, AttemptRow.id > PatchRow.forgiven, AttemptRow.id > LoadKeyRow.forgiven)
        .where(AttemptRow.ended_at > db_now() - FORGIVE_S)
        .order_by(AttemptRow.id.desc())
        .limit(_LOOKED_AT)
    )  # fmt: skip
    return [
        (row.id, Seen(row.stem_id, row.host, row.outcome == "failed", row.name, row.reason in IN_LOAD))
        for row in rows
        if (row.outcome == "done" and not row.cached) or (row.outcome == "failed" and _counted(row.reason))
    ]


def _counted(reason: str) -> bool:
    return classify(FailureReason(reason)) in _COUNTING


# ---------------------------------------------------------------- hosts


def _block(tx: Tx, host: str, target: Target, culprit: Culprit, words: str, about: dict[str, Any]) -> None:
    row = {"host": host, "load_key": target.load_key, "patch": target.patch, "detail": words}
    insertion = tx.upsert(BlockRow).values(until=db_now() + FORGIVE_S, **row)
    kept = {"until": insertion.excluded.until, "detail": insertion.excluded.detail}
    tx.conn.execute(insertion.on_conflict_do_update(index_elements=["host", "load_key", "patch"], set_=kept))
    said = f"{host} gets no more of {target} for {FORGIVE_S / 3600:g} h: {_BLOCKED_SINCE[culprit]}; {words}"
    tx.event(EventKind.BLOCKED, said, host=host, load_key=target.load_key, **about)
    blocked = _blocked(tx, host)
    if is_sick(blocked):
        tx.conn.execute(update(HostRow).where(HostRow.host == host).values(sick_until=db_now() + FORGIVE_S))
        said = f"{host} fails on {counted(len(blocked), 'patch', 'patches')} and gets no more work for {FORGIVE_S / 3600:g} h"
        tx.event(EventKind.SICK, said, host=host)


def _blocked(tx: Tx, host: str) -> set[tuple[str, str]]:
    """Return what a host gets no more of, but for what is held itself: that is no fault of the host's."""
    active = select(BlockRow.load_key, BlockRow.patch).where(BlockRow.host == host, BlockRow.until > db_now())
    keys = set(tx.conn.execute(select(LoadKeyRow.load_key).where(LoadKeyRow.quarantined_at.is_not(None))).scalars())
    patches = {tuple(row) for row in tx.conn.execute(select(PatchRow.load_key, PatchRow.name).where(PATCH_HELD))}
    rows = [(row.load_key, row.patch) for row in tx.conn.execute(active)]
    return {row for row in rows if row[0] not in keys and row not in patches}


def _sick_hosts(tx: Tx) -> list[str]:
    sick = select(HostRow.host).where(HostRow.sick_until > db_now()).order_by(HostRow.host)
    return list(tx.conn.execute(sick.with_for_update(key_share=True)).scalars())


def _acquit(tx: Tx, sick: Sequence[str]) -> None:
    """Take back hosts that only seemed sick: most of what they failed on is held, as it fails everywhere."""
    for host in sick:
        if not is_sick(_blocked(tx, host)):
            tx.conn.execute(update(HostRow).where(HostRow.host == host).values(sick_until=None))
            tx.event(EventKind.RETURNED, f"{host} works again: what it failed on is held", host=host)


# ---------------------------------------------------------------- patches


def hold(tx: Tx, target: Target, reason: str, about: dict[str, Any] | None = None) -> bool:
    """Quarantine a patch, or all that is loaded with a key; False when it is quarantined already.

    Args:
        target: what.
        reason: why, for people.
        about: submission, song and stem that the event is of; none when it was a person's doing.
    """
    sick = _sick_hosts(tx)
    table: type[PatchRow | LoadKeyRow] = PatchRow if target.patch else LoadKeyRow
    mine = [PatchRow.name == target.patch] if target.patch else []
    held = tx.conn.execute(
        update(table)
        .where(table.load_key == target.load_key, *mine, table.quarantined_at.is_(None))
        .values(quarantined_at=db_now(), reason=reason)
    )
    if held.rowcount == 0:
        return False
    tx.event(EventKind.QUARANTINED, f"{target}: {reason}", load_key=target.load_key, **(about or {}))
    _acquit(tx, sick)
    return True


def _await_licence(tx: Tx, key: Target, detail: str, about: dict[str, Any]) -> None:
    words = f"no free licence: {detail}"
    misses = tx.conn.execute(
        update(LoadKeyRow)
        .where(LoadKeyRow.load_key == key.load_key)
        .values(not_before=db_now() + LICENCE_WAIT_S, misses=LoadKeyRow.misses + 1, reason=words)
        .returning(LoadKeyRow.misses)
    ).scalar_one()
    waiting = f"{key} waits {LICENCE_WAIT_S / 60:g} min: {words}"
    tx.event(EventKind.LICENCE, waiting, load_key=key.load_key, **about)
    if misses >= LICENCE_MISSES:
        hold(tx, key, f"{misses} times in a row {words}", about)
