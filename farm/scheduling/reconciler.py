"""The reconciler: looks at the ledger and does what no single worker can decide. Every step bears repetition.

Any number of reconcilers may run; the ledger's leader lock lets one of them act at a time, and a crash between any two
steps leaves a state from which the next look goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from farm.ledger import Ledger
from farm.ledger.records import Expired, Pulse, Submission
from farm.planning.draw import draw_stems
from farm.planning.select import select_songs
from farm.scheduling.admission import WINDOW_PER_SLOT, songs_to_admit
from schemas.errors import FarmError, LedgerError
from schemas.patch import EngineFacts
from schemas.states import SONG_ENDS, SongState, SubmissionState

_log = logging.getLogger(__name__)

#: A slot without a sign of life for this long is given up: several of the heartbeats that slots write every 4 s.
SLOT_TIMEOUT_S: Final = 20.0
#: Work that a living slot holds for this long is taken back: the slot has forgotten it, since watchdogs end what hangs.
LEASE_TIMEOUT_S: Final = 3600.0
#: Songs that are drawn in one look, so that a look stays short.
_DRAWN_AT_ONCE: Final = 500


@dataclass(slots=True)
class TickReport:
    """What one look did."""

    leader: bool = True  #: false when another reconciler is at it; then nothing was done
    expired: Expired = field(default_factory=Expired)  #: slots given up, and work taken back
    planned: list[int] = field(default_factory=list)  #: submissions whose songs were chosen
    admitted: int = 0  #: songs opened
    drawn: int = 0  #: songs that got their stems
    finished: list[int] = field(default_factory=list)  #: submissions that ended

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
        lease_timeout_s: age at which work is taken back from a living slot.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        finish: Callable[[int], None],
        slot_timeout_s: float = SLOT_TIMEOUT_S,
        window_per_slot: int = WINDOW_PER_SLOT,
        lease_timeout_s: float = LEASE_TIMEOUT_S,
    ) -> None:
        self._ledger = ledger
        self._finish = finish
        self._slot_timeout_s = slot_timeout_s
        self._window_per_slot = window_per_slot
        self._lease_timeout_s = lease_timeout_s
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
                return TickReport(leader=False)
            now, pulses = self._ledger.pulses(submission_id)
            report = TickReport(expired=self._expire(now))
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
        room = _Room(self._ledger, pulses, self._window_per_slot)
        for pulse in pulses:
            try:
                self._advance(pulse, room, report)
            except FarmError as error:
                _log.error("a submission cannot go on", extra={"submission": pulse.submission_id, "error": str(error)})
                fault = fault or error
        if fault is not None:
            raise fault

    def _advance(self, pulse: Pulse, room: _Room, report: TickReport) -> None:
        if pulse.state is SubmissionState.SCANNING:
            if pulse.scans_open == 0:
                self._plan(pulse.submission_id)
                report.planned.append(pulse.submission_id)
            return
        if all(state in SONG_ENDS for state, count in pulse.songs.items() if count):
            self._finish(pulse.submission_id)
            self._ledger.finish_submission(pulse.submission_id)
            report.finished.append(pulse.submission_id)
            return
        report.admitted += room.admit(pulse)
        if pulse.songs.get(SongState.DRAWING, 0):
            report.drawn += self._draw(pulse.submission_id)

    def _plan(self, submission_id: int) -> None:
        submission = self._ledger.submission(submission_id)
        selection = select_songs(submission.plan, self._ledger.scanned_files(submission_id))
        state = self._ledger.plan_submission(submission_id, selection.chosen, selection.rejected)
        _log.info("planned", extra={"submission": submission_id, "songs": len(selection.chosen), "state": state.value})

    def _draw(self, submission_id: int) -> int:
        submission = self._ledger.submission(submission_id)
        facts = _facts(submission)
        songs = self._ledger.undrawn_songs(submission_id, _DRAWN_AT_ONCE)
        return sum(
            self._ledger.draw_song(song.song_id, draw_stems(submission.plan, facts, song.split)) for song in songs
        )


def _facts(submission: Submission) -> EngineFacts:
    if submission.engine_facts is None:
        raise LedgerError(
            f"submission {submission.id} was never probed", hint="The ledger was changed from outside: restore it"
        )
    return submission.engine_facts


class _Room:
    """The room in the admission window, shared by all submissions, the oldest first."""

    def __init__(self, ledger: Ledger, pulses: list[Pulse], window_per_slot: int) -> None:
        self._ledger = ledger
        self._window_per_slot = window_per_slot
        self._open = sum(_open_songs(pulse) for pulse in pulses)
        self._live_slots: int | None = None

    def admit(self, pulse: Pulse) -> int:
        """Open as many songs of a submission as there is room for; returns how many."""
        planned = pulse.songs.get(SongState.PLANNED, 0)
        if not planned:
            return 0
        if self._live_slots is None:
            self._live_slots = self._ledger.live_slots()
        wanted = songs_to_admit(
            open_songs=self._open,
            planned_songs=planned,
            live_slots=self._live_slots,
            window_per_slot=self._window_per_slot,
        )
        admitted = self._ledger.admit_songs(pulse.submission_id, wanted)
        self._open += admitted
        return admitted


def _open_songs(pulse: Pulse) -> int:
    return sum(
        count for state, count in pulse.songs.items() if state not in SONG_ENDS and state is not SongState.PLANNED
    )
