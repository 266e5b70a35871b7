"""The ledger's face: each method is one transaction; the SQL is in the themed modules beside this one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from farm.ledger import (
    anew,
    departures,
    drawing,
    gauges,
    planned,
    reopening,
    replacing,
    reports,
    slots,
    songs,
    stems,
    submissions,
    tasks,
    times,
)
from farm.ledger.database import PATIENCE_S, Database, parse_url
from farm.ledger.drawn import DrawnStem, UndrawnSong
from farm.ledger.gauges import Gauges, Since
from farm.ledger.keeping import Keeping
from farm.ledger.opening import upgrade
from farm.ledger.operating import Operating
from farm.ledger.records import (
    ChosenSong,
    Expired,
    Failure,
    Pulse,
    RejectedFile,
    SlotRef,
    SongReport,
    Submission,
    SubmissionStatus,
)  # fmt: skip
from farm.ledger.times import StemTimes
from farm.ledger.tx import chunks
from farm.ledger.watch import Watch
from farm.ledger.working import Working
from schemas.dataset import TrackRecord
from schemas.plan import DatasetPlan
from schemas.quality import Rejection
from schemas.song import SongFacts
from schemas.states import SubmissionState


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


class Ledger(Operating, Working, Keeping):
    """What was asked, tried and produced. Safe for threads, and for any number of processes at once.

    Every method is one transaction, tried again on passing faults of the database, unless it says otherwise; all raise
    LedgerError when the database refuses or stays away.
    """

    def close(self) -> None:
        """Close the connections."""
        self._db.close()

    def hasty(self, patience_s: float) -> Ledger:
        """Return the same ledger on the same connections, which gives up after `patience_s` while the database is away."""
        return type(self)(self._db.hasty(patience_s))

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
        return self._db.write(lambda tx: reopening.retry_failed(tx, submission_id))

    # ------------------------------------------------------------ slots

    def register_slot(self, host: str, pid: int, engine: str | Sequence[str]) -> SlotRef:
        """Add a slot that serves an engine class, or several; it lives as long as its heartbeat goes on."""
        engines = (engine,) if isinstance(engine, str) else tuple(engine)
        return self._db.write(lambda tx: slots.register(tx, host, pid, engines))

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
        """Count the slots that are not given up, those that serve one engine class or all."""
        return self._db.read(lambda conn: slots.live_count(conn, engine))

    def slots_by_engine(self) -> dict[str, dict[str, int]]:
        """Count the live slots by engine class and host; a slot counts for every class that it serves."""
        return self._db.read(slots.slots_by_engine)

    # ------------------------------------------------------------ decisions of the scheduler

    def pulses(self, submission_id: int | None = None) -> tuple[float, list[Pulse]]:
        """Return the database's time, seconds since 1970, and what there may be to decide, the oldest first."""
        return self._db.read(lambda conn: submissions.pulses(conn, submission_id))

    def scanned_files(
        self, submission_id: int, *, after: int = 0, limit: int | None = None
    ) -> list[tuple[int, str, SongFacts]]:
        """Return (file id, path, facts) of the first `limit` files that were read, of ids above `after`."""
        return self._db.read(lambda conn: planned.scanned_files(conn, submission_id, after, limit))

    def read_again(self, submission_id: int, outdated: Sequence[int]) -> int:
        """Have the files of a submission scanned anew if those named, whose facts are too old, have no fate yet."""
        return self._db.write(lambda tx: planned.read_again(tx, submission_id, outdated)) if outdated else 0

    def plan_submission(
        self, submission_id: int, chosen: Sequence[ChosenSong], rejected: Sequence[RejectedFile]
    ) -> SubmissionState:
        """Record the selection in several transactions, and last that it is whole; it can be repeated."""
        *_, state = self.plan_by_steps(submission_id, chosen, rejected)
        return state

    def plan_by_steps(
        self, submission_id: int, chosen: Sequence[ChosenSong], rejected: Sequence[RejectedFile]
    ) -> Iterator[SubmissionState]:
        """Do the same, a transaction at each step; yields the submission's state after it."""
        for files in chunks(rejected):
            if self._db.read(partial(planned.fateless, files=files)):
                yield self._db.write(partial(planned.reject, submission_id=submission_id, files=files))
        for some in chunks(chosen):
            if self._db.read(partial(planned.fateless, files=some)):
                yield self._db.write(partial(planned.choose, submission_id=submission_id, songs=some))
        yield self._db.write(lambda tx: planned.activate(tx, submission_id))

    def admit_songs(self, submission_id: int, limit: int) -> int:
        """Open the next `limit` planned songs by track, those with the most work first; returns how many were opened."""
        return self._db.write(lambda tx: songs.admit(tx, submission_id, limit)) if limit > 0 else 0

    def undrawn_songs(self, submission_id: int, limit: int) -> list[UndrawnSong]:
        """Return split songs that wait for their patches, or for others than those that failed."""
        return self._db.read(lambda conn: replacing.undrawn(conn, submission_id, limit))

    def draw_song(self, song_id: int, drawn: Sequence[DrawnStem]) -> bool:
        """Give a split song its stems; False when it has them already."""
        return self.draw_songs([(song_id, drawn)]) == 1

    def draw_songs(self, drawn: Sequence[tuple[int, Sequence[DrawnStem]]]) -> int:
        """Give split songs, by id, their stems; returns how many were waiting. A few dozen at a time are a short write.

        Of a song of which a patch failed, the stems that change are given; none where there is no other patch.
        """
        return self._db.write(lambda tx: drawing.draw(tx, drawn)) if drawn else 0

    def reject_split(self, song_id: int, rejected: Sequence[Rejection]) -> bool:
        """Have a split song composed anew that the plan's filters refuse; False when it does not wait for patches."""
        return self._db.write(lambda tx: anew.reject_split(tx, song_id, rejected))

    def leave_unrendered(self, song_ids: Sequence[int]) -> int:
        """Bring split songs of which the plan wants no audio to their mix, without stems; returns how many waited."""
        return self._db.write(lambda tx: drawing.leave_unrendered(tx, song_ids)) if song_ids else 0

    def finish_submission(self, submission_id: int) -> SubmissionState:
        """End a submission whose songs have all ended and whose manifest is written; returns its state."""
        return self._db.write(lambda tx: submissions.finish(tx, submission_id))

    @contextmanager
    def leading(self) -> Iterator[bool]:
        """Say whether the caller is the one leader among all processes, for as long as the block lasts."""
        with self._db.leading() as held:
            yield held

    # ------------------------------------------------------------ reports

    def gauges(self, since: Since | None = None) -> tuple[Gauges, Since]:
        """Return the whole farm in numbers, and where the next look begins; nothing has happened before the first."""
        return self._db.read(lambda conn: gauges.look(conn, since))

    def status(self, submission_id: int) -> SubmissionStatus:
        """Return how far a submission is, from counters."""
        return self._db.read(lambda conn: reports.status(conn, submission_id))

    def songs(self, submission_id: int) -> list[SongReport]:
        """Return the songs of a submission by track."""
        return self._db.read(lambda conn: reports.songs(conn, submission_id))

    def failures(self, submission_id: int) -> list[Failure]:
        """Return every rejected file, failed song, and failed or dropped stem, each with reason and detail."""
        return self._db.read(lambda conn: reports.failures(conn, submission_id))

    def stem_times(self, submission_id: int) -> StemTimes:
        """Return what is left of a submission and how long such work took lately, for a forecast of its end."""
        return self._db.read(lambda conn: times.stem_times(conn, submission_id))

    def finished_tracks(self, submission_id: int) -> list[TrackRecord]:
        """Return the records of the published songs by track."""
        return self._db.read(lambda conn: reports.finished_tracks(conn, submission_id))
