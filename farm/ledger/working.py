"""The workers' side of the ledger's face: take tasks and stems, bring what became of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from farm.ledger import anew, committing, completing, failing, leases, reports, slots, stems, submissions, tasks
from farm.ledger.face import Face
from farm.ledger.records import (
    Outcome,
    SlotRef,
    SongWork,
    StemCommit,
    StemDecision,
    StemLease,
    TaskRef,
)
from farm.ledger.tx import Tx
from schemas.dataset import MixResult, TrackRecord
from schemas.patch import EngineFacts
from schemas.quality import Rejection
from schemas.song import ComposedAnew, ScanResult, SplitResult
from schemas.states import FailureReason, SlotState, TaskKind


class Working(Face):
    """What slots ask of the ledger; see `Ledger` for what holds of all methods."""

    # ------------------------------------------------------------ tasks

    def claim_task(
        self,
        slot: SlotRef,
        *,
        submission_id: int | None = None,
        task_id: int | None = None,
        kinds: Collection[TaskKind] | None = None,
        holding: Collection[int] = (),
    ) -> TaskRef | None:
        """Take the most urgent ready task, or the named one if it is ready; None when there is none to take.

        Submissions of higher priority come first. A drained or sick host gets none, and no slot a probe of what it does
        not serve and another one does. A task that the slot took before and names neither as done nor in `holding` counts as lost.
        """
        wanted = tasks.claimable(submission_id, task_id, kinds)

        def waits() -> bool:
            return self._db.read(
                lambda conn: (
                    tasks.any_ready(conn, [*wanted, *tasks.beyond(conn, slot)])
                    or any(t.task_id not in holding for t in tasks.held_by(conn, slot.id))
                )
            )

        def claim(tx: Tx) -> TaskRef | None:
            if not slots.touch(tx, slot, state=SlotState.BUSY):
                return None
            levels = submissions.levels(tx, submission_id)
            for task in tasks.held_by(tx.conn, slot.id):
                if task.task_id not in holding:
                    failing.free_unasked(tx, task, "its slot asked for other work", blame=True)
            if slots.whereabouts(tx.conn, slot.id)[1]:
                return None
            return tasks.claim(tx, slot, [*wanted, *tasks.beyond(tx.conn, slot)], levels)

        return self._db.write(claim) if waits() else None

    def task_files(self, task: TaskRef) -> list[tuple[int, str]]:
        """Return (file id, path relative to the source's root) of the files of a scan task."""
        return self._db.read(lambda conn: submissions.scan_batch(conn, task.task_id))

    def song_for(self, task: TaskRef) -> SongWork:
        """Return everything that a worker needs for a task of a song."""
        return self._db.read(lambda conn: reports.song_work(conn, task))

    def specs_in_use(self, song_id: int, spent: Collection[str] = (), *, published: bool = False) -> set[str]:
        """Return the spec hashes of a song's stems that other, unfinished songs share: their files must stay.

        The same of those in `spent`: what the song's stems were before they got other patches. With `published` also
        those that published songs share.
        """
        return self._db.read(lambda conn: reports.specs_in_use(conn, song_id, spent, published=published))

    def complete_probe(self, task: TaskRef, facts: EngineFacts) -> bool:
        """Record what a probe found; False when the task belonged to somebody else by then (of all `complete_...`)."""
        return self._db.write(lambda tx: completing.probe(tx, task, facts))

    def complete_scan(self, task: TaskRef, results: Sequence[ScanResult]) -> bool:
        """Record the fates of a batch of files, one result for each."""
        return self._db.write(lambda tx: completing.scan(tx, task, results))

    def complete_split(self, task: TaskRef, result: SplitResult, made: ComposedAnew | None = None) -> bool:
        """Record a song's parts; it waits for its patches now. `made` says what it is where it was composed anew."""
        return self._db.write(lambda tx: completing.split(tx, task, result, made))

    def recognise(self, task: TaskRef, record: TrackRecord, made: ComposedAnew | None = None) -> bool:
        """From a split: record that the song was found published, by a farm whose ledger is gone; it is done."""
        return self._db.write(lambda tx: completing.recognise(tx, task, record, made))

    def reject_try(self, task: TaskRef, rejected: Sequence[Rejection]) -> bool:
        """From split or annotation: have a song composed anew, whose tries so far are all `rejected`.

        When the plan's tries are used up the song fails as `low_score`. Its stems are forgotten: the caller has removed
        their files.
        """
        return self._db.write(lambda tx: anew.reject_try(tx, task, rejected))

    def complete_mix(self, task: TaskRef, result: MixResult) -> bool:
        """Record a song's mix; it is annotated next."""
        return self._db.write(lambda tx: completing.mix(tx, task, result))

    def complete_annotate(self, task: TaskRef) -> bool:
        """Record that a song is annotated; it is published next."""
        return self._db.write(lambda tx: completing.annotate(tx, task))

    def complete_publish(self, task: TaskRef, record: TrackRecord) -> bool:
        """Record a published song; it is done."""
        return self._db.write(lambda tx: completing.publish(tx, task, record))

    def return_stems(self, task: TaskRef, stem_ids: Collection[int], detail: str) -> bool:
        """From a mix: have stems rendered anew whose files are lost or damaged; each counts as a loss of the stem."""
        return self._db.write(lambda tx: completing.return_stems(tx, task, stem_ids, detail))

    def return_song(self, task: TaskRef, detail: str) -> bool:
        """From annotation or publishing: have a song mixed anew whose unpublished files are lost or damaged."""
        return self._db.write(lambda tx: completing.return_song(tx, task, detail))

    def fail_task(self, task: TaskRef, reason: FailureReason, detail: str, infra: bool) -> Outcome:
        """Apply the retry policy to a task; when it fails for good its song, or for a probe the submission, fails."""
        return self._db.write(lambda tx: failing.fail(tx, task, reason, detail, infra=infra))

    def tasks_to_announce(self, *, quiet_s: float, limit: int = 500) -> list[tuple[int, TaskKind]]:
        """Return ready tasks for which no message was sent within `quiet_s`, and note that one is sent now."""
        ids = self._db.read(lambda conn: tasks.quiet_ids(conn, quiet_s, limit))
        return self._db.write(lambda tx: tasks.announce(tx, ids)) if ids else []

    # ------------------------------------------------------------ stems

    def lease_stems(
        self,
        slot: SlotRef,
        *,
        engine: str | Sequence[str],
        warm_key: str | None,
        limit: int,
        submission_id: int | None = None,
        holding: Collection[int] = (),
    ) -> list[StemLease]:
        """Lease up to `limit` stems of one load key: `warm_key` if it has work, else the most worthwhile; [] for none.

        Submissions of higher priority come before a warm patch. Not given out are stems of paused submissions, of
        quarantined patches, of what the host fails on or a limit forbids; a drained or sick host gets none.

        `engine` names the class of the stems, or the classes; another than that of what is warm counts as a longer load.

        A stem that the slot leased before, and has neither ended nor names in `holding`, counts as lost.
        """
        engines = (engine,) if isinstance(engine, str) else tuple(engine)

        def lease(tx: Tx) -> list[StemLease]:
            if not slots.touch(tx, slot, state=SlotState.BUSY, warm_key=warm_key):
                return []
            submissions.levels(tx, submission_id)  # locked before any of their stems: none is paused meanwhile
            leases.forget(tx, slot, holding)
            return leases.lease(tx, slot, engines=engines, warm_key=warm_key, limit=limit, submission_id=submission_id)

        def waits() -> bool:
            return self._db.read(
                lambda conn: leases.waits(
                    conn, slot, engines=engines, warm_key=warm_key, limit=limit, submission_id=submission_id,
                    holding=holding,
                )
            )  # fmt: skip

        # While there is work a look before the lease would only cost; without, a look costs no write.
        found = self._db.write(lease) if slot.id in self._served or waits() else []
        (self._served.add if found else self._served.discard)(slot.id)
        return found

    def give_back(self, slot: SlotRef, stem_ids: Collection[int], detail: str) -> int:
        """Return leased stems that will not be rendered now, such as of a paused submission; returns how many it held.

        It is as if they had never been leased.
        """
        return self._db.write(lambda tx: stems.give_back(tx, slot, stem_ids, detail)) if stem_ids else 0

    def commit_stems(self, slot: SlotRef, commits: Sequence[StemCommit]) -> list[bool]:
        """Record rendered stems; for each whether it is recorded, False when it belonged to somebody else by then.

        Sent again, a commit that was recorded is True again. The last stem of a song puts its mix.
        """
        return self._db.write(lambda tx: committing.commit(tx, slot, commits)) if commits else []

    def fail_stem(
        self, slot: SlotRef, lease: StemLease, reason: FailureReason, detail: str, *, infra: bool
    ) -> StemDecision:
        """Apply the retry policy to a leased stem; failed for good, it fails its song or is dropped, as planned."""
        return self._db.write(lambda tx: stems.fail(tx, slot, lease, reason, detail, infra=infra))

    def any_waiting(self) -> bool:
        """Whether a stem or a task waits for a slot."""
        return self._db.read(lambda conn: bool(leases.ready_by_engine(conn)) or tasks.any_ready(conn, []))

    def ready_by_engine(self) -> dict[str, int]:
        """Count the stems that wait for a slot by engine class."""
        return self._db.read(leases.ready_by_engine)

    def unserved(self) -> dict[str, int]:
        """Count the stems that wait for an engine class which no live slot serves, by class."""
        return self._db.read(leases.unserved)
