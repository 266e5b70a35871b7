"""Made-up facts, results and slots that drive a ledger through the life of a submission, without a sample of audio."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, update

from farm.ledger import Ledger, SlotRef, StemCommit, StemLease, TaskRef
from farm.ledger.clock import db_now
from farm.ledger.models import BacklogRow, FileRow, LoadKeyRow, SlotRow, SongRow, StemRow, TallyRow, TaskRow
from farm.scheduling.reconciler import Reconciler
from schemas.dataset import MixResult, TrackRecord
from schemas.job import RenderJob
from schemas.patch import AssetRef, EngineFacts
from schemas.plan import DatasetPlan
from schemas.result import EngineReport, RenderCost, StemMeasurement, StemResult, Verdict
from schemas.song import Part, PartFacts, ScanResult, SongFacts, SplitResult
from schemas.states import FailureReason, RejectReason, TaskKind, TaskState, VerdictStatus

ENGINE = "fluidsynth"


def sha(text: object) -> str:
    """Return a hash that stands for the content `text`."""
    return hashlib.sha256(str(text).encode()).hexdigest()


def plan(**values: Any) -> DatasetPlan:
    """Return a plan whose filters let everything pass."""
    return DatasetPlan.model_validate({"source": "midi", "filters": {"min_duration_s": 0, "min_parts": 1}, **values})


def engine_facts() -> EngineFacts:
    """Return what a probe may find."""
    font = AssetRef(name="Toy", sha256=sha("font"), size_bytes=1, licence="CC0", path="toy.sf2")
    return EngineFacts(engine=ENGINE, version="2.5.7", library="libfluidsynth.so.3", soundfont=font)


def song_facts(name: object, *, duration_s: float = 60.0, parts: int = 5, notes: int = 100) -> SongFacts:
    """Return the facts of a song of guitars."""
    part = PartFacts(program=24, is_drum=False, inst_class="Guitar", notes=notes // max(1, parts))
    return SongFacts(
        song_hash=sha(name), md5=sha(name)[:32], size_bytes=1000, midi_type=1, duration_s=duration_s, notes=notes,
        parts=[part] * parts, parser="symusic", fingerprint=sha(("notes", name))[:32],
    )  # fmt: skip


def split_result(
    name: object, *, parts: int = 5, duration_s: float = 60.0, warnings: dict[str, int] | None = None
) -> SplitResult:
    """Return the split of a song into parts of different programs."""
    listed = [
        Part(
            name=f"S{index:02d}", track=index + 1, track_name=f"part {index}", channel=index, bank=0, program=index,
            is_drum=False, notes=20 + index, end_s=duration_s - index, midi_sha256=sha((name, index)),
        )
        for index in range(parts)
    ]  # fmt: skip
    return SplitResult(parts=listed, duration_s=duration_s, warnings=warnings or {})


def stem_result(job: RenderJob, *, findings: Sequence[FailureReason] = (), frames: int = 441000) -> StemResult:
    """Return the result of a render: the same for the same job."""
    measured = StemMeasurement(
        frames=frames, rate_hz=44100, channels=2, peak=0.5, rms=0.1, loudness_lufs=-20.0, dc=[0.0, 0.0], nonfinite=0,
        flat_run_frames=1, first_sound_s=0.0, last_sound_s=9.0, tail_peak=0.0, flatness=0.1, active_regions=[(0.0, 9.0)],
    )  # fmt: skip
    return StemResult(
        spec_hash=job.spec_hash,
        data_hash=sha(job.spec_hash),
        engine=EngineReport(preset_name="Toy", preset_bank=0, preset_program=0, notes=20),
        measured=measured,
        verdict=Verdict(status=VerdictStatus.WARN if findings else VerdictStatus.PASS, findings=list(findings)),
    )


def commit_of(lease: StemLease, **values: Any) -> StemCommit:
    """Return the commit of a lease that was rendered well."""
    return StemCommit(lease.stem_id, lease.epoch, stem_result(lease.job, **values), RenderCost(render_s=0.01))


def mix_result() -> MixResult:
    """Return the result of a mix."""
    return MixResult(
        frames=441000, rate_hz=44100, channels=2, stems=[], common_gain_db=-1.0, peak_dbfs=-1.0, true_peak_dbtp=None,
        loudness_lufs=-14.0, files=[],
    )  # fmt: skip


def track_record(name: str, source: str, song_hash: str, stems: int) -> TrackRecord:
    """Return the manifest's line of a song."""
    return TrackRecord(
        track=name, song_sha256=song_hash, source=source, duration_s=10.0, stems=stems, notes=100, stem_audio_s=10.0 * stems,
        files=[],
    )  # fmt: skip


