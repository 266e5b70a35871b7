"""Rendered stems are recorded: by the slot and epoch that hold them, once, in groups."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from sqlalchemy import bindparam, update

from farm.ledger.attempts import attempt, note_attempts
from farm.ledger.clock import db_now
from farm.ledger.holding import Held, lock_stems
from farm.ledger.models import StemRow
from farm.ledger.records import SlotRef, StemCommit
from farm.ledger.slots import host_of
from farm.ledger.songs import stems_ended
from farm.ledger.stemrows import audio_s, count_result
from farm.ledger.tx import Subject, Tx
from schemas.states import EventKind, StemState


def commit(tx: Tx, slot: SlotRef, commits: Sequence[StemCommit]) -> list[bool]:
    """Record rendered stems; for each whether it is recorded, False when it belonged to somebody else by then."""
    songs, held = lock_stems(tx, [item.stem_id for item in commits])
    stems = {stem.id: stem for stem in held}
    mine: dict[int, StemCommit] = {}
    for item in commits:
        stem = stems.get(item.stem_id)
        if stem is not None and stem.state is StemState.LEASED and _is_of(stem, slot, item):
            mine[item.stem_id] = item
    host = host_of(tx.conn, slot.id)
    if mine:
        _record(tx, host, [(stems[stem_id], item) for stem_id, item in sorted(mine.items())])
        ended = Counter(stems[stem_id].song_id for stem_id in mine)
        stems_ended(tx, [(songs[song_id], count) for song_id, count in sorted(ended.items())])
    landed = [item.stem_id in mine or _landed(stems.get(item.stem_id), item) for item in commits]
    if not all(landed):
        detail = f"{landed.count(False)} of {len(landed)} rendered stems came too late: they belonged to others by then"
        tx.event(EventKind.FENCED, detail, slot_id=slot.id, host=host)
    return landed


def _is_of(stem: Held, slot: SlotRef, item: StemCommit) -> bool:
    """Whether a result is of this lease, and of this stem: ids of a ledger that was lost are no ids of its successor."""
    return (stem.epoch, stem.slot_id, stem.spec_hash) == (item.epoch, slot.id, item.result.spec_hash)


def _landed(stem: Held | None, item: StemCommit) -> bool:
    """Whether a commit that is sent again was recorded the first time: only its lease ever had this epoch."""
    return stem is not None and stem.state is StemState.DONE and stem.epoch == item.epoch


def _record(tx: Tx, host: str | None, done: Sequence[tuple[Held, StemCommit]]) -> None:
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
    note_attempts(
        tx,
        [
            attempt(
                stem.submission_id, stem_id=stem.id, slot_id=stem.slot_id, host=host, epoch=stem.epoch,
                began_at=stem.updated_at, outcome="done", cost=item.cost, load_key=stem.load_key,
                patch_id=stem.patch_id, est_s=stem.est_s, audio_s=audio_s(item.result),
            )
            for stem, item in done
        ],
    )  # fmt: skip
    for stem, item in done:
        tx.stems(stem.submission_id, stem.load_key, stem.engine, StemState.LEASED, -1, -stem.est_s)
        tx.stems(stem.submission_id, stem.load_key, stem.engine, StemState.DONE, 1, stem.est_s)
        tx.count(stem.submission_id, Subject.AUDIO, "render_s", item.cost.render_s)
        wall_s = item.cost.render_s + item.cost.load_s
        tx.stage(stem.submission_id, "render", done=1, wall_s=wall_s, cpu_s=item.cost.cpu_s)
        count_result(tx, stem.submission_id, item.result)
    _note_paces(tx, done)


def _note_paces(tx: Tx, done: Sequence[tuple[Held, StemCommit]]) -> None:
    rendered: defaultdict[str, list[tuple[Held, StemCommit]]] = defaultdict(list)
    for stem, item in done:
        if not item.cost.cached:
            rendered[stem.load_key].append((stem, item))
    for load_key, group in rendered.items():
        expected_s = sum(stem.est_s for stem, _ in group)
        sounded_s = sum(audio_s(item.result) for _, item in group)
        render_s = sum(item.cost.render_s for _, item in group)
        loads = [item.cost.load_s for _, item in group if item.cost.cold]
        tx.measured(
            load_key,
            pace=render_s / expected_s if expected_s > 0 else None,
            load_s=sum(loads) / len(loads) if loads else None,
            rtf=render_s / sounded_s if sounded_s > 0 else None,
        )
