"""The operator's side of the ledger's face: steer submissions, hosts, patches and limits, and look at them."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from farm.ledger import eating, holds, hosts, limiting, patches, reopening, steering, trouble
from farm.ledger.face import Face
from farm.ledger.patches import PresetReport
from farm.ledger.records import (
    Event,
    FailureGroup,
    HoldReport,
    HostReport,
    LimitReport,
    NewEvent,
    PatchReport,
    SlotRef,
    SlotReport,
    StopOrder,
)
from farm.ledger.tx import chunks
from schemas.states import EventKind, LimitScope, SubmissionState


class Operating(Face):
    """What people, and the commands that speak for them, ask of the ledger; see `Ledger` for what holds of all methods."""

    # ------------------------------------------------------------ submissions

    def pause(self, submission_id: int) -> SubmissionState:
        """Give out nothing more of a submission; what slots hold is finished. Returns PAUSING, or PAUSED if none does.

        Raises:
            UnknownIdError: there is none of this number.
            StateError: it is not under way.
        """
        return self._db.write(lambda tx: steering.pause(tx, submission_id))

    def resume(self, submission_id: int) -> SubmissionState:
        """Let a paused submission go on where it was.

        Raises:
            UnknownIdError, StateError: there is none, or it is not paused.
        """
        return self._db.write(lambda tx: steering.resume(tx, submission_id))

    def cancel(self, submission_id: int) -> SubmissionState:
        """End a submission; what is published stays. In several transactions: a reconciler ends what a crash leaves.

        Raises:
            UnknownIdError, StateError: there is none, or it has ended.
        """
        self._db.write(lambda tx: steering.ask_to_cancel(tx, submission_id))
        return self._cancel_rest(submission_id)

    def _cancel_rest(self, submission_id: int) -> SubmissionState:
        while (state := self._db.write(partial(steering.cancel_some, submission_id=submission_id))) is None:
            pass
        return state

    def settle_requests(self) -> list[int]:
        """Bring to their end the pauses and cancellations that were asked for; returns the submissions that changed."""
        asked = self._db.read(steering.asked)
        settled = [number for number in asked.pausing if self._db.write(partial(steering.settle, submission_id=number))]
        for number in asked.cancelling:
            self._cancel_rest(number)
        return settled + asked.cancelling

    def set_priority(self, submission_id: int, priority: int) -> int:
        """Set what is given out first, -100 to 100, the higher the earlier; returns what it was before.

        Raises:
            UnknownIdError: there is none of this number.
            PlanError: the number is out of range.
            StateError: it has ended.
        """
        return self._db.write(lambda tx: steering.set_priority(tx, submission_id, priority))

    def requeue(
        self,
        submission_id: int,
        *,
        songs: Collection[str] | None = None,
        stems: Collection[tuple[str, str]] | None = None,
    ) -> int:
        """Try songs again that failed or were cancelled, with clean slates; returns how many songs are tried again.

        With neither `songs` nor `stems` all of them. A stem is named by its song and its own name; its song is tried
        again with it. A few hundred songs in a transaction.

        Raises:
            UnknownIdError: there is no such submission, song or stem.
            StateError: one of them is not in a state from which it can be tried again; nothing was changed.
        """
        plan = self._db.write(lambda tx: reopening.prepare(tx, submission_id, songs, stems))
        again = (partial(reopening.replan, submission_id=submission_id, song_ids=some) for some in chunks(plan.songs))
        return plan.returned + sum(self._db.write(step) for step in again)

    def eat(self, submission_id: int, song: str, stem: str) -> None:
        """Accept a song without a stem that failed or is not rendered yet.

        Raises:
            UnknownIdError: there is no such submission, song or stem.
            StateError: the stem is rendered, or the song ended or would have no stem left.
        """
        self._db.write(lambda tx: eating.eat(tx, submission_id, song, stem))

    def fail_held(self, submission_id: int) -> int:
        """Fail the stems of quarantined patches when nothing else of a submission is left; returns how many.

        For a farm without a person who could release them, such as a run on a laptop.
        """
        count = 0
        while self._db.read(lambda conn: holds.only_held_left(conn, submission_id)):
            count += self._db.write(lambda tx: holds.fail_held(tx, submission_id))
        return count

    # ------------------------------------------------------------ hosts and slots

    def drain(self, host: str, on: bool) -> HostReport:
        """Give a host no more work, or take it back; taken back it is also forgiven: not sick, no patch blocked.

        Raises:
            UnknownIdError: no slot of this host was ever seen.
        """
        return self._db.write(lambda tx: hosts.drain(tx, host, on=on))

    def hosts(self) -> list[HostReport]:
        """Return every host that was ever seen, by name."""
        return self._db.read(hosts.all_of)

    def workers(self) -> list[SlotReport]:
        """Return the live slots, by host and number."""
        return self._db.read(hosts.workers)

    def host_pulse(self, host: str, free_disk_bytes: int | None) -> None:
        """Note what a host tells of itself, with its slots' heartbeat."""
        self._db.write(lambda tx: hosts.pulse(tx, host, free_disk_bytes))

    def may_run(self, slot: SlotRef, submission_ids: Collection[int]) -> StopOrder:
        """Return what of its work a slot should stop now; to be asked between two stems."""
        return self._db.read(lambda conn: hosts.stop_order(conn, slot, submission_ids))

    # ------------------------------------------------------------ patches and limits

    def patches(self, submission_id: int | None = None) -> list[PatchReport]:
        """Return the load keys that a submission, or any, has stems for: held ones first, then the most work."""
        return self._db.read(lambda conn: patches.all_of(conn, submission_id))

    def presets(self, submission_id: int | None = None) -> list[PresetReport]:
        """Return the patches that a submission, or any, has stems for, one by one: most work first."""
        return self._db.read(lambda conn: patches.presets(conn, submission_id))

    def holds(self) -> list[HoldReport]:
        """Return all that is quarantined: load keys as a whole, then single patches, by name."""
        return self._db.read(patches.holds)

    def quarantine(self, name: str, reason: str) -> HoldReport:
        """Hold the work of a patch, or of all that is loaded with a load key, until it is released.

        Args:
            name: of a patch (`TimGM6mb:000:055`), a load key or what it loads; or how one of these alone begins.
            reason: why, for people.

        Raises:
            UnknownIdError: nothing begins so, or several things do.
            StateError: it is quarantined already.
        """
        return self._db.write(lambda tx: patches.quarantine(tx, name, reason))

    def release(self, name: str) -> HoldReport:
        """Give out the work of what is quarantined or waits again; what it did before is forgiven.

        Of a load key, all its patches are released.

        Raises:
            UnknownIdError: nothing begins so, or several things do.
            StateError: it is not held.
        """
        return self._db.write(lambda tx: patches.release(tx, name))

    def limits(self) -> list[LimitReport]:
        """Return the named limits and how much of each is taken."""
        return self._db.read(limiting.all_of)

    def limit_names(self) -> list[str]:
        """Return every name that a limit would count something by: engine classes, labels and load keys seen so far."""
        return self._db.read(limiting.countable)

    def set_limit(self, name: str, max: int, scope: LimitScope | str) -> None:  # noqa: A002 - the operator's word
        """Bound how many engine processes, or hosts, have something loaded at once.

        Args:
            name: an engine class, the label of a patch such as its soundfont's name, or a load key.
            max: how many; 0 holds all work of it.
            scope: `instance` counts slots, `host` counts hosts.

        Raises:
            PlanError: no name, a number below 0, or no such scope.
        """
        self._db.write(lambda tx: limiting.put(tx, name, max, scope))

    def drop_limit(self, name: str) -> None:
        """Take a limit away; UnknownIdError if there is none of this name."""
        self._db.write(lambda tx: limiting.drop(tx, name))

    # ------------------------------------------------------------ events and failures

    def note_event(
        self,
        kind: EventKind,
        detail: str,
        *,
        slot: SlotRef | None = None,
        submission_id: int | None = None,
        song_id: int | None = None,
        stem_id: int | None = None,
        load_key: str | None = None,
        host: str | None = None,
    ) -> None:
        """Record something worth telling a person."""
        event = NewEvent(
            kind, detail, submission_id, song_id, host, None if slot is None else slot.id, stem_id, load_key
        )
        self._db.write(lambda tx: trouble.note(tx, event))

    def events(
        self,
        submission_id: int | None = None,
        *,
        kind: EventKind | None = None,
        host: str | None = None,
        after: int | None = None,
        limit: int = 100,
    ) -> list[Event]:
        """Return the newest `limit` events, or with `after` the first `limit` behind that id; the oldest first."""
        return self._db.read(lambda conn: trouble.events(conn, submission_id, kind, host, after, limit))

    def failure_groups(self, submission_id: int) -> list[FailureGroup]:
        """Return the failed tries of a submission, grouped by what they say, the most frequent first."""
        return self._db.read(lambda conn: trouble.failure_groups(conn, submission_id))
