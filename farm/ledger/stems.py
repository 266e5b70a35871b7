"""Stems: drawn, committed, failed, lost. A stem belongs to the slot and epoch that its row names, to nobody else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from farm.ledger.attempts import attempt, note_attempts
from farm.ledger.blaming import blame
from farm.ledger.clock import db_now
from farm.ledger.holding import Held, lock_stems
from farm.ledger.models import STEM_DONE, STEM_LEASED, StemRow, SubmissionRow
from farm.ledger.parsed import plan_of
from farm.ledger.records import Outcome, SlotRef, StemDecision, StemLease
from farm.ledger.replacing import may_have_another
from farm.ledger.retry import History, Retry, decide
from farm.ledger.slots import host_of, served_elsewhere
from farm.ledger.songs import SongHead, fail_song, lock_song, stems_ended
from farm.ledger.stemrows import count_result, move_stems
from farm.ledger.tx import Subject, Tx
from schemas.result import StemResult
from schemas.states import EventKind, FailureReason, SongState, StemState
from schemas.words import counted


def fail(tx: Tx, slot: SlotRef, lease: StemLease, reason: FailureReason, detail: str, *, infra: bool) -> StemDecision:
    """Apply the retry policy to a leased stem whose try failed, and hold against patch and host what they did."""
    songs, held = lock_stems(tx, [lease.stem_id])
    stem = held[0] if held else None
    host = host_of(tx.conn, slot.id)
    if stem is None or stem.state is not StemState.LEASED or (stem.epoch, stem.slot_id) != (lease.epoch, slot.id):
        words = f"{lease.song_name}/{lease.stem_name} failed too late: it belonged to others by then"
        owner = None if stem is None else stem.submission_id
        tx.event(EventKind.FENCED, words, submission_id=owner, slot_id=slot.id, host=host)
        return StemDecision(Outcome.FENCED, reason)
    elsewhere = stem.engine in served_elsewhere(tx.conn, host)
    retry = decide(reason, history_of(stem, host, elsewhere=elsewhere), infra=infra)
    decision = _apply(tx, songs[stem.song_id], stem, retry, cause=reason, detail=detail, host=host)
    blame(tx, stem, host, reason, detail, counts=retry.counts, company=elsewhere)
    return decision


def history_of(stem: Held, host: str | None, *, elsewhere: bool) -> History:
    """Return what happened to a stem before a try that failed on `host`."""
    hosts = 1 if stem.failed_host in (None, host) else 2
    return History(stem.tries, stem.losses, stem.kills, stem.shortages, hosts, elsewhere)


def _apply(
    tx: Tx,
    song: SongHead,
    stem: Held,
    retry: Retry,
    *,
    cause: FailureReason,
    detail: str,
    host: str | None,
    outcome: str = "failed",
) -> StemDecision:
    tried = attempt(
        stem.submission_id, stem_id=stem.id, slot_id=stem.slot_id, host=host, epoch=stem.epoch, load_key=stem.load_key,
        patch_id=stem.patch_id, began_at=stem.updated_at, outcome=outcome, reason=cause.value, detail=detail, est_s=stem.est_s,
    )  # fmt: skip
    note_attempts(tx, [tried])
    kept: dict[str, Any] = {
        "tries": retry.tries, "losses": retry.losses, "kills": retry.kills, "shortages": retry.shortages,
        "reason": retry.reason.value, "detail": detail,
    }  # fmt: skip
    if retry.counts:
        kept["failed_host"] = host
    if retry.again:
        wait = db_now() + retry.wait_s if retry.wait_s else None
        move_stems(tx, stem.state, StemState.READY, StemRow.id == stem.id, slot_id=None, not_before=wait, **kept)
        return StemDecision(Outcome.RETRY, retry.reason, retry.tries, retry.losses)
    end = end_stem(tx, song, stem, retry.reason, detail, kept)
    return StemDecision(end, retry.reason, retry.tries, retry.losses)


def end_stem(
    tx: Tx, song: SongHead, stem: Held, reason: FailureReason, detail: str, kept: Mapping[str, Any] | None = None
) -> Outcome:
    """Fail a locked stem for good: as the plan says, its song fails with it, goes on without it, or waits for another patch."""
    values = {**(kept or {}), "reason": reason.value, "detail": detail, "slot_id": None}
    tx.count(stem.submission_id, Subject.STEM_FAILURE, reason.value)
    columns = (SubmissionRow.plan, StemRow.replaced)
    query = select(*columns).join(StemRow, StemRow.submission_id == SubmissionRow.id).where(StemRow.id == stem.id)
    row = tx.conn.execute(query).one()
    plan = plan_of(row.plan)
    if plan.on_failed_stem == "drop_stem":
        move_stems(tx, stem.state, StemState.DROPPED, StemRow.id == stem.id, **values)
        stems_ended(tx, [(song, 1)])
        return Outcome.DROPPED
    if may_have_another(plan, stem.name, reason, row.replaced):
        move_stems(tx, stem.state, StemState.FAILED, StemRow.id == stem.id, **values)
        stems_ended(tx, [(song, 1)])
        return Outcome.REPLACED
    move_stems(tx, stem.state, StemState.FAILED, StemRow.id == stem.id, **values)
    fail_song(tx, song, FailureReason.STEM_FAILED, f"{stem.name}: {reason.value}: {detail}")
    return Outcome.FAILED


def lose(tx: Tx, ids: Collection[int], condition: ColumnElement[bool], detail: str, *, blame: bool) -> int:
    """Take leased stems from a slot that is gone or has forgotten them; returns how many were taken.

    Those are taken of which `condition` still holds when they are locked. With `blame` each counts as a loss; without,
    it is as if the stem had never been leased.
    """
    if not ids:
        return 0
    _, held = lock_stems(tx, ids, STEM_LEASED, condition)
    for stem in held:
        retry = Retry(True, stem.tries, stem.losses, FailureReason.SLOT_LOST, stem.kills, stem.shortages)
        if blame:
            retry = decide(FailureReason.SLOT_LOST, history_of(stem, None, elsewhere=False), infra=True)
        song = lock_song(tx, stem.song_id)  # read anew: the loss of another stem may have ended it
        if song.state is SongState.RENDERING:
            host = host_of(tx.conn, stem.slot_id)
            outcome = "failed" if blame else "returned"
            _apply(tx, song, stem, retry, cause=FailureReason.SLOT_LOST, detail=detail, host=host, outcome=outcome)
    if blame:
        _note_losses(tx, held, detail)
    return len(held)


def _note_losses(tx: Tx, held: Sequence[Held], detail: str) -> None:
    lost = Counter((stem.submission_id, stem.slot_id) for stem in held)
    for (submission_id, slot_id), count in sorted(lost.items(), key=str):
        words = f"{counted(count, 'stem')} taken back from slot {slot_id}: {detail}"
        host = host_of(tx.conn, slot_id)
        tx.event(EventKind.LOST, words, submission_id=submission_id, slot_id=slot_id, host=host)


def give_back(tx: Tx, slot: SlotRef, stem_ids: Collection[int], detail: str) -> int:
    """Free stems that a slot returns of its own will; it is as if they had never been leased."""
    return lose(tx, stem_ids, StemRow.slot_id == slot.id, detail, blame=False)


def leased_to(conn: Connection, slot_id: int, but: Collection[int] = ()) -> list[int]:
    """Return the stems that are leased to a slot, other than those in `but`."""
    query = select(StemRow.id).where(STEM_LEASED, StemRow.slot_id == slot_id)
    return [stem_id for stem_id in conn.execute(query).scalars() if stem_id not in but]


def leased_since(conn: Connection, age_s: float, limit: int) -> list[int]:
    """Return stems whose lease is older than `age_s`."""
    # Not ordered by the database: SQLite would go through all stems in order rather than through those that are leased.
    query = select(StemRow.id).where(STEM_LEASED, StemRow.updated_at < db_now() - age_s).limit(limit)
    return sorted(conn.execute(query).scalars())


def rerender(tx: Tx, song: SongHead, stem_ids: Collection[int], detail: str) -> int:
    """Make rendered stems of a locked song ready again, since their files are lost or damaged; returns how many.

    Each counts as a loss; if one was lost too often nothing is changed, so that a bad store is not filled for ever.
    """
    mine = (StemRow.song_id == song.id, StemRow.id.in_(stem_ids))
    query = select(StemRow.tries, StemRow.losses, StemRow.result).where(*mine, STEM_DONE)
    rows = tx.conn.execute(query).all()
    for row in rows:
        history = History(tries=row.tries, losses=row.losses)
        if not decide(FailureReason.STORE_DAMAGED, history, infra=True).again:
            return 0
    for row in rows:
        count_result(tx, song.submission_id, StemResult.model_validate_json(row.result), -1)
    values = {"losses": StemRow.losses + 1, "reason": FailureReason.STORE_DAMAGED.value, "detail": detail}
    return len(
        move_stems(tx, StemState.DONE, StemState.READY, *mine, **values, result=None, data_hash=None, slot_id=None)
    )