def new_slot(ledger: Ledger, pid: int = 1, host: str = "here") -> SlotRef:
    """Register a slot."""
    return ledger.register_slot(host=host, pid=pid, engine=ENGINE)


class Worker:
    """A slot that does every task at once and well.

    Args:
        parts: stems of every song.
        bad: paths that a scan rejects as unreadable.
        seconds: duration of songs by path, where it is not 60 s.
        notes: of songs by path, where there are not 100.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        pid: int = 1,
        parts: int = 5,
        bad: Sequence[str] = (),
        seconds: dict[str, float] | None = None,
        notes: dict[str, int] | None = None,
    ) -> None:
        self.ledger = ledger
        self.pid = pid
        self.slot = new_slot(ledger, pid)
        self.parts = parts
        self._bad = bad
        self._seconds = seconds or {}
        self._notes = notes or {}

    def claim(self, kind: TaskKind | None = None) -> TaskRef | None:
        """Take a task."""
        return self.ledger.claim_task(self.slot, kinds=None if kind is None else [kind])

    def lease(self, limit: int = 16, **values: Any) -> list[StemLease]:
        """Lease stems."""
        return self.ledger.lease_stems(self.slot, engine=ENGINE, warm_key=None, limit=limit, **values)

    def do(self, task: TaskRef) -> bool:
        """Do a task and report it."""
        ledger = self.ledger
        if task.kind is TaskKind.PROBE:
            return ledger.complete_probe(task, engine_facts())
        if task.kind is TaskKind.SCAN:
            return ledger.complete_scan(task, [self.scan(file_id, path) for file_id, path in ledger.task_files(task)])
        if task.kind is TaskKind.ANNOTATE:
            return ledger.complete_annotate(task)
        if task.kind is TaskKind.MIX:
            return ledger.complete_mix(task, mix_result())
        work = ledger.song_for(task)
        if task.kind is TaskKind.SPLIT:
            return ledger.complete_split(task, split_result(work.song.song_hash, parts=self.parts))
        record = track_record(work.song.name, work.song.source, work.song.song_hash, len(work.stems))
        return ledger.complete_publish(task, record)

    def scan(self, file_id: int, path: str) -> ScanResult:
        """Return the fate of a file."""
        if path in self._bad:
            return ScanResult(file_id=file_id, reason=RejectReason.UNREADABLE, detail="no header")
        facts = song_facts(
            path.removesuffix(".copy"),
            duration_s=self._seconds.get(path, 60.0),
            parts=self.parts,
            notes=self._notes.get(path, 100),
        )
        return ScanResult(file_id=file_id, facts=facts)

    def step(self, kind: TaskKind | None = None) -> bool:
        """Take one task and do it, or render one batch; False when there is nothing to do."""
        task = self.claim(kind)
        if task is not None:
            return self.do(task)
        if kind is not None:
            return False
        leases = self.lease()
        return bool(leases) and all(self.ledger.commit_stems(self.slot, [commit_of(lease) for lease in leases]))

    def render(self, **values: Any) -> None:
        """Render until no stem is ready, and do nothing else."""
        while leases := self.lease():
            assert all(self.ledger.commit_stems(self.slot, [commit_of(lease, **values) for lease in leases]))

    def work(self, kind: TaskKind | None = None) -> None:
        """Work until there is nothing to do."""
        while self.step(kind):
            pass


def submit(ledger: Ledger, paths: Sequence[str], *, out_dir: str = "out", **values: Any) -> int:
    """Write and seal a submission."""
    number = ledger.create_submission(plan(**values), source_root="midi", out_dir=out_dir, store_root="store")
    ledger.add_files(number, paths)
    ledger.seal(number)
    return number


def reconciler(ledger: Ledger, finished: list[int] | None = None, **values: Any) -> Reconciler:
    """Return a reconciler whose manifests are numbers in a list."""
    return Reconciler(ledger, finish=([] if finished is None else finished).append, **values)


def rendering(ledger: Ledger, songs: int = 1, *, parts: int = 5, **values: Any) -> tuple[int, Worker]:
    """Bring a submission to where all its stems are ready; returns its number and the worker."""
    number = submit(ledger, [f"{index:03d}.mid" for index in range(songs)], **values)
    worker, chief = Worker(ledger, parts=parts), reconciler(ledger)
    worker.work()
    for _ in range(2):  # plan, then admit
        chief.tick()
    worker.work(TaskKind.SPLIT)
    chief.tick()
    return number, worker


def run_to_end(ledger: Ledger, worker: Worker, number: int, chief: Reconciler | None = None) -> None:
    """Work and reconcile until the submission has ended."""
    chief = chief or reconciler(ledger)
    for _ in range(200):
        worker.work()
        chief.tick()
        if ledger.submission(number).state.value in ("done", "failed"):
            return
    message = f"submission {number} did not end: {ledger.status(number)}"
    raise AssertionError(message)


def rows(ledger: Ledger, *columns: Any, **where: Any) -> list[Any]:
    """Read columns of one table straight from the database."""
    table = columns[0].class_
    query = select(*columns).where(*(getattr(table, name) == value for name, value in where.items())).order_by(table.id)
    return list(ledger._db.read(lambda conn: conn.execute(query).all()))  # noqa: SLF001


def change(ledger: Ledger, statement: Any) -> None:
    """Change the database behind the ledger's back."""
    ledger._db.write(lambda tx: [tx.conn.execute(statement)])  # noqa: SLF001


