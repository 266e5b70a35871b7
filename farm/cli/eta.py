"""`farm eta`: when a submission will be done, from what was measured, and what holds it up."""

from __future__ import annotations

import dataclasses
import sys
import time

from farm.cli.door import service_ledger
from farm.cli.output import clock_time, counted, duration, print_json
from farm.ledger import Ledger, SubmissionStatus
from farm.scheduling.eta import Bottleneck, Eta, forecast
from schemas.states import SUBMISSION_ENDS, SubmissionState

#: States in which slots work towards the end.
_UNDER_WAY = (SubmissionState.ACTIVE,)
_BEFORE = {
    SubmissionState.SUBMITTING: "its files are still being listed",
    SubmissionState.SCANNING: "its files are still being read",
    SubmissionState.PAUSING: "it is paused",
    SubmissionState.PAUSED: "it is paused",
    SubmissionState.CANCELLING: "it is being cancelled",
}


def eta_command(submission: int, *, as_json: bool) -> int:
    """Print the forecast of a submission's end."""
    with service_ledger() as ledger:
        status = ledger.status(submission)
        eta = eta_of(ledger, status)
    if as_json:
        record = {"submission": submission, "state": status.state.value, "at": round(time.time(), 3)}
        print_json(record | (dataclasses.asdict(eta) if eta else {"p50_s": None, "p90_s": None}))
    else:
        sys.stdout.write("\n".join([f"submission {submission}: {ended(status)}"] if eta is None else lines(eta)) + "\n")
    return 0


def eta_of(ledger: Ledger, status: SubmissionStatus) -> Eta | None:
    """Return the forecast of a submission; None when it has ended."""
    if status.state in SUBMISSION_ENDS:
        return None
    eta = forecast(ledger.stem_times(status.submission_id))
    if status.state in _UNDER_WAY:
        return eta
    return dataclasses.replace(eta, p50_s=None, p90_s=None, unknown=_BEFORE.get(status.state, status.state.value))


def ended(status: SubmissionStatus) -> str:
    """Say that a submission has ended, how, and how long it took."""
    return f"{status.state.value}, it took {duration(status.elapsed_s)}"


def lines(eta: Eta, *, now: float | None = None) -> list[str]:
    """Return the forecast in words: when, how much is left, what holds it up, what waits for a person."""
    now = time.time() if now is None else now
    stems, slots, tries = (
        counted(eta.stems_left, "stem"),
        counted(eta.slots, "slot"),
        counted(eta.tries, "recent render"),
    )
    told = [
        _when(eta, now),
        f"left: {duration(eta.work_s)} of slot time for {slots}, {stems} of open songs among it; from {tries}",
    ]
    if eta.bottleneck is not None:
        told.append(_bottleneck(eta.bottleneck))
    if eta.held_stems:
        told.append(f"held: {counted(eta.held_stems, 'stem')} of quarantined patches, see `farm quarantine`")
    return told


def _when(eta: Eta, now: float) -> str:
    if eta.p50_s is None or eta.p90_s is None:
        return f"done: nobody can say, {eta.unknown}"
    likely, late = now + eta.p50_s, now + eta.p90_s
    return (
        f"done: in {duration(eta.p50_s)} at {clock_time(likely, now)} (p50), "
        f"in {duration(eta.p90_s)} at {clock_time(late, now)} (p90)"
    )


def _bottleneck(found: Bottleneck) -> str:
    words = "holds it up" if found.decides else "is done last"
    return (
        f"bottleneck: {found.label} ({found.load_key[:12]}) {words}: {counted(found.stems, 'stem')}, "
        f"{100 * found.share:.0f} % of what is left, {found.reason}"
    )
