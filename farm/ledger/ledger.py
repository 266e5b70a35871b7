"""The ledger's face: each method is one transaction; the SQL is in the themed modules beside this one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from farm.ledger import (
    completing,
    departures,
    failing,
    leases,
    planned,
    reports,
    slots,
    songs,
    stems,
    submissions,
    tasks,
)
from farm.ledger.database import PATIENCE_S, Database, parse_url
from farm.ledger.opening import upgrade
from farm.ledger.records import (
    ChosenSong,
    DrawnStem,
    Event,
    Expired,
    Failure,
    Outcome,
    Pulse,
    RejectedFile,
    SlotRef,
    SongReport,
    SongWork,
    StemCommit,
    StemDecision,
    StemLease,
    Submission,
    SubmissionStatus,
    TaskRef,
    UndrawnSong,
)  # fmt: skip
from farm.ledger.tx import Tx, chunks
from farm.ledger.watch import Watch
from schemas.dataset import MixResult, TrackRecord
from schemas.patch import EngineFacts
from schemas.plan import DatasetPlan
from schemas.song import ScanResult, SongFacts, SplitResult
from schemas.states import FailureReason, SlotState, SubmissionState, TaskKind


def open_ledger(url: str | Path, *, patience_s: float = PATIENCE_S) -> Ledger:
    """Open a ledger, making or upgrading its tables where needed.

    Args:
        url: `sqlite:///path`, `postgresql://user@host/name`, or the path of an SQLite file.
        patience_s: how long a later operation is tried again while the database is away.

    Raises:
        LedgerError: it cannot be reached, is of an unknown version, or is no ledger.
    """
    database = Database(parse_url(f"sqlite:///{url}" if isinstance(url, Path) else url))
    try:
        upgrade(database)
    except BaseException:
        database.close()
        raise
    database.patience_s = patience_s
    return Ledger(database)


class Ledger:
    """What was asked, tried and produced. Safe for threads, and for any number of processes at once.

    Every method is one transaction, tried again on passing faults of the database, unless it says otherwise; all raise
    LedgerError when the database refuses or stays away.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def close(self) -> None:
        """Close the connections."""
        self._db.close()

    def watch(self) -> Watch:
        """Return a look-out for writes of others, for processes on the machine of an SQLite ledger."""
        return Watch(self._db.path)

    # ------------------------------------------------------------ submissions

    def create_submission(self, plan: DatasetPlan, *, source_root: str, out_dir: str, store_root: str) -> int:
        """Begin a submission and return its number; LedgerError when an unfinished one goes to the same folder."""
        return self._db.write(lambda tx: submissions.create(tx, plan, source_root, out_dir, store_root))

    def find_submission(self, *, out_dir: str, plan_hash: str | None = None) -> int | None:
        """Return the newest submission into a folder, of one plan or of any; None if there is none."""
        return self._db.read(lambda conn: submissions.find(conn, out_dir, plan_hash))

    def add_files(self, submission_id: int, relative_paths: Iterable[str]) -> int:
        """Add files of the source, some hundreds in a transaction; returns how many were not there already."""
        paths = list(relative_paths)
        adding = (partial(submissions.add_files, submission_id=submission_id, paths=some) for some in chunks(paths))
        return sum(self._db.write(add) for add in adding)

    def seal(self, submission_id: int) -> None:
        """Close the list of files and let probe and scans begin; does nothing when it was done before."""
        self._db.write(lambda tx: submissions.seal(tx, submission_id))

    def submission(self, submission_id: int) -> Submission:
        """Return a submission; UnknownIdError if there is none of this number."""
        return self._db.read(lambda conn: submissions.get(conn, submission_id))

    def submissions(self) -> list[Submission]:
        """Return all submissions, the oldest first."""
        return self._db.read(submissions.all_of)

    def source_paths(self, submission_id: int) -> list[str]:
        """Return the paths of all files of a submission, sorted."""
        return self._db.read(lambda conn: reports.source_paths(conn, submission_id))

    def retry_failed(self, submission_id: int) -> int:
        """Open a failed submission again for what failed of it; returns how many songs or scans are tried again."""
        return self._db.write(lambda tx: planned.retry_failed(tx, submission_id))

    # ------------------------------------------------------------ slots

    def register_slot(self, host: str, pid: int, engine: str) -> SlotRef:
        """Add a slot; it lives as long as its heartbeat goes on."""
        return self._db.write(lambda tx: slots.register(tx, host, pid, engine))

    def heartbeat(self, slot: SlotRef, warm_key: str | None) -> bool:
        """Write a sign of life; False when the slot was given up and must register anew."""
        return self._db.write(lambda tx: slots.beat(tx, slot, warm_key))

    def retire_slot(self, slot: SlotRef) -> None:
        """Leave in order: what the slot holds is free again and nothing is held against it."""
        self._db.write(lambda tx: slots.touch(tx, slot) and departures.depart(tx, slot.id, "it left", blame=False))

    def expire_slots(self, timeout_s: float) -> Expired:
        """Give up the slots without a sign of life for `timeout_s`, each in a transaction of its own."""
        stale = self._db.read(lambda conn: slots.stale_ids(conn, timeout_s))
        detail = f"no sign of life for {timeout_s:g} s"
        return self._depart(stale, detail, blame=True, stale_s=timeout_s)

    def expire_host_slots(self, host: str, live_pids: Iterable[int]) -> Expired:
        """Give up the slots of a host whose processes are not among the living.

        While others live, what the dead held counts as lost with them. With nobody alive the whole host was stopped or
        restarted, which says nothing about the work, and it is free as if it had never been taken.
        """
        living = list(live_pids)
        dead = self._db.read(lambda conn: slots.dead_ids(conn, host, living))
        return self._depart(dead, "its process is gone", blame=bool(living))

    def _depart(self, ids: Sequence[int], detail: str, *, blame: bool, stale_s: float | None = None) -> Expired:
        freed = Expired()
        for slot_id in ids:
            depart = partial(departures.depart, slot_id=slot_id, detail=detail, blame=blame, stale_s=stale_s)
            freed += self._db.write(depart)
        return freed

    def expire_leases(self, age_s: float, limit: int = 500) -> Expired:
        """Free stems and tasks that were taken longer than `age_s` ago, though their slots live."""
        detail = f"not done after {age_s:g} s"
        old = self._db.read(
            lambda conn: (stems.leased_since(conn, age_s, limit), tasks.running_since(conn, age_s, limit))
        )
        freed = self._db.write(lambda tx: departures.take_back_stems(tx, old[0], detail)) if old[0] else Expired()
        for task in old[1]:
            freed += self._db.write(partial(departures.take_back_task, task=task, detail=detail))
        return freed

    def live_slots(self, engine: str | None = None) -> int:
        """Count the slots that are not given up."""
        return self._db.read(lambda conn: slots.live_count(conn, engine))

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

        A task that the slot took before and names neither as done nor in `holding` counts as lost.
        """
        wanted = tasks.claimable(submission_id, task_id, kinds)

        def waits() -> bool:
            return self._db.read(
                lambda conn: (
                    tasks.any_ready(conn, wanted) or any(t.task_id not in holding for t in tasks.held_by(conn, slot.id))
                )
            )

        def claim(tx: Tx) -> TaskRef | None:
            if not slots.touch(tx, slot, state=SlotState.BUSY):
                return None
            for task in tasks.held_by(tx.conn, slot.id):
                if task.task_id not in holding:
                    failing.free_unasked(tx, task, "its slot asked for other work", blame=True)
            return tasks.claim(tx, slot, wanted)

        return self._db.write(claim) if waits() else None

    def task_files(self, task: TaskRef) -> list[tuple[int, str]]:
        """Return (file id, path relative to the source's root) of the files of a scan task."""
        return self._db.read(lambda conn: submissions.scan_batch(conn, task.task_id))

    def song_for(self, task: TaskRef) -> SongWork:
        """Return everything that a worker needs for a task of a song."""
        return self._db.read(lambda conn: reports.song_work(conn, task))

    def specs_in_use(self, song_id: int) -> set[str]:
        """Return the spec hashes of a song's stems that other, unfinished songs share: their files must stay."""
        return self._db.read(lambda conn: reports.specs_in_use(conn, song_id))

    def complete_probe(self, task: TaskRef, facts: EngineFacts) -> bool:
        """Record what a probe found; False when the task belonged to somebody else by then (of all `complete_...`)."""
        return self._db.write(lambda tx: completing.probe(tx, task, facts))

    def complete_scan(self, task: TaskRef, results: Sequence[ScanResult]) -> bool:
        """Record the fates of a batch of files, one result for each."""
        return self._db.write(lambda tx: completing.scan(tx, task, results))

    def complete_split(self, task: TaskRef, result: SplitResult) -> bool:
        """Record a song's parts; it waits for its patches now."""
        return self._db.write(lambda tx: completing.split(tx, task, result))

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
        engine: str,
        warm_key: str | None,
        limit: int,
        submission_id: int | None = None,
        holding: Collection[int] = (),
    ) -> list[StemLease]:
        """Lease up to `limit` stems of one load key: `warm_key` if it has work, else the most worthwhile; [] for none.

        A stem that the slot leased before, and has neither ended nor names in `holding`, counts as lost.
        """

        def lease(tx: Tx) -> list[StemLease]:
            if not slots.touch(tx, slot, state=SlotState.BUSY, warm_key=warm_key):
                return []
            leases.forget(tx, slot, holding)
            return leases.lease(tx, slot, engine=engine, warm_key=warm_key, limit=limit, submission_id=submission_id)

        found = self._db.read(lambda conn: leases.waits(conn, slot, engine, submission_id, holding))
        return self._db.write(lease) if found else []

    def commit_stems(self, slot: SlotRef, commits: Sequence[StemCommit]) -> list[bool]:
        """Record rendered stems; for each whether it is recorded, False when it belonged to somebody else by then.

        Sent again, a commit that was recorded is True again. The last stem of a song puts its mix.
        """
        return self._db.write(lambda tx: stems.commit(tx, slot, commits)) if commits else []

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

    # ------------------------------------------------------------ decisions of the scheduler

    def pulses(self, submission_id: int | None = None) -> tuple[float, list[Pulse]]:
        """Return the database's time, seconds since 1970, and what there may be to decide, the oldest first."""
        return self._db.read(lambda conn: submissions.pulses(conn, submission_id))

    def scanned_files(self, submission_id: int) -> list[tuple[int, str, SongFacts]]:
        """Return (file id, path, facts) of the files that may become songs."""
        return self._db.read(lambda conn: planned.scanned_files(conn, submission_id))

    def plan_submission(
        self, submission_id: int, chosen: Sequence[ChosenSong], rejected: Sequence[RejectedFile]
    ) -> SubmissionState:
        """Record the selection in several transactions, and last that it is whole; it can be repeated."""
        for files in chunks(rejected):
            self._db.write(partial(planned.reject, submission_id=submission_id, files=files))
        for some in chunks(chosen):
            self._db.write(partial(planned.choose, submission_id=submission_id, songs=some))
        return self._db.write(lambda tx: planned.activate(tx, submission_id))

    def admit_songs(self, submission_id: int, limit: int) -> int:
        """Open up to `limit` planned songs, the longest first; returns how many were opened."""
        return self._db.write(lambda tx: songs.admit(tx, submission_id, limit)) if limit > 0 else 0

    def undrawn_songs(self, submission_id: int, limit: int) -> list[UndrawnSong]:
        """Return split songs that wait for their patches."""
        return self._db.read(lambda conn: songs.undrawn(conn, submission_id, limit))

    def draw_song(self, song_id: int, drawn: Sequence[DrawnStem]) -> bool:
        """Give a split song its stems; False when it has them already."""
        return self._db.write(lambda tx: stems.draw(tx, song_id, drawn))

    def finish_submission(self, submission_id: int) -> SubmissionState:
        """End a submission whose songs have all ended and whose manifest is written; returns its state."""
        return self._db.write(lambda tx: submissions.finish(tx, submission_id))

    @contextmanager
    def leading(self) -> Iterator[bool]:
        """Say whether the caller is the one leader among all processes, for as long as the block lasts."""
        with self._db.leading() as held:
            yield held

    # ------------------------------------------------------------ reports

    def status(self, submission_id: int) -> SubmissionStatus:
        """Return how far a submission is, from counters."""
        return self._db.read(lambda conn: reports.status(conn, submission_id))

    def songs(self, submission_id: int) -> list[SongReport]:
        """Return the songs of a submission by track."""
        return self._db.read(lambda conn: reports.songs(conn, submission_id))

    def failures(self, submission_id: int) -> list[Failure]:
        """Return every rejected file, failed song, and failed or dropped stem, each with reason and detail."""
        return self._db.read(lambda conn: reports.failures(conn, submission_id))

    def finished_tracks(self, submission_id: int) -> list[TrackRecord]:
        """Return the records of the published songs by track."""
        return self._db.read(lambda conn: reports.finished_tracks(conn, submission_id))

    def events(self, submission_id: int, *, after: int = 0, limit: int = 1000) -> list[Event]:
        """Return what happened to a submission after the event of id `after`, the oldest first."""
        return self._db.read(lambda conn: reports.events(conn, submission_id, after, limit))