def silence(ledger: Ledger, slot: SlotRef, seconds: float) -> None:
    """Let a slot's last sign of life lie `seconds` back."""
    change(ledger, update(SlotRow).where(SlotRow.id == slot.id).values(heartbeat_at=db_now() - seconds))


def load_at_once(ledger: Ledger) -> None:
    """Let every patch load in no time, so that any work is worth a load."""
    change(ledger, update(LoadKeyRow).values(load_s=0.0))


def assert_counters_are_true(ledger: Ledger) -> None:
    """Compare every counter with what it counts."""

    def read(conn: Any) -> None:
        counted: Counter[tuple[int, str, str]] = Counter()
        for subject, table in (("song", SongRow), ("stem", StemRow)):
            query = select(table.submission_id, table.state, func.count()).group_by(table.submission_id, table.state)
            counted.update({(number, subject, state.value): count for number, state, count in conn.execute(query)})
        tasks = select(TaskRow.submission_id, TaskRow.kind, func.count()).group_by(TaskRow.submission_id, TaskRow.kind)
        running = conn.execute(tasks.where(TaskRow.state.in_([TaskState.READY, TaskState.RUNNING])))
        counted.update({(number, "task", kind.value): count for number, kind, count in running})
        rejects = select(FileRow.submission_id, FileRow.reason, func.count()).where(FileRow.reason.is_not(None))
        found = conn.execute(rejects.group_by(FileRow.submission_id, FileRow.reason))
        counted.update({(number, "reject", reason): count for number, reason, count in found})
        kept = conn.execute(select(TallyRow.submission_id, TallyRow.subject, TallyRow.name, TallyRow.amount))
        tally = {
            tuple(row[:3]): row.amount
            for row in kept
            if row.subject in ("song", "stem", "task", "reject") and row.amount
        }
        assert tally == dict(counted)
        ready = select(StemRow.submission_id, StemRow.load_key, func.count()).where(StemRow.state == "ready")
        waiting = {(r[0], r[1]): r[2] for r in conn.execute(ready.group_by(StemRow.submission_id, StemRow.load_key))}
        backlog = conn.execute(select(BacklogRow.submission_id, BacklogRow.load_key, BacklogRow.ready))
        assert {(row.submission_id, row.load_key): row.ready for row in backlog if row.ready} == waiting
        states = select(StemRow.submission_id, StemRow.load_key, StemRow.state, func.count())
        kept_stems = Counter(
            {
                (row.submission_id, row.load_key, name): getattr(row, name)
                for row in conn.execute(select(*BacklogRow.__table__.columns))
                for name in ("leased", "done", "failed")
            }
        )
        counted_stems: Counter[tuple[int, str, str]] = Counter()
        names = {"leased": "leased", "done": "done", "failed": "failed", "dropped": "failed"}
        by_state = states.group_by(StemRow.submission_id, StemRow.load_key, StemRow.state)
        for number, key, state, count in conn.execute(by_state):
            if state.value in names:
                counted_stems[number, key, names[state.value]] += count
        assert +kept_stems == counted_stems

    ledger._db.read(read)  # noqa: SLF001
