"""Fill a ledger with a submission of any size, by the ledger's own methods wherever workers are not needed.

Files are added, scans reported, songs planned, admitted and drawn as they are in a farm. What no ledger can do is to read
MIDI: facts and splits are made up, and the splits, one transaction each in a farm, are written in bulk.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from sqlalchemy import bindparam, select, update

from farm.ledger import DrawnStem, Ledger, SlotRef, Submission, TaskRef
from farm.ledger.clock import db_now
from farm.ledger.database import Database, parse_url
from farm.ledger.models import SongRow, TaskRow
from farm.ledger.tx import Subject, Tx
from farm.planning.draw import draw_stems
from farm.scheduling.reconciler import DRAWN_TOGETHER, Reconciler, TickReport
from schemas.patch import AssetRef, EngineFacts
from schemas.plan import DatasetPlan
from schemas.song import Part, PartFacts, ScanResult, SongFacts, SplitResult
from schemas.states import SongState, SubmissionState, TaskKind, TaskState

ENGINE: Final = "fluidsynth"
#: Stems of every song, and seconds of every song.
PARTS: Final = 10
#: Presets that are played of every soundfont.
PROGRAMS: Final = 4
SONG_S: Final = 200.0
_ADDED_TOGETHER: Final = 10_000
_SPLIT_TOGETHER: Final = 2_000
#: Songs that are left to the reconciler to draw, so that its look is measured with drawing in it.
LEFT_TO_DRAW: Final = 2_000

_T = TypeVar("_T")


@dataclass(slots=True)
class Rates:
    """Rows and seconds of the pieces of one kind of work."""

    rows: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    cpu_s: float = 0.0  #: of this process, over all pieces

    def time(self, rows: int, work: Callable[[], _T]) -> _T:
        """Do a piece of work that writes so many rows, and note how long it took."""
        began, cpu_s = time.perf_counter(), time.process_time()
        result = work()
        self.seconds.append(time.perf_counter() - began)
        self.cpu_s += time.process_time() - cpu_s
        self.rows.append(rows)
        return result

    @property
    def median(self) -> float:
        """Rows per second of the median piece."""
        return statistics.median(count / max(took, 1e-9) for count, took in zip(self.rows, self.seconds, strict=True))

    @property
    def per_cpu_s(self) -> float:
        """Rows per CPU second of this process, which others on the machine disturb less."""
        return sum(self.rows) / max(self.cpu_s, 1e-9)

    @property
    def overall(self) -> float:
        """Rows per second over all pieces."""
        return sum(self.rows) / max(sum(self.seconds), 1e-9)


@dataclass(slots=True)
class Filled:
    """A submission in a ledger, and what it took to write it."""

    submission_id: int
    files: Rates = field(default_factory=Rates)
    seal_s: float = 0.0
    scans: Rates = field(default_factory=Rates)
    plan_ticks_s: list[float] = field(default_factory=list)
    admit_ticks_s: list[float] = field(default_factory=list)
    draw_ticks_s: list[float] = field(default_factory=list)
    drawn: Rates = field(default_factory=Rates)  #: stems: their songs read, and drawn
    written: Rates = field(default_factory=Rates)  #: stems: written


def sha(*words: object) -> str:
    """Return a hash that stands for some content."""
    return hashlib.sha256("/".join(map(str, words)).encode()).hexdigest()


def font(number: int) -> AssetRef:
    """Return a soundfont that nobody has."""
    return AssetRef(name=f"Font{number:03d}", sha256=sha("font", number), size_bytes=1, licence="CC0", path="none.sf2")


def _facts(name: str) -> SongFacts:
    part = PartFacts(program=24, is_drum=False, inst_class="Guitar", notes=400)
    return SongFacts(
        song_hash=sha(name), md5=sha(name)[:32], size_bytes=30_000, midi_type=1, duration_s=SONG_S, notes=400 * PARTS,
        parts=[part] * PARTS, parser="smf+symusic", fingerprint=sha("notes", name)[:32],
    )  # fmt: skip


def _split(song: int) -> SplitResult:
    parts = [
        Part(
            name=f"S{index:02d}", track=index + 1, track_name=f"part {index}", channel=index, bank=0,
            program=(song + 31 * index) % PROGRAMS, is_drum=False, notes=400, end_s=SONG_S, midi_sha256=sha(song, index),
        )
        for index in range(PARTS)
    ]  # fmt: skip
    return SplitResult(parts=parts, duration_s=SONG_S)


def fill(ledger: Ledger, url: str, *, stems: int, load_keys: int) -> Filled:
    """Bring a submission to where all its stems are ready.

    Args:
        ledger: an empty ledger.
        url: its address.
        stems: how many; a multiple of `PARTS`.
        load_keys: soundfonts among which the stems are divided.
    """
    songs = stems // PARTS
    plan = DatasetPlan.model_validate({"source": "midi", "filters": {"min_duration_s": 0, "min_parts": 1}})
    filled = Filled(ledger.create_submission(plan, source_root="midi", out_dir="out", store_root="store"))
    for start in range(0, songs, _ADDED_TOGETHER):
        paths = [
            f"{number // 1000:04d}/{number:07d}.mid" for number in range(start, min(songs, start + _ADDED_TOGETHER))
        ]
        filled.files.time(len(paths), lambda paths=paths: ledger.add_files(filled.submission_id, paths))  # type: ignore[misc]
    filled.seal_s = _seconds(lambda: ledger.seal(filled.submission_id))
    _scan(ledger, filled)
    reconciler = Reconciler(ledger, finish=_never, window_per_slot=2 * songs, attended=True)
    _tick_until(reconciler, filled.plan_ticks_s, lambda report: bool(report.planned))
    _tick_until(reconciler, filled.admit_ticks_s, lambda report: not report.admitted)
    database = Database(parse_url(url))
    _write_splits(database, filled.submission_id)
    database.close()
    _draw(ledger, filled, load_keys, songs - min(LEFT_TO_DRAW, songs // 10))
    _tick_until(reconciler, filled.draw_ticks_s, lambda report: not report.drawn)
    return filled


def _never(submission_id: int) -> None:
    """Stand for the writer of manifests, which is not reached."""


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _tick_until(reconciler: Reconciler, took_s: list[float], done: Callable[[TickReport], bool]) -> None:
    while True:
        began = time.perf_counter()
        report = reconciler.tick()
        took_s.append(time.perf_counter() - began)
        if done(report):
            return


def _scan(ledger: Ledger, filled: Filled) -> None:
    slot = ledger.register_slot("filling", 1, ENGINE)
    probe = _claim(ledger, slot, TaskKind.PROBE)
    if probe is not None:
        facts = EngineFacts(engine=ENGINE, version="2.5.7", library="libfluidsynth.so.3", soundfont=font(0))
        ledger.complete_probe(probe, facts)
    while (task := _claim(ledger, slot, TaskKind.SCAN)) is not None:
        results = [ScanResult(file_id=file_id, facts=_facts(path)) for file_id, path in ledger.task_files(task)]
        filled.scans.time(len(results), lambda task=task, results=results: ledger.complete_scan(task, results))  # type: ignore[misc]
    ledger.retire_slot(slot)


def _claim(ledger: Ledger, slot: SlotRef, kind: TaskKind) -> TaskRef | None:
    return ledger.claim_task(slot, kinds=[kind])


def _write_splits(database: Database, submission_id: int) -> None:
    """Write what the split of every open song would have written."""
    waiting = select(SongRow.id).where(SongRow.submission_id == submission_id, SongRow.state == SongState.SPLITTING)
    ids = database.read(lambda conn: list(conn.execute(waiting.order_by(SongRow.id)).scalars()))
    for start in range(0, len(ids), _SPLIT_TOGETHER):
        some = ids[start : start + _SPLIT_TOGETHER]
        database.write(lambda tx, some=some: _write_some(tx, submission_id, some))  # type: ignore[misc]
    ended = update(TaskRow).where(TaskRow.submission_id == submission_id, TaskRow.kind == TaskKind.SPLIT)
    database.write(lambda tx: [tx.conn.execute(ended.values(state=TaskState.DONE, epoch=1, updated_at=db_now()))])


def _write_some(tx: Tx, submission_id: int, ids: Sequence[int]) -> None:
    tx.conn.execute(
        update(SongRow)
        .where(SongRow.id == bindparam("song"))
        .values(state=SongState.DRAWING, split=bindparam("text"), updated_at=db_now()),
        [{"song": song_id, "text": _split(song_id).model_dump_json()} for song_id in ids],
    )
    tx.count(submission_id, Subject.SONG, SongState.SPLITTING.value, -len(ids))
    tx.count(submission_id, Subject.SONG, SongState.DRAWING.value, len(ids))
    tx.count(submission_id, Subject.TASK, TaskKind.SPLIT.value, -len(ids))


def _draw(ledger: Ledger, filled: Filled, load_keys: int, songs: int) -> None:
    """Draw songs as the reconciler does, but each stem from one of many soundfonts."""
    submission = ledger.submission(filled.submission_id)
    if submission.state is not SubmissionState.ACTIVE:
        raise RuntimeError(f"submission {submission.id} is {submission.state.value} and cannot be drawn")
    facts = [
        EngineFacts(engine=ENGINE, version="2.5.7", library="libfluidsynth.so.3", soundfont=font(number))
        for number in range(load_keys)
    ]
    for count in _pieces(songs, DRAWN_TOGETHER):
        drawn = filled.drawn.time(count * PARTS, lambda count=count: _drawn(ledger, submission, facts, count))  # type: ignore[misc]
        filled.written.time(count * PARTS, lambda drawn=drawn: ledger.draw_songs(drawn))  # type: ignore[misc]


def _drawn(
    ledger: Ledger, submission: Submission, facts: Sequence[EngineFacts], count: int
) -> list[tuple[int, list[DrawnStem]]]:
    found = ledger.undrawn_songs(submission.id, count)
    return [(song.song_id, _mixed(submission.plan, facts, song.song_id, song.split)) for song in found]


def _mixed(plan: DatasetPlan, facts: Sequence[EngineFacts], song: int, split: SplitResult) -> list[DrawnStem]:
    """Draw each part of a song from a soundfont of its own."""
    stems: list[DrawnStem] = []
    for place, part in enumerate(split.parts):
        chosen = facts[(song + 31 * place) % len(facts)]
        stems += draw_stems(plan, chosen, SplitResult(parts=[part], duration_s=split.duration_s))
    return stems


def _pieces(total: int, size: int) -> Iterator[int]:
    for start in range(0, total, size):
        yield min(size, total - start)
