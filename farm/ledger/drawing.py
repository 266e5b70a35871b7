"""Split songs get their stems: many songs at once, in few statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import select, update

from farm.ledger.bulk import insert_rows, update_rows
from farm.ledger.drawn import DrawnStem
from farm.ledger.models import PATCH_HELD, LoadKeyRow, PatchRow, SongRow, StemRow
from farm.ledger.moves import check_move
from farm.ledger.replacing import fail_without_another, replace
from farm.ledger.songs import SongHead, fail_song, lock_songs, move_alike
from farm.ledger.tx import Subject, Tx, chunks
from schemas.base import content_hash
from schemas.patch import Patch
from schemas.states import SONG_MOVES, FailureReason, SongState, StemState

#: Seconds to load a load key that was never loaded on this farm: a small soundfont; measured values take over.
DEFAULT_LOAD_S: Final = 1.0
_READY: Final = StemState.READY.value


@dataclass(frozen=True, slots=True)
class _Known:
    """A patch that is in the ledger."""

    id: int
    load_key: str


def draw(tx: Tx, drawn: Sequence[tuple[int, Sequence[DrawnStem]]]) -> int:
    """Give split songs their stems, ready to be rendered; returns how many songs were drawn.

    Those that have their patches already, have ended, or were composed anew since, are left as they are. A song without
    a stem fails; so does one of which a patch failed and that has no other.
    """
    songs = lock_songs(tx, [song_id for song_id, _ in drawn])
    named = [(songs[song_id], stems) for song_id, stems in drawn]
    waiting = [(song, stems) for song, stems in named if song.state is SongState.DRAWING and not _outdated(song, stems)]
    fresh = [(song, stems) for song, stems in waiting if not song.stems_total]
    for song, stems in fresh:
        if not stems:
            fail_song(tx, song, FailureReason.NO_PATCH, "the instrument map has no patch for any part of it")
    _put_stems(tx, [(song, stems) for song, stems in fresh if stems and not any(stem.instead_of for stem in stems)])
    _change_stems(tx, [(song, stems) for song, stems in waiting if song.stems_total])
    return len(waiting)


def _outdated(song: SongHead, stems: Sequence[DrawnStem]) -> bool:
    return any(stem.song_hash not in ("", song.song_hash) for stem in stems)


def _change_stems(tx: Tx, drawn: Sequence[tuple[SongHead, Sequence[DrawnStem]]]) -> None:
    """Give stems of songs other patches than those that failed.

    What was drawn for a song before its stems were is of no use, and is drawn anew at the next look.
    """
    ready = [(song, stems) for song, stems in drawn if all(stem.instead_of for stem in stems)]
    patches = _put_patches(tx, list(dict.fromkeys(stem.job.patch for _, stems in ready for stem in stems)))
    for song, stems in ready:
        if stems:
            known = {stem.part.name: patches[stem.job.patch] for stem in stems}
            replace(tx, song, stems, {name: (patch.id, patch.load_key) for name, patch in known.items()})
        else:
            fail_without_another(tx, song)


def leave_unrendered(tx: Tx, song_ids: Sequence[int]) -> int:
    """Bring split songs of which nothing is rendered to their mix; returns how many there were."""
    waiting = [song for song in lock_songs(tx, song_ids).values() if song.state is SongState.DRAWING]
    move_alike(tx, waiting, SongState.DRAWING, SongState.MIXING)
    return len(waiting)


def _put_stems(tx: Tx, drawn: Sequence[tuple[SongHead, Sequence[DrawnStem]]]) -> None:
    if not drawn:
        return
    patches = _put_patches(tx, list(dict.fromkeys(stem.job.patch for _, stems in drawn for stem in stems)))
    rows = [
        _stem_row(song, part, stem, patches[stem.job.patch]) for song, stems in drawn for part, stem in enumerate(stems)
    ]
    insert_rows(tx.conn, StemRow, rows)
    for (submission_id, load_key, engine), group in _by_backlog(rows).items():
        tx.stems(submission_id, load_key, engine, StemState.READY, len(group), sum(group))
    check_move(SONG_MOVES, SongState.DRAWING, SongState.RENDERING, "a song")
    update_rows(
        tx.conn,
        SongRow,
        [{"id": song.id, "stems_total": len(stems), "stems_left": len(stems)} for song, stems in drawn],
        {"state": SongState.RENDERING.value},
    )
    for song, _ in drawn:
        tx.count(song.submission_id, Subject.SONG, SongState.DRAWING.value, -1)
        tx.count(song.submission_id, Subject.SONG, SongState.RENDERING.value)


def _stem_row(song: SongHead, part: int, stem: DrawnStem, patch: _Known) -> dict[str, Any]:
    job = stem.job
    return {
        "submission_id": song.submission_id, "song_id": song.id, "part": part, "name": stem.part.name,
        "patch_id": patch.id, "engine": job.patch.engine, "load_key": patch.load_key, "rank": song.rank,
        "est_s": stem.est_s, "midi_sha256": job.midi_sha256, "rate_hz": job.rate_hz, "channels": job.channels,
        "tail_max_s": job.tail_max_s, "spec_hash": job.spec_hash, "state": _READY,
    }  # fmt: skip


def _by_backlog(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[int, str, str], list[float]]:
    """Return the expected seconds of stems by submission, load key and engine."""
    groups: defaultdict[tuple[int, str, str], list[float]] = defaultdict(list)
    for row in rows:
        groups[row["submission_id"], row["load_key"], row["engine"]].append(row["est_s"])
    return groups


def _put_patches(tx: Tx, patches: Sequence[Patch]) -> dict[Patch, _Known]:
    """Return the patches' rows; those that are new are added, which they are for the first songs of a plan only."""
    by_hash = {_hash_of(patch): patch for patch in patches}
    ids = _ids(tx, list(by_hash))
    new = {digest: by_hash[digest] for digest in sorted(set(by_hash) - set(ids))}
    if new:
        _add_patches(tx, new)
        ids |= _ids(tx, list(new))
    return {patch: _Known(ids[digest], patch.load_key) for digest, patch in by_hash.items()}


