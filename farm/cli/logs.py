"""`farm logs`: what happened, from the ledger's events, or line by line from the logs of the hosts."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from farm.cli.door import service_ledger
from farm.cli.hostlogs import Tail, newest
from farm.cli.output import moment, print_json_line
from farm.config import Settings
from farm.ledger import Event, Ledger
from schemas.errors import PlanError, SourceError
from schemas.logs import LogLine, in_words
from schemas.states import EventKind

#: Time between two looks for something new.
LOOK_S: Final = 1.0
#: Most events that one look takes in.
AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Query:
    """Which events or lines are asked for, and how they are printed."""

    submission: int | None = None
    host: str | None = None
    kind: EventKind | None = None
    limit: int = 50
    as_json: bool = False

    def wants(self, line: LogLine) -> bool:
        """Whether a line of a host's log is asked for."""
        return self.submission is None or line.fields.get("submission") == self.submission


def logs_command(query: Query, *, lines: bool, follow: bool) -> int:
    """Print events, or the lines of the hosts' logs, the oldest first; `follow` goes on until the person stops it."""
    try:
        if lines:
            _lines(query, follow)
        else:
            with service_ledger() as ledger:
                _events(ledger, query, follow)
    except KeyboardInterrupt:
        return 0
    return 0


def kind_of(text: str | None) -> EventKind | None:
    """Return the kind of event that a person names; `slot-gone` and `slot_gone` are good for `slot gone`.

    Raises:
        PlanError: there is none of this name.
    """
    if text is None:
        return None
    try:
        return EventKind(text.lower().replace("-", " ").replace("_", " "))
    except ValueError as error:
        known = ", ".join(kind.value.replace(" ", "-") for kind in EventKind)
        raise PlanError(f"--kind {text}: there is no such kind of event", hint=f"Known kinds: {known}") from error


def _events(ledger: Ledger, query: Query, follow: bool) -> None:
    if query.submission is not None:
        ledger.submission(query.submission)  # an unknown one is named
    found = ledger.events(query.submission, kind=query.kind, host=query.host, limit=query.limit)
    _print_events(found, query)
    if not (found or follow or query.as_json):
        sys.stdout.write("nothing like that has happened\n")
    last = max((event.id for event in found), default=0)
    while follow:
        time.sleep(LOOK_S)
        more = ledger.events(query.submission, kind=query.kind, host=query.host, after=last, limit=AT_ONCE)
        _print_events(more, query)
        last = max([last, *(event.id for event in more)])


def _print_events(events: Sequence[Event], query: Query) -> None:
    for event in events:
        if query.as_json:
            print_json_line(event)
        else:
            about = " ".join(filter(None, [_named("submission", event.submission_id), event.host or ""]))
            words = f"{moment(event.at)}  {event.kind:<11}  {about:<20}  {event.detail}"
            sys.stdout.write(words.rstrip() + "\n")
    sys.stdout.flush()


def _named(what: str, number: int | None) -> str:
    return "" if number is None else f"{what} {number}"


def _lines(query: Query, follow: bool) -> None:
    folder = Settings().log_folder
    tail = Tail(folder, query.host)
    found = newest(folder, query.host, query.wants, query.limit)
    if not (found or follow):
        raise SourceError(
            f"no such line in the logs of {query.host or 'any host'} in {folder}",
            hint="Set FARM_LOG_DIR to the folder into which the hosts write, or run this on the host itself",
        )
    _print_lines(found, query)
    while follow:
        time.sleep(LOOK_S)
        _print_lines([line for line in tail.more() if query.wants(line)], query)


def _print_lines(lines: Sequence[LogLine], query: Query) -> None:
    for line in lines:
        if query.as_json:
            print_json_line(line.model_dump())
        else:
            about = f"{moment(line.at)}  {line.level:<7}  {line.host} {line.pid}"
            words = f"{about}  {line.message}  {in_words(line.fields)}"
            sys.stdout.write(words.rstrip() + "\n")
    sys.stdout.flush()
