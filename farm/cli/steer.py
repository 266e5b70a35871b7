"""`farm pause`, `resume`, `cancel`, `priority`, `requeue` and `eat`: change what becomes of a submission."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from farm.cli.door import service_ledger
from farm.cli.output import answer, counted
from farm.ledger import Ledger
from schemas.errors import LedgerError, PlanError
from schemas.states import SUBMISSION_ENDS, SubmissionState

_PAUSE = {
    SubmissionState.PAUSING: "pausing; the stems that are being rendered are finished, nothing new begins",
    SubmissionState.PAUSED: "paused",
}
_CANCEL = {
    SubmissionState.CANCELLING: "cancelling; its open songs are being ended",
    SubmissionState.CANCELLED: "cancelled",
}


def pause_command(submission: int, *, as_json: bool) -> int:
    """Pause a submission."""
    with service_ledger() as ledger:
        state = ledger.pause(submission)
    words = f"submission {submission}: {_PAUSE.get(state, state.value)}; `farm resume {submission}` goes on"
    return answer({"submission": submission, "state": state.value}, words, as_json=as_json)


def resume_command(submission: int, *, as_json: bool) -> int:
    """Let a paused submission go on."""
    with service_ledger() as ledger:
        state = ledger.resume(submission)
    words = f"submission {submission}: goes on, {state.value}"
    return answer({"submission": submission, "state": state.value}, words, as_json=as_json)


def cancel_command(submission: int, *, yes: bool, as_json: bool) -> int:
    """Cancel a submission, after a question where a person sits at a terminal."""
    with service_ledger() as ledger:
        if not (yes or as_json) and sys.stdin.isatty() and not _sure(ledger, submission):
            sys.stdout.write(f"submission {submission}: nothing was changed\n")
            return 0
        state = ledger.cancel(submission)
    rest = f"published songs stay, `farm requeue {submission}` takes up the rest"
    words = f"submission {submission}: {_CANCEL.get(state, state.value)}; {rest}"
    return answer({"submission": submission, "state": state.value}, words, as_json=as_json)


def _sure(ledger: Ledger, submission: int) -> bool:
    status = ledger.status(submission)
    if status.state in SUBMISSION_ENDS:
        return True  # the ledger says why it cannot be cancelled
    songs = f"{status.songs_done:,} of {counted(status.songs_total, 'song')} published"
    return typer.confirm(f"Cancel submission {submission} ({status.name}, {status.state.value}, {songs})?")


def priority_command(submission: int, priority: int, *, as_json: bool) -> int:
    """Set the priority of a submission."""
    with service_ledger() as ledger:
        before = ledger.set_priority(submission, priority)
    words = f"submission {submission}: priority {priority}, before {before}"
    return answer({"submission": submission, "priority": priority, "before": before}, words, as_json=as_json)


def requeue_command(submission: int, songs: Sequence[str], stems: Sequence[str], *, as_json: bool) -> int:
    """Try again what failed, or what is named of it."""
    named = [stem_name(stem) for stem in stems]
    with service_ledger() as ledger:
        count = ledger.requeue(submission, songs=songs or None, stems=named or None)
    again = f"{counted(count, 'song')} tried again" if count else "nothing to try again"
    return answer({"submission": submission, "requeued": count}, f"submission {submission}: {again}", as_json=as_json)


def eat_command(submission: int, stems: Sequence[str], *, as_json: bool) -> int:
    """Let songs go on without stems."""
    named = [stem_name(stem) for stem in stems]  # all are read before the first is eaten
    with service_ledger() as ledger:
        for index, (song, stem) in enumerate(named):
            _eat(ledger, submission, song, stem, before=stems[:index])
    words = "\n".join(f"submission {submission}: {song} goes on without {stem}" for song, stem in named)
    return answer({"submission": submission, "eaten": list(stems)}, words, as_json=as_json)


def _eat(ledger: Ledger, submission: int, song: str, stem: str, before: Sequence[str]) -> None:
    try:
        ledger.eat(submission, song, stem)
    except LedgerError as error:
        if not before:
            raise
        hint = f"{error.hint}; done before it: {', '.join(before)}".removeprefix("; ")
        raise type(error)(error.message, hint=hint) from error


def stem_name(text: str) -> tuple[str, str]:
    """Return the song and the stem of `Track00001/S03`.

    Raises:
        PlanError: it is not written so.
    """
    song, slash, stem = text.partition("/")
    if not (song and slash and stem) or "/" in stem:
        raise PlanError(f"{text!r} names no stem", hint="Write song and stem as in Track00001/S03; see `farm failures`")
    return song, stem
