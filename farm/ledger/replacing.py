"""Stems whose patch has failed get another one, when the other stems of their song have ended.

A stem that has failed for good waits as failed until its song has no other left to render; then the song goes back to the
draw, which says for each stem that changes what plays it now. What is drawn so depends on which patches failed, and on
nothing that happened in between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, select

from farm.ledger.bulk import update_rows
from farm.ledger.drawn import DrawnStem, PlayedStem, UndrawnSong
from farm.ledger.models import SONG_DRAWING, FileRow, PatchRow, SongRow, StemRow
from farm.ledger.moves import check_move
from farm.ledger.parsed import job_of
from farm.ledger.songs import SPEC, SongHead, fail_song, move_song, spec_of, split_of
from farm.ledger.stemrows import count_result
from farm.ledger.tx import Subject, Tx
from schemas.plan import DatasetPlan
from schemas.replaced import HISTORY, OTHER_PATCH, Spent
from schemas.result import StemResult
from schemas.song import WHOLE
from schemas.states import STEM_MOVES, EventKind, FailureReason, SongState, StemState

#: Reasons that are no patch's: another one would be lost with the slot as well.
_NO_PATCHS: Final = (FailureReason.LOST_TOO_OFTEN,)
#: What a stem has that was never tried with the patch that it has.
_FRESH: Final[Mapping[str, Any]] = {
    "state": StemState.READY.value, "tries": 0, "losses": 0, "kills": 0, "shortages": 0, "failed_host": None,
    "not_before": None, "reason": None, "detail": "", "slot_id": None, "data_hash": None, "result": None,
}  # fmt: skip


def history_of(text: str | None) -> tuple[Spent, ...]:
    """Parse the patches that a stem had before the one it has."""
    return () if text is None else HISTORY.validate_json(text)


def may_have_another(plan: DatasetPlan, stem: str, reason: FailureReason, replaced: str | None) -> bool:
    """Whether a stem that has failed for good is to be played by another patch, if its group has one."""
    wanted = plan.on_failed_stem == "other_patch" and stem != WHOLE and reason not in _NO_PATCHS
    return wanted and len(history_of(replaced)) < plan.instruments.tries


# ---------------------------------------------------------------- what waits for the draw


def undrawn(conn: Connection, submission_id: int, limit: int) -> list[UndrawnSong]:
    """Return songs that wait for their patches, in the order of admission, with the stems that they have already."""
    rows = conn.execute(
        select(SongRow.id, SongRow.split, SongRow.stems_total, *SPEC)
        .join(FileRow, FileRow.id == SongRow.file_id)
        .where(SongRow.submission_id == submission_id, SONG_DRAWING)
        .order_by(SongRow.rank)
        .limit(limit)
    ).all()
    played = _played(conn, [row.id for row in rows if row.stems_total])
    return [UndrawnSong(row.id, spec_of(row), split_of(row.name, row.split), tuple(played[row.id])) for row in rows]


def _played(conn: Connection, song_ids: Sequence[int]) -> dict[int, list[PlayedStem]]:
    """Return the stems of songs in the order of parts, but for those that a person has left out."""
    played: defaultdict[int, list[PlayedStem]] = defaultdict(list)
    if song_ids:
        query = select(StemRow, PatchRow.body).join(PatchRow, PatchRow.id == StemRow.patch_id)
        mine = (StemRow.song_id.in_(song_ids), StemRow.state.in_([StemState.DONE, StemState.FAILED]))
        for row in conn.execute(query.where(*mine).order_by(StemRow.song_id, StemRow.part)):
            failed = FailureReason(row.reason) if row.state is StemState.FAILED else None
            rendered = row.state is StemState.DONE
            stem = PlayedStem(row.name, job_of(row), failed, row.detail, rendered, history_of(row.replaced))
            played[row.song_id].append(stem)
    return played


# ---------------------------------------------------------------- what was drawn


def replace(tx: Tx, song: SongHead, drawn: Sequence[DrawnStem], patches: Mapping[str, tuple[int, str]]) -> None:
    """Give stems of a locked song other patches; they are rendered anew, and the song with them.

    Args:
        tx: the transaction.
        song: of which every stem has ended.
        drawn: the stems that change.
        patches: id and load key of the patch of each, by name of stem.
    """
    query = select(StemRow).where(StemRow.song_id == song.id, StemRow.name.in_([stem.part.name for stem in drawn]))
    found = {row.name: row for row in tx.conn.execute(query.with_for_update(key_share=True))}
    rows = []
    for stem in drawn:
        row = found[stem.part.name]
        check_move(STEM_MOVES, row.state, StemState.READY, f"stem {song.name}/{row.name}")
        _count_off(tx, row)
        patch_id, load_key = patches[row.name]
        rows.append(
            {
                "id": row.id, "patch_id": patch_id, "engine": stem.job.patch.engine, "load_key": load_key,
                "spec_hash": stem.job.spec_hash, "est_s": stem.est_s,
                "replaced": HISTORY.dump_json(stem.instead_of).decode(),
            }
        )  # fmt: skip
        tx.stems(song.submission_id, load_key, stem.job.patch.engine, StemState.READY, 1, stem.est_s)
    update_rows(tx.conn, StemRow, rows, _FRESH)
    move_song(tx, song, SongState.RENDERING, stems_left=len(rows))
    for words in _in_words(drawn):
        tx.event(EventKind.REPLACED, f"{song.name}: {words}", submission_id=song.submission_id, song_id=song.id)


def _count_off(tx: Tx, row: Any) -> None:
    """Take what a stem was, and what it had rendered, off the counters."""
    tx.stems(row.submission_id, row.load_key, row.engine, row.state, -1, -row.est_s)
    if row.state is StemState.FAILED:
        tx.count(row.submission_id, Subject.STEM_FAILURE, row.reason, -1)
    if row.result is not None:
        count_result(tx, row.submission_id, StemResult.model_validate_json(row.result), -1)
    if row.replaced is None:
        tx.count(row.submission_id, Subject.FINDING, OTHER_PATCH)


def _in_words(drawn: Sequence[DrawnStem]) -> list[str]:
    """Say for each patch that gives way which stems it gives way in, to what, and why."""
    stems: defaultdict[tuple[str, str, str], list[DrawnStem]] = defaultdict(list)
    for stem in drawn:
        old, new = stem.instead_of[-1], stem.job.patch
        stems[new.group, old.choice, new.choice].append(stem)
    words = []
    for (group, old_choice, choice), changed in stems.items():
        failed = next((s for s in changed if s.instead_of[-1].stem == s.part.name), changed[0]).instead_of[-1]
        names = ", ".join(stem.part.name for stem in changed)
        words.append(f"{names}: {group}: {choice} in place of {old_choice}: {failed.stem}: {failed.reason.value}")
    return words


def fail_without_another(tx: Tx, song: SongHead) -> None:
    """Fail a song of which a stem failed whose group has no other patch for it."""
    columns = (StemRow.name, StemRow.reason, StemRow.detail)
    query = select(*columns).where(StemRow.song_id == song.id, StemRow.state == StemState.FAILED)
    rows = tx.conn.execute(query.order_by(StemRow.part)).all()
    why = [f"{row.name}: {row.reason}: {row.detail}" for row in rows[:1]]
    fail_song(tx, song, FailureReason.STEM_FAILED, "; ".join([*why, "its group has no other patch that it can have"]))
