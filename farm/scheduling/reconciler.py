"""The reconciler: looks at the ledger and does what no single worker can decide. Every step bears repetition.

Any number of reconcilers may run; the ledger's leader lock lets one of them act at a time, and a crash between any two
steps leaves a state from which the next look goes on.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from farm.ledger import Ledger
from farm.ledger.drawn import DrawnStem, UndrawnSong
from farm.ledger.records import Expired, Pulse, Submission
from farm.planning.balance import with_places
from farm.planning.draw import draw_stems, redraw_stems
from farm.planning.rules import Rules
from farm.planning.select import ScannedFile, Selection, select_by_steps
from farm.planning.splits import place_songs
from farm.planning.whole import with_whole
from farm.scheduling.admission import REFILL, WINDOW_PER_SLOT, Demand, admissions
from schemas.errors import FarmError, LedgerError
from schemas.patch import EngineFacts
from schemas.plan import DatasetPlan
from schemas.quality import Flaw, Rejection
from schemas.states import SONG_ENDS, SongState, SubmissionState

_log = logging.getLogger(__name__)

#: A slot without a sign of life for this long is given up: several of the heartbeats that slots write every 4 s.
SLOT_TIMEOUT_S: Final = 20.0
#: Work that a living slot holds for this long is taken back: the slot has forgotten it, since watchdogs end what hangs.
LEASE_TIMEOUT_S: Final = 3600.0
#: What takes long is done in pieces, and a look begins no more of them after this time: it stays short.
_PIECES_S: Final = 0.5
#: A plan of a few hundred songs has no more pieces than this, and is made in one look however slow the machine is.
_PIECES_AT_LEAST: Final = 8
#: Songs that are drawn in one transaction, files that are read for the plan at once, and songs that a look opens.
DRAWN_TOGETHER: Final = 100
_FILES_AT_ONCE: Final = 1_000
_ADMITTED_AT_ONCE: Final = 2_000


@dataclass(slots=True)
class TickReport:
    """What one look did."""

    leader: bool = True  #: false when another reconciler is at it; then nothing was done
    expired: Expired = field(default_factory=Expired)  #: slots given up, and work taken back
    planned: list[int] = field(default_factory=list)  #: submissions whose songs were chosen
    admitted: int = 0  #: songs opened
    drawn: int = 0  #: songs that got their stems
    finished: list[int] = field(default_factory=list)  #: submissions that ended
    settled: list[int] = field(default_factory=list)  #: submissions whose pause or cancellation is through
    failed_held: int = 0  #: stems that failed since their patch is quarantined and nobody is there

    @property
    def idle(self) -> bool:
        """Whether there was nothing to do."""
        return self == TickReport(leader=self.leader)


class Reconciler:
    """Advances submissions, and frees what dead slots held.

    Args:
        ledger: the open ledger.
        finish: writes a submission's manifest when all its songs have ended; it may be called again after a crash.
        slot_timeout_s: silence after which a slot is given up.
        window_per_slot: open songs for each live slot.
        window_refill: share of that window below which it is filled up.
        attended: whether a person is there to release quarantined patches. If not, their stems fail by name when
            nothing else is left, so that a submission ends.
        lease_timeout_s: age at which work is taken back from a living slot.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        finish: Callable[[int], None],
        slot_timeout_s: float = SLOT_TIMEOUT_S,
        window_per_slot: int = WINDOW_PER_SLOT,
        window_refill: float = REFILL,
        lease_timeout_s: float = LEASE_TIMEOUT_S,
        attended: bool = False,
    ) -> None:
        self._ledger = ledger
        self._finish = finish
        self._slot_timeout_s = slot_timeout_s
        self._window_per_slot = window_per_slot
        self._window_refill = window_refill
        self._lease_timeout_s = lease_timeout_s
        self._attended = attended
        self._filling = False  # the last look had no time to fill the window; the next goes on with it
        self._plans: dict[int, Iterator[SubmissionState]] = {}
        self._pieces_until = 0.0
        self._looked_at: float | None = None
        self._paused = False
        self._blind_until = 0.0

    def tick(self, submission_id: int | None = None) -> TickReport:
        """Look once, at one submission or at all.

        Raises:
            FarmError: the first fault that a submission met; the others were looked at all the same.
        """
        with self._ledger.leading() as leader:
            if not leader:
                self._plans.clear()
                return TickReport(leader=False)
            self._pieces_until = time.monotonic() + _PIECES_S
            settled = self._ledger.settle_requests()
            now, pulses = self._ledger.pulses(submission_id)
            report = TickReport(expired=self._expire(now), settled=settled)
            self._advance_all(pulses, report)
        return report

    def _expire(self, now: float) -> Expired:
        """Give up silent slots, but not before those that live could have written: after a start, and after a pause.

        A pause is one of the database, of this process or of the whole machine; heartbeats were missed in it, too. Where
        every look is a pause, the looks are slow, and only the first counts.
        """
        paused = self._looked_at is None or now - self._looked_at > self._slot_timeout_s / 2
        if paused and not self._paused:
            self._blind_until = now + self._slot_timeout_s
        self._looked_at, self._paused = now, paused
        if now < self._blind_until:
            return Expired()
        return self._ledger.expire_slots(self._slot_timeout_s) + self._ledger.expire_leases(self._lease_timeout_s)

    def _advance_all(self, pulses: list[Pulse], report: TickReport) -> None:
        fault: FarmError | None = None
        admitted = self._admissions(pulses)
        for pulse in pulses:
            try:
                self._advance(pulse, admitted.get(pulse.submission_id, 0), report)
            except FarmError as error:
                _log.error("a submission cannot go on", extra={"submission": pulse.submission_id, "error": str(error)})
                fault = fault or error
        if fault is not None:
            raise fault

    def _admissions(self, pulses: list[Pulse]) -> dict[int, int]:
        """Return how many songs of each submission to open."""
        active = [pulse for pulse in pulses if pulse.state is SubmissionState.ACTIVE]
        if not any(pulse.songs.get(SongState.PLANNED, 0) for pulse in active):
            return {}
        live_slots = self._ledger.live_slots()
        demands = [_demand(pulse, self._window_per_slot * max(1, live_slots)) for pulse in active]
        refill = 1.0 if self._filling else self._window_refill
        wanted = admissions(demands, live_slots=live_slots, window_per_slot=self._window_per_slot, refill=refill)
        room = _ADMITTED_AT_ONCE
        self._filling = sum(wanted.values()) > room
        for number, count in wanted.items():
            wanted[number] = min(count, room)
            room -= wanted[number]
        return wanted

    def _advance(self, pulse: Pulse, admitted: int, report: TickReport) -> None:
        if pulse.state is SubmissionState.SCANNING:
            if pulse.scans_open == 0 and self._plan(pulse.submission_id):
                report.planned.append(pulse.submission_id)
            return
        if all(state in SONG_ENDS for state, count in pulse.songs.items() if count):
            self._finish(pulse.submission_id)
            self._ledger.finish_submission(pulse.submission_id)
            report.finished.append(pulse.submission_id)
            return
        if pulse.songs_held and not self._attended:
            report.failed_held += self._ledger.fail_held(pulse.submission_id)
        report.admitted += self._ledger.admit_songs(pulse.submission_id, admitted)
        if pulse.songs.get(SongState.DRAWING, 0):
            report.drawn += self._draw(pulse.submission_id)

    def _plan(self, submission_id: int) -> bool:
        """Go on with the plan of a submission; whether it is whole. A fault, or another leader, begins it anew."""
        state = None
        steps = self._plans.pop(submission_id, None) or self._plan_steps(submission_id)
        with _uncollected():
            for done, state in enumerate(steps, start=1):
                late = done >= _PIECES_AT_LEAST and time.monotonic() > self._pieces_until
                if late and state is SubmissionState.SCANNING:
                    self._plans[submission_id] = steps
                    return False
        gc.unfreeze()
        if state is SubmissionState.SCANNING:
            return False  # its files are read once more
        _log.info("planned", extra={"submission": submission_id, "state": None if state is None else state.value})
        return True

    def _plan_steps(self, submission_id: int) -> Iterator[SubmissionState]:
        """Choose the songs of a submission piece by piece; yields its state after each."""
        submission = self._ledger.submission(submission_id)
        files: list[ScannedFile] = []
        while some := self._ledger.scanned_files(
            submission_id, after=files[-1][0] if files else 0, limit=_FILES_AT_ONCE
        ):
            files += some
            yield submission.state
        outdated = [file_id for file_id, _, facts in files if not facts.fingerprint]
        if again := self._ledger.read_again(submission_id, outdated):
            _log.info("files are read once more", extra={"submission": submission_id, "files": again})
            return
        selection = Selection([], [])
        for found in select_by_steps(submission.plan, files):
            selection = found or selection
            yield submission.state
        files.clear()
        selection = with_places(submission.plan, place_songs(submission.plan, selection))
        yield from self._ledger.plan_by_steps(submission_id, selection.chosen, selection.rejected)

    def _draw(self, submission_id: int) -> int:
        submission = self._ledger.submission(submission_id)
        facts = _facts(submission)
        count = 0
        while songs := self._ledger.undrawn_songs(submission_id, DRAWN_TOGETHER):
            fit = [song for song in songs if not self._refused(submission.plan, song)]
            if submission.plan.output.is_rendered:
                drawn = [(song.song_id, _drawn(submission.plan, facts, song)) for song in fit]
                count += self._ledger.draw_songs(drawn)
            else:
                count += self._ledger.leave_unrendered([song.song_id for song in fit])
            if len(songs) < DRAWN_TOGETHER or time.monotonic() > self._pieces_until:
                break
        return count

    def _refused(self, plan: DatasetPlan, song: UndrawnSong) -> bool:
        """Have a song composed once more that was composed anew since it was chosen, and breaks a rule of the plan's."""
        rejected = song.spec.rejected
        if song.played or not any(item.is_late for item in rejected):
            return False
        broken = Rules(plan).broken(song.spec.facts)
        if broken is None:
            return False
        flaws, words = [Flaw.OUTSIDE_FILTERS], f"{broken[0].value}: {broken[1]}"
        unfit = Rejection(attempt=len(rejected), flaws=flaws, score=0.0, detail=words)
        return self._ledger.reject_split(song.song_id, [*rejected, unfit])


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the collector from looking through millions of facts again and again: five sixths of a large plan's time.

    They hold no cycles, and go when nobody names them any more.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()


def _drawn(plan: DatasetPlan, facts: EngineFacts, song: UndrawnSong) -> list[DrawnStem]:
    song_hash = song.spec.song_hash
    if song.played:
        return redraw_stems(plan, facts, song.split, song_hash, song.played)
    stems = draw_stems(plan, facts, song.split, song_hash, song.spec.places)
    return with_whole(stems, plan, facts, song.split, song_hash)


def _facts(submission: Submission) -> EngineFacts:
    if submission.engine_facts is None:
        raise LedgerError(
            f"submission {submission.id} was never probed", hint="The ledger was changed from outside: restore it"
        )
    return submission.engine_facts


def _demand(pulse: Pulse, window: int) -> Demand:
    opened = sum(
        count for state, count in pulse.songs.items() if state not in SONG_ENDS and state is not SongState.PLANNED
    )
    # Songs that wait for a person take no room from the others; one window more of them when there are no others.
    room = pulse.songs_held if pulse.songs_held < opened else min(pulse.songs_held, window)
    return Demand(pulse.submission_id, opened - room, pulse.songs.get(SongState.PLANNED, 0), pulse.priority)
