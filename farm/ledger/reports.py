"""What people and later stages read: counters for the large, rows for the small."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import Connection, func, select

from farm.ledger.clock import db_now
from farm.ledger.holds import stems_held
from farm.ledger.leases import unserved
from farm.ledger.models import (
    FILE_REJECTED,
    SONG_DONE,
    SONG_FAILED,
    STEM_LOST,
    FileRow,
    PatchRow,
    SongRow,
    StemRow,
    SubmissionRow,
    TallyRow,
)  # fmt: skip
from farm.ledger.parsed import engine_facts_of, job_of, plan_of
from farm.ledger.records import Failure, SongReport, SongWork, StemWork, SubmissionStatus, TaskRef
from farm.ledger.replacing import history_of
from farm.ledger.slots import live_count
from farm.ledger.songs import SPEC, required, spec_of, split_of
from farm.ledger.stages import stages_of
from farm.ledger.submissions import get
from farm.ledger.tx import Subject
from schemas.dataset import MixResult, TrackRecord
from schemas.errors import UnknownIdError
from schemas.job import RenderJob
from schemas.replaced import Spent
from schemas.result import StemResult
from schemas.song import WHOLE, SplitResult, whole_song
from schemas.states import SONG_ENDS, SUBMISSION_ENDS, SongState, StemState

#: Share of a song's work that is behind it when its stems are rendered; mix, annotation and publishing are the rest.
RENDER_SHARE = 0.8


def status(conn: Connection, submission_id: int) -> SubmissionStatus:
    """Read how far a submission is."""
    submission = get(conn, submission_id)
    counts = _tallies(conn, submission_id)
    songs, stems, files = (_whole(counts[subject]) for subject in (Subject.SONG, Subject.STEM, Subject.FILE))
    work, audio = counts[Subject.WORK], counts[Subject.AUDIO]
    total, ended = work.get("total", 0.0), work.get("ended", 0.0)
    return SubmissionStatus(
        submission_id=submission_id,
        name=submission.plan.name,
        state=submission.state,
        error="" if submission.reason is None else submission.detail or submission.reason,
        files_total=files.get("total", 0),
        files_scanned=files.get("scanned", 0),
        songs_total=sum(songs.values()),
        songs_done=songs.get(SongState.DONE.value, 0),
        songs_failed=songs.get(SongState.FAILED.value, 0),
        songs=songs,
        stems_total=sum(stems.values()),
        stems_done=stems.get(StemState.DONE.value, 0),
        stems=stems,
        stem_audio_s=max(0.0, audio.get("rendered_s", 0.0)),
        render_s=audio.get("render_s", 0.0),
        rejected=_whole(counts[Subject.REJECT]),
        failures=_whole(counts[Subject.FAILURE]),
        stem_failures=_whole(counts[Subject.STEM_FAILURE]),
        rejected_tries=_whole(counts[Subject.TRY]),
        warnings=_whole(counts[Subject.FINDING]),
        work_total=total,
        # Sums of floats may miss by a hair; what is done is done.
        work_done=total
        if submission.state in SUBMISSION_ENDS
        else min(total, ended + _work_behind(conn, submission_id)),
        elapsed_s=_elapsed_s(conn, submission_id),
        live_slots=live_count(conn),
        priority=submission.priority,
        stems_held=stems_held(conn, submission_id),
        unserved=unserved(conn, submission_id),
        stages=stages_of(counts[Subject.STAGE]),
    )


def _tallies(conn: Connection, submission_id: int) -> dict[str, dict[str, float]]:
    rows = conn.execute(
        select(TallyRow.subject, TallyRow.name, TallyRow.amount).where(TallyRow.submission_id == submission_id)
    )
    counts: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for row in rows:
        counts[row.subject][row.name] = row.amount
    return counts


def _whole(counts: dict[str, float]) -> dict[str, int]:
    return {name: int(amount) for name, amount in sorted(counts.items()) if amount}


def _work_behind(conn: Connection, submission_id: int) -> float:
    """Sum the work that is behind the open songs; there are at most as many as the admission window lets in."""
    behind = SongRow.work_s * (SongRow.stems_total - SongRow.stems_left) / SongRow.stems_total
    open_states = [SongState.RENDERING, SongState.MIXING, SongState.ANNOTATING, SongState.PUBLISHING]
    query = select(func.sum(behind)).where(SongRow.submission_id == submission_id, SongRow.state.in_(open_states))
    return RENDER_SHARE * (conn.execute(query).scalar() or 0.0)


def _elapsed_s(conn: Connection, submission_id: int) -> float:
    ended = func.coalesce(SubmissionRow.ended_at, db_now())
    query = select(ended - SubmissionRow.active_at).where(SubmissionRow.id == submission_id)
    return conn.execute(query).scalar() or 0.0


def songs(conn: Connection, submission_id: int) -> list[SongReport]:
    """List the songs of a submission by track."""
    get(conn, submission_id)
    rows = conn.execute(
        select(
            SongRow.track, SongRow.name, FileRow.path, SongRow.state, SongRow.stems_total, SongRow.stems_left,
            SongRow.reason, SongRow.detail, SongRow.cluster, SongRow.subset, FileRow.rejected,
        )
        .join(FileRow, FileRow.id == SongRow.file_id)
        .where(SongRow.submission_id == submission_id)
        .order_by(SongRow.track)
    )  # fmt: skip
    return [
        SongReport(
            r.track,
            r.name,
            r.path,
            r.state,
            r.stems_total - r.stems_left,
            r.stems_total,
            r.reason,
            r.detail,
            r.cluster,
            r.subset,
            [] if r.rejected is None else json.loads(r.rejected),
        )
        for r in rows
    ]


def failures(conn: Connection, submission_id: int) -> list[Failure]:
    """List rejected files by path, failed songs by track, and failed or dropped stems by song and part."""
    get(conn, submission_id)
    files = conn.execute(
        select(FileRow.path, FileRow.reason, FileRow.detail).where(
            FileRow.submission_id == submission_id, FILE_REJECTED
        )
    )
    ended = conn.execute(
        select(SongRow.name, SongRow.reason, SongRow.detail)
        .where(SongRow.submission_id == submission_id, SONG_FAILED)
        .order_by(SongRow.track)
    )
    stems = conn.execute(
        select(SongRow.name.label("song"), StemRow.name, StemRow.reason, StemRow.detail)
        .join(SongRow, SongRow.id == StemRow.song_id)
        .where(StemRow.submission_id == submission_id, STEM_LOST)
        .order_by(SongRow.track, StemRow.part)
    )
    return [
        # Sorted here, since databases differ in how they order text.
        *sorted((Failure("file", r.path, r.reason, r.detail) for r in files), key=lambda failure: failure.name),
        *(Failure("song", r.name, r.reason, r.detail) for r in ended),
        *(Failure("stem", f"{r.song}/{r.name}", r.reason, r.detail) for r in stems),
    ]


def finished_tracks(conn: Connection, submission_id: int) -> list[TrackRecord]:
    """Return the records of the published songs by track."""
    get(conn, submission_id)
    query = select(SongRow.record, SongRow.name).where(SongRow.submission_id == submission_id, SONG_DONE)
    rows = conn.execute(query.order_by(SongRow.track))
    return [TrackRecord.model_validate_json(required(r.record, f"the record of {r.name}")) for r in rows]


def source_paths(conn: Connection, submission_id: int) -> list[str]:
    """Return the paths of all files of a submission, sorted."""
    get(conn, submission_id)
    return sorted(conn.execute(select(FileRow.path).where(FileRow.submission_id == submission_id)).scalars())


def song_work(conn: Connection, task: TaskRef) -> SongWork:
    """Gather everything that a worker needs for a task of a song.

    Raises:
        UnknownIdError: the task belongs to no song of the ledger.
    """
    row = conn.execute(
        select(
            SongRow.id, *SPEC, SongRow.split, SongRow.mix, SubmissionRow.plan, SubmissionRow.engine_facts,
            SubmissionRow.source_root, SubmissionRow.out_dir, SubmissionRow.store_root,
        )
        .join(FileRow, FileRow.id == SongRow.file_id)
        .join(SubmissionRow, SubmissionRow.id == SongRow.submission_id)
        .where(SongRow.id == task.song_id)
    ).first()  # fmt: skip
    if row is None:
        raise UnknownIdError(f"task {task.task_id} belongs to no song", hint="Ask only for tasks of songs")
    split = None if row.split is None else split_of(row.name, row.split)
    stems, dropped, jobs, replaced = ([], [], {}, {}) if split is None else _stems(conn, row.id, row.song_hash, split)
    return SongWork(
        song_id=row.id,
        submission_id=task.submission_id,
        song=spec_of(row),
        plan=plan_of(row.plan),
        engine=engine_facts_of(required(row.engine_facts, "the facts of the engine")),
        source_root=row.source_root,
        out_dir=row.out_dir,
        store_root=row.store_root,
        split=split,
        stems=[stem for stem in stems if stem.part.name != WHOLE],
        whole=next((stem for stem in stems if stem.part.name == WHOLE), None),
        dropped=dropped,
        jobs=jobs,
        mix=None if row.mix is None else MixResult.model_validate_json(row.mix),
        replaced=replaced,
    )


def _stems(
    conn: Connection, song_id: int, song_hash: str, split: SplitResult
) -> tuple[list[StemWork], list[str], dict[str, RenderJob], dict[str, tuple[Spent, ...]]]:
    rows = conn.execute(
        select(StemRow, PatchRow.body)
        .join(PatchRow, PatchRow.id == StemRow.patch_id)
        .where(StemRow.song_id == song_id)
        .order_by(StemRow.part)
    ).all()
    parts = {part.name: part for part in [*split.parts, whole_song(song_hash, split)]}
    rendered = [
        StemWork(row.id, parts[row.name], job_of(row), StemResult.model_validate_json(row.result))
        for row in rows
        if row.state is StemState.DONE
    ]
    dropped = [row.name for row in rows if row.state is StemState.DROPPED]
    replaced = {row.name: history_of(row.replaced) for row in rows if row.replaced is not None}
    return rendered, dropped, {row.name: job_of(row) for row in rows}, replaced


def specs_in_use(conn: Connection, song_id: int, spent: Collection[str] = (), *, published: bool = False) -> set[str]:
    """Return the spec hashes of a song's stems, and of those in `spent`, that stems of other, unfinished songs share.

    With `published` also those of published ones.
    """
    over = SONG_ENDS - {SongState.DONE} if published else SONG_ENDS
    current = select(StemRow.spec_hash).where(StemRow.song_id == song_id)
    mine = {*conn.execute(current).scalars(), *spent}
    return set(
        conn.execute(
            select(StemRow.spec_hash)
            .join(SongRow, SongRow.id == StemRow.song_id)
            .where(StemRow.spec_hash.in_(mine), StemRow.song_id != song_id, SongRow.state.not_in(list(over)))
        ).scalars()
    )
