"""Stems: drawn, committed, failed, lost. A stem belongs to the slot and epoch that its row names, to nobody else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, insert, select, update

from farm.ledger.attempts import note_attempt
from farm.ledger.clock import db_now
from farm.ledger.models import STEM_DONE, STEM_LEASED, LoadKeyRow, PatchRow, StemRow, SubmissionRow
from farm.ledger.parsed import plan_of
from farm.ledger.records import DrawnStem, Outcome, SlotRef, StemCommit, StemDecision, StemLease
from farm.ledger.retry import Retry, decide
from farm.ledger.songs import SongHead, fail_song, lock_song, lock_songs, move_song, stems_ended
from farm.ledger.stemrows import count_result, move_stems
from farm.ledger.tx import Subject, Tx
from schemas.base import content_hash
from schemas.patch import Patch
from schemas.result import StemResult
from schemas.states import FailureReason, SongState, StemState

#: Seconds to load a load key that was never loaded on this farm: a small soundfont; measured values take over.
DEFAULT_LOAD_S = 1.0


def draw(tx: Tx, song_id: int, stems: Sequence[DrawnStem]) -> bool:
    """Give a split song its stems, ready to be rendered; False when it has them, or has ended."""
    song = lock_song(tx, song_id)
    if song.state is not SongState.DRAWING:
        return False
    if not stems:
        fail_song(tx, song, FailureReason.NO_NOTES, "no part of it can be rendered")
        return True
    patches = _put_patches(tx, [stem.job.patch for stem in stems])
    rows = [_stem_row(song, part, stem, patches[content_hash(stem.job.patch)]) for part, stem in enumerate(stems)]
    tx.conn.execute(insert(StemRow).values(updated_at=db_now()), rows)
    for stem in stems:
        tx.ready(song.submission_id, stem.job.patch.load_key, stem.job.patch.engine, 1, stem.est_s)
    tx.count(song.submission_id, Subject.STEM, StemState.READY.value, len(stems))
    move_song(tx, song, SongState.RENDERING, stems_total=len(stems), stems_left=len(stems))
    return True


def _stem_row(song: SongHead, part: int, stem: DrawnStem, patch_id: int) -> dict[str, Any]:
    job = stem.job
    return {
        "submission_id": song.submission_id, "song_id": song.id, "part": part, "name": stem.part.name,
        "patch_id": patch_id, "engine": job.patch.engine, "load_key": job.patch.load_key, "rank": song.rank,
        "est_s": stem.est_s, "midi_sha256": job.midi_sha256, "rate_hz": job.rate_hz, "channels": job.channels,
        "tail_max_s": job.tail_max_s, "spec_hash": job.spec_hash, "state": StemState.READY,
    }  # fmt: skip


def _put_patches(tx: Tx, patches: Sequence[Patch]) -> dict[str, int]:
    by_hash = {content_hash(patch): patch for patch in patches}
    rows = [
        {"hash": key, "body": patch.model_dump_json(), "engine": patch.engine, "load_key": patch.load_key}
        for key, patch in sorted(by_hash.items())
    ]
    tx.conn.execute(tx.upsert(PatchRow).on_conflict_do_nothing(index_elements=["hash"]), rows)
    keys = {(patch.load_key, patch.engine) for patch in patches}
    tx.conn.execute(
        tx.upsert(LoadKeyRow).on_conflict_do_nothing(index_elements=["load_key"]),
        [{"load_key": key, "engine": engine, "load_s": DEFAULT_LOAD_S, "pace": 1.0} for key, engine in sorted(keys)],
    )
    found = tx.conn.execute(select(PatchRow.hash, PatchRow.id).where(PatchRow.hash.in_(list(by_hash))))
    return {row.hash: row.id for row in found}


@dataclass(frozen=True, slots=True)
class _Held:
    """A stem as its holder left it."""

    id: int
    song_id: int
    submission_id: int
    name: str
    state: StemState
    epoch: int
    slot_id: int | None
    tries: int
    losses: int
    load_key: str
    est_s: float
    updated_at: float


_HELD = (
    StemRow.id, StemRow.song_id, StemRow.submission_id, StemRow.name, StemRow.state, StemRow.epoch, StemRow.slot_id,
    StemRow.tries, StemRow.losses, StemRow.load_key, StemRow.est_s, StemRow.updated_at,
)  # fmt: skip


def _lock_stems(tx: Tx, ids: Collection[int]) -> tuple[dict[int, SongHead], list[_Held]]:
    """Lock stems after their songs, both by rising id."""
    owners = tx.conn.execute(select(StemRow.song_id).where(StemRow.id.in_(ids)).distinct()).scalars()
    songs = lock_songs(tx, owners)
    query = select(*_HELD).where(StemRow.id.in_(ids)).order_by(StemRow.id).with_for_update(key_share=True)
    return songs, _held(tx, query)


def _held(tx: Tx, query: Select[*tuple[Any, ...]]) -> list[_Held]:
    return [_Held(*row) for row in tx.conn.execute(query)]


def commit(tx: Tx, slot: SlotRef, commits: Sequence[StemCommit]) -> list[bool]:
    """Record rendered stems; for each whether it is recorded, False when it belonged to somebody else by then."""
    songs, held = _lock_stems(tx, [item.stem_id for item in commits])
    stems = {stem.id: stem for stem in held}
    mine: dict[int, StemCommit] = {}
    for item in commits:
        stem = stems.get(item.stem_id)
        if stem is not None and stem.state is StemState.LEASED and (stem.epoch, stem.slot_id) == (item.epoch, slot.id):
            mine[item.stem_id] = item
    if mine:
        _record(tx, [(stems[stem_id], item) for stem_id, item in sorted(mine.items())])
        for song_id, song in songs.items():
            ended = sum(stems[stem_id].song_id == song_id for stem_id in mine)
            if ended:
                stems_ended(tx, song, ended)
    return [item.stem_id in mine or _landed(stems.get(item.stem_id), item) for item in commits]


def _landed(stem: _Held | None, item: StemCommit) -> bool:
    """Whether a commit that is sent again was recorded the first time: only its lease ever had this epoch."""
    return stem is not None and stem.state is StemState.DONE and stem.epoch == item.epoch


def _record(tx: Tx, done: Sequence[tuple[_Held, StemCommit]]) -> None:
    rows = [
        {"stem": stem.id, "text": item.result.model_dump_json(), "hash": item.result.data_hash} for stem, item in done
    ]
    recorded = {"state": StemState.DONE, "slot_id": None, "reason": None, "detail": ""}
    tx.conn.execute(
        update(StemRow)
        .where(StemRow.id == bindparam("stem"))
        .values(result=bindparam("text"), data_hash=bindparam("hash"), updated_at=db_now(), **recorded),
        rows,
    )
    for stem, item in done:
        submission_id = stem.submission_id
        note_attempt(
            tx, submission_id, stem_id=stem.id, slot_id=stem.slot_id, epoch=stem.epoch, began_at=stem.updated_at,
            outcome="done", cost=item.cost,
        )  # fmt: skip
        tx.count(submission_id, Subject.STEM, StemState.LEASED.value, -1)
        tx.count(submission_id, Subject.STEM, StemState.DONE.value)
        tx.count(submission_id, Subject.AUDIO, "render_s", item.cost.render_s)
        count_result(tx, submission_id, item.result)
    _note_paces(tx, done)


def _note_paces(tx: Tx, done: Sequence[tuple[_Held, StemCommit]]) -> None:
    rendered: defaultdict[str, list[tuple[_Held, StemCommit]]] = defaultdict(list)
    for stem, item in done:
        if not item.cost.cached:
            rendered[stem.load_key].append((stem, item))
    for load_key, group in rendered.items():
        expected_s = sum(stem.est_s for stem, _ in group)
        pace = sum(item.cost.render_s for _, item in group) / expected_s if expected_s > 0 else None
        loads = [item.cost.load_s for _, item in group if item.cost.cold]
        tx.measured(load_key, pace=pace, load_s=sum(loads) / len(loads) if loads else None)


def fail(tx: Tx, slot: SlotRef, lease: StemLease, reason: FailureReason, detail: str, *, infra: bool) -> StemDecision:
    """Apply the retry policy to a leased stem whose try failed."""
    songs, held = _lock_stems(tx, [lease.stem_id])
    stem = held[0] if held else None
    if stem is None or stem.state is not StemState.LEASED or (stem.epoch, stem.slot_id) != (lease.epoch, slot.id):
        return StemDecision(Outcome.FENCED, reason)
    retry = decide(reason, infra=infra, tries=stem.tries, losses=stem.losses)
    return _apply(tx, songs[stem.song_id], stem, retry, cause=reason, detail=detail)


def _apply(tx: Tx, song: SongHead, stem: _Held, retry: Retry, *, cause: FailureReason, detail: str) -> StemDecision:
    note_attempt(
        tx, stem.submission_id, stem_id=stem.id, slot_id=stem.slot_id, epoch=stem.epoch, began_at=stem.updated_at,
        outcome="failed", reason=cause.value, detail=detail,
    )  # fmt: skip
    kept: dict[str, Any] = {
        "tries": retry.tries,
        "losses": retry.losses,
        "reason": retry.reason.value,
        "detail": detail,
    }
    if retry.again:
        move_stems(tx, StemState.LEASED, StemState.READY, StemRow.id == stem.id, slot_id=None, **kept)
        return StemDecision(Outcome.RETRY, retry.reason, retry.tries, retry.losses)
    tx.count(stem.submission_id, Subject.STEM_FAILURE, retry.reason.value)
    if _drops_stems(tx, stem.submission_id):
        move_stems(tx, StemState.LEASED, StemState.DROPPED, StemRow.id == stem.id, slot_id=None, **kept)
        stems_ended(tx, song, 1)
        return StemDecision(Outcome.DROPPED, retry.reason, retry.tries, retry.losses)
    move_stems(tx, StemState.LEASED, StemState.FAILED, StemRow.id == stem.id, slot_id=None, **kept)
    fail_song(tx, song, FailureReason.STEM_FAILED, f"{stem.name}: {retry.reason.value}: {detail}")
    return StemDecision(Outcome.FAILED, retry.reason, retry.tries, retry.losses)


def _drops_stems(tx: Tx, submission_id: int) -> bool:
    text = tx.conn.execute(select(SubmissionRow.plan).where(SubmissionRow.id == submission_id)).scalar_one()
    return plan_of(text).on_failed_stem == "drop_stem"


def lose(tx: Tx, ids: Collection[int], condition: ColumnElement[bool], detail: str, *, blame: bool) -> int:
    """Take leased stems from a slot that is gone or has forgotten them; returns how many were taken.

    Those are taken of which `condition` still holds when they are locked. With `blame` each counts as a loss; without,
    it is as if the stem had never been leased.
    """
    if not ids:
        return 0
    _lock_stems(tx, ids)
    query = select(*_HELD).where(StemRow.id.in_(ids), STEM_LEASED, condition).order_by(StemRow.id)
    held = _held(tx, query)
    for stem in held:
        retry = Retry(again=True, tries=stem.tries, losses=stem.losses, reason=FailureReason.SLOT_LOST)
        if blame:
            retry = decide(FailureReason.SLOT_LOST, infra=True, tries=stem.tries, losses=stem.losses)
        song = lock_song(tx, stem.song_id)  # read anew: the loss of another stem may have ended it
        if song.state is SongState.RENDERING:
            _apply(tx, song, stem, retry, cause=FailureReason.SLOT_LOST, detail=detail)
    return len(held)


def leased_to(conn: Connection, slot_id: int, but: Collection[int] = ()) -> list[int]:
    """Return the stems that are leased to a slot, other than those in `but`."""
    query = select(StemRow.id).where(STEM_LEASED, StemRow.slot_id == slot_id)
    return [stem_id for stem_id in conn.execute(query).scalars() if stem_id not in but]


def leased_since(conn: Connection, age_s: float, limit: int) -> list[int]:
    """Return stems whose lease is older than `age_s`."""
    query = (
        select(StemRow.id).where(STEM_LEASED, StemRow.updated_at < db_now() - age_s).order_by(StemRow.id).limit(limit)
    )
    return list(conn.execute(query).scalars())


def rerender(tx: Tx, song: SongHead, stem_ids: Collection[int], detail: str) -> int:
    """Make rendered stems of a locked song ready again, since their files are lost or damaged; returns how many.

    Each counts as a loss; if one was lost too often nothing is changed, so that a bad store is not filled for ever.
    """
    mine = (StemRow.song_id == song.id, StemRow.id.in_(stem_ids))
    query = select(StemRow.tries, StemRow.losses, StemRow.result).where(*mine, STEM_DONE)
    rows = tx.conn.execute(query).all()
    for row in rows:
        if not decide(FailureReason.STORE_DAMAGED, infra=True, tries=row.tries, losses=row.losses).again:
            return 0
    for row in rows:
        count_result(tx, song.submission_id, StemResult.model_validate_json(row.result), -1)
    values = {"losses": StemRow.losses + 1, "reason": FailureReason.STORE_DAMAGED.value, "detail": detail}
    return len(
        move_stems(tx, StemState.DONE, StemState.READY, *mine, **values, result=None, data_hash=None, slot_id=None)
    )