@lru_cache(maxsize=4096)
def _hash_of(patch: Patch) -> str:
    return content_hash(patch)


def _ids(tx: Tx, hashes: Sequence[str]) -> dict[str, int]:
    ids: dict[str, int] = {}
    for some in chunks(hashes):
        ids |= {
            row.hash: row.id
            for row in tx.conn.execute(select(PatchRow.hash, PatchRow.id).where(PatchRow.hash.in_(some)))
        }
    return ids


def _add_patches(tx: Tx, new: Mapping[str, Patch]) -> None:
    """Add patches by their hashes, in order, and their load keys; others may add the same at the same time."""
    rows = [
        {
            "hash": digest, "body": patch.model_dump_json(), "engine": patch.engine, "load_key": patch.load_key,
            "name": patch.name,
        }
        for digest, patch in new.items()
    ]  # fmt: skip
    insert_rows(tx.conn, PatchRow, rows, unless=["hash"])
    _hold_what_is_held(tx, list(new))
    by_key = {patch.load_key: patch for patch in new.values()}
    keys = [
        {
            "load_key": key, "engine": patch.engine, "load_s": DEFAULT_LOAD_S, "pace": 1.0,
            "label": patch.asset.name,
        }
        for key, patch in sorted(by_key.items())
    ]  # fmt: skip
    insert_rows(tx.conn, LoadKeyRow, keys, unless=["load_key"])


def _hold_what_is_held(tx: Tx, hashes: Sequence[str]) -> None:
    """Hold new rows of held patches, too: the same patch has another row where its file lies elsewhere."""
    columns = (PatchRow.load_key, PatchRow.name, PatchRow.quarantined_at, PatchRow.reason)
    for held in tx.conn.execute(select(*columns).where(PATCH_HELD)).all():
        same = (PatchRow.load_key == held.load_key, PatchRow.name == held.name, PatchRow.quarantined_at.is_(None))
        values = {"quarantined_at": held.quarantined_at, "reason": held.reason}
        tx.conn.execute(update(PatchRow).where(*same, PatchRow.hash.in_(hashes)).values(**values))
