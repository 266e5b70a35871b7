"""`farm status --watch`: a live screen, kept up to date until there is nothing more to see."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console, RenderableType
from rich.live import Live

from farm.cli.door import service_ledger
from farm.cli.eta import eta_of
from farm.cli.output import print_json_line
from farm.cli.picture import View, listing, picture
from farm.ledger import Ledger, SubmissionStatus
from schemas.states import SUBMISSION_ENDS, SubmissionState

#: Time between two looks at the counters.
LOOK_S: Final = 1.0
#: The forecast, patches and failures are read every so many looks: they change slowly and cost more.
SELDOM: Final = 5
#: The pace shown is that of the last so many looks.
PACE_LOOKS: Final = 15


def watch_command(submission: int | None, *, as_json: bool) -> int:
    """Show a submission, or all, until it has ended or the person stops it.

    Returns the exit code: 0, or 3 when the submission that was watched failed or was cancelled.
    """
    with service_ledger() as ledger:
        try:
            return _watch_all(ledger, as_json) if submission is None else _watch_one(ledger, submission, as_json)
        except KeyboardInterrupt:
            return 0


def _watch_one(ledger: Ledger, submission: int, as_json: bool) -> int:
    view = View(ledger.status(submission))
    if as_json:
        for view in views(ledger, submission):
            print_json_line(view)
    else:
        with _live(picture(view)) as live:
            for view in views(ledger, submission):
                live.update(picture(view), refresh=True)
    return 0 if view.status.state is SubmissionState.DONE else 3


def _watch_all(ledger: Ledger, as_json: bool) -> int:
    with _live("", quiet=as_json) as live:
        while True:
            rows = [ledger.status(row.id) for row in ledger.submissions()]
            if as_json:
                print_json_line(rows)
            else:
                live.update(listing(rows), refresh=True)
            if all(row.state in SUBMISSION_ENDS for row in rows):
                return 0
            time.sleep(LOOK_S)


@contextmanager
def _live(first: RenderableType, *, quiet: bool = False) -> Iterator[Live]:
    console = Console(quiet=quiet)
    try:
        with Live(first, console=console, auto_refresh=False) as live:
            yield live
    finally:
        if not console.is_terminal:
            console.line()  # a terminal has it already


def views(ledger: Ledger, submission: int, *, look_s: float = LOOK_S) -> Iterator[View]:
    """Yield what is to be seen, every `look_s`, up to and including the end of the submission."""
    pace = Pace()
    slow = View(ledger.status(submission))
    looks = 0
    while True:
        status = ledger.status(submission)
        ended = status.state in SUBMISSION_ENDS
        if ended or looks % SELDOM == 0:
            slow = look_closely(ledger, status)
        measured = None if ended else pace.measure(time.monotonic(), status)
        yield View(status, slow.eta, slow.patches, slow.failures, measured)
        if ended:
            return
        looks += 1
        time.sleep(look_s)


def look_closely(ledger: Ledger, status: SubmissionStatus) -> View:
    """Return the view of a moment with forecast, patches and failures."""
    number = status.submission_id
    return View(status, eta_of(ledger, status), ledger.patches(number), ledger.failure_groups(number))


class Pace:
    """Seconds of stem audio that were rendered in a second, over the last looks."""

    def __init__(self, looks: int = PACE_LOOKS) -> None:
        self._seen: deque[tuple[float, float]] = deque(maxlen=looks + 1)

    def measure(self, now_s: float, status: SubmissionStatus) -> float | None:
        """Return the pace up to now; None before the second look."""
        self._seen.append((now_s, status.stem_audio_s))
        (first_s, first_audio_s), (last_s, last_audio_s) = self._seen[0], self._seen[-1]
        return (last_audio_s - first_audio_s) / (last_s - first_s) if last_s > first_s else None
