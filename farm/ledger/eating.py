"""A person accepts a song without one of its stems."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import func, select

from farm.ledger.models import StemRow
from farm.ledger.reopening import CLEAN, named_song, named_stem, reopen
from farm.ledger.songs import SongHead, move_song, reason_of_song, stems_ended
from farm.ledger.stemrows import move_stems
from farm.ledger.submissions import lock_submission
from farm.ledger.tx import Subject, Tx
from schemas.errors import StateError
from schemas.states import EventKind, FailureReason, SongState, StemState, SubmissionState

#: States of stems that a song can still be made of.
_OF_USE: Final = (StemState.READY, StemState.LEASED, StemState.DONE, StemState.CANCELLED)
_EATEN: Final = {"slot_id": None, "reason": FailureReason.EATEN.value, "detail": "accepted without it by a person"}


def eat(tx: Tx, submission_id: int, song_name: str, stem_name: str) -> None:
    """Let a song go on without a stem.

    Raises:
        UnknownIdError: there is no such submission, song or stem.
        StateError: the stem is rendered, or the song would have none left, or did not fail of a stem.
    """
    state = lock_submission(tx, submission_id)
    song = named_song(tx, submission_id, song_name)
    stem = named_stem(tx, song, stem_name)
    name = f"{song_name}/{stem_name}"
    _check(tx, song, stem, name, state)
    reopen(tx, submission_id, state)
    if stem.reason is not None and stem.state is StemState.FAILED:
        tx.count(submission_id, Subject.STEM_FAILURE, stem.reason, -1)
    move_stems(tx, stem.state, StemState.DROPPED, StemRow.id == stem.id, **_EATEN)
    tx.count(submission_id, Subject.STEM_FAILURE, FailureReason.EATEN.value)
    tx.event(EventKind.EATEN, name, submission_id=submission_id, song_id=song.id, stem_id=stem.id)
    if song.state is SongState.RENDERING:
        # One that failed and waits for another patch has ended already.
        stems_ended(tx, [(song, 0 if stem.state is StemState.FAILED else 1)])
    else:
        _go_on(tx, song)


def _check(tx: Tx, song: SongHead, stem: Any, name: str, state: SubmissionState) -> None:
    if state in (SubmissionState.CANCELLING, SubmissionState.CANCELLED):
        raise StateError(f"submission {song.submission_id} is {state.value}", hint="Requeue it, then eat the stem")
    if stem.state in (StemState.DONE, StemState.DROPPED):
        done = "rendered" if stem.state is StemState.DONE else "left out already"
        raise StateError(f"stem {name} is {done}", hint="Only stems that failed or are not rendered yet can be eaten")
    if song.state is not SongState.RENDERING and reason_of_song(tx, song) != FailureReason.STEM_FAILED.value:
        raise StateError(f"song {song.name} is {song.state.value}, and not for a stem", hint="Requeue the song instead")
    others = select(func.count()).select_from(StemRow).where(StemRow.song_id == song.id, StemRow.id != stem.id)
    if not tx.conn.execute(others.where(StemRow.state.in_(_OF_USE))).scalar_one():
        raise StateError(f"song {song.name} has no other stem than {name}", hint="A song needs one stem at least")


def _go_on(tx: Tx, song: SongHead) -> None:
    """Open a failed song again when no other stem of it failed; what was not rendered when it failed is, now."""
    others = select(func.count()).select_from(StemRow).where(StemRow.song_id == song.id)
    if tx.conn.execute(others.where(StemRow.state == StemState.FAILED)).scalar_one():
        return
    tx.count(song.submission_id, Subject.FAILURE, FailureReason.STEM_FAILED.value, -1)
    tx.count(song.submission_id, Subject.WORK, "ended", -song.work_s)
    left = len(move_stems(tx, StemState.CANCELLED, StemState.READY, StemRow.song_id == song.id, **CLEAN))
    move_song(tx, song, SongState.RENDERING, stems_left=left, reason=None, detail="")
    if not left:
        opened = named_song(tx, song.submission_id, song.name)
        stems_ended(tx, [(opened, 0)])
