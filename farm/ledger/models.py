"""The tables. Times are float seconds since 1970 by the database's clock; models are kept as their JSON text."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    literal_column,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeEngine

from schemas.states import FileState, LimitScope, SlotState, SongState, StemState, SubmissionState, TaskKind, TaskState

#: 64-bit keys; SQLite numbers rows by itself only in a column of exactly INTEGER.
_Id = BigInteger().with_variant(Integer, "sqlite")


def _states(enum: type[StrEnum]) -> TypeEngine[Any]:
    """Return a text column that holds the values of `enum`, unchecked, so that a new state needs no migration."""
    return Enum(
        enum, values_callable=lambda members: [m.value for m in members], native_enum=False, create_constraint=False,
        length=16,
    )  # fmt: skip


class Row(DeclarativeBase):
    """Base of all tables; names of constraints follow one pattern, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - read once by SQLAlchemy
        int: BigInteger(),
        float: Double(),
        str: Text(),
        FileState: _states(FileState),
        LimitScope: _states(LimitScope),
        SlotState: _states(SlotState),
        SongState: _states(SongState),
        StemState: _states(StemState),
        SubmissionState: _states(SubmissionState),
        TaskKind: _states(TaskKind),
        TaskState: _states(TaskState),
    }


class SubmissionRow(Row):
    """One `farm submit` or `farm run`."""

    __tablename__ = "submission"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    state: Mapped[SubmissionState]
    plan: Mapped[str]  #: DatasetPlan
    plan_hash: Mapped[str] = mapped_column(String(64))
    source_root: Mapped[str]
    out_dir: Mapped[str] = mapped_column(index=True)
    store_root: Mapped[str]
    engine_facts: Mapped[str | None]  #: EngineFacts, once probed
    admitted: Mapped[int] = mapped_column(default=0)  #: songs admitted so far; the next song's rank
    reason: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(default="")
    created_at: Mapped[float]
    active_at: Mapped[float | None]
    ended_at: Mapped[float | None]
    priority: Mapped[int] = mapped_column(Integer, default=0)  #: the higher, the earlier its work is given out
    run_gen: Mapped[int] = mapped_column(default=0)  #: raised by every pause, resume, cancellation and requeue
    paused_from: Mapped[SubmissionState | None]  #: where a resume goes back to


class FileRow(Row):
    """One file of the source and its fate."""

    __tablename__ = "source_file"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey(SubmissionRow.id))
    path: Mapped[str]  #: relative to the source's root, with forward slashes
    state: Mapped[FileState]
    facts: Mapped[str | None]  #: SongFacts, once scanned
    reason: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(default="")
    rejected: Mapped[str | None]  #: tries at a composed song: `schemas.quality.REJECTIONS`; None where there are none
    __table_args__ = (
        UniqueConstraint("submission_id", "path"),
        Index("ix_source_file_submission_id_id", "submission_id", "id"),
    )


class SongRow(Row):
    """One chosen song."""

    __tablename__ = "song"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey(SubmissionRow.id))
    file_id: Mapped[int] = mapped_column(ForeignKey(FileRow.id))
    track: Mapped[int]
    name: Mapped[str] = mapped_column(String(16))
    song_hash: Mapped[str] = mapped_column(String(64))
    state: Mapped[SongState]
    work_s: Mapped[float]  #: seconds of stem audio expected: duration x parts
    rank: Mapped[int] = mapped_column(default=0)  #: order of admission, 1-based; 0 before
    stems_total: Mapped[int] = mapped_column(default=0)
    stems_left: Mapped[int] = mapped_column(default=0)
    returns: Mapped[int] = mapped_column(default=0)  #: times that it was sent back for lost files
    split: Mapped[str | None]  #: SplitResult
    mix: Mapped[str | None]  #: MixResult, until the song is published
    record: Mapped[str | None]  #: TrackRecord, once published
    reason: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(default="")
    updated_at: Mapped[float]
    cluster: Mapped[str] = mapped_column(String(64), default="")  #: shared by all versions of one song
    subset: Mapped[str | None] = mapped_column(String(64))  #: train, validation, test: what it goes into
    places: Mapped[str | None]  #: `SongSpec.places`, where there are any
    __table_args__ = (UniqueConstraint("submission_id", "track"),)


class PatchRow(Row):
    """One patch that a stem is played by."""

    __tablename__ = "patch"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)  #: of the whole patch, path and licence included
    body: Mapped[str]  #: Patch
    engine: Mapped[str] = mapped_column(String(32))
    load_key: Mapped[str] = mapped_column(String(64))
    name: Mapped[str]  #: for people: `TimGM6mb:000:055`; rows of one load key and name are one patch
    quarantined_at: Mapped[float | None]
    reason: Mapped[str] = mapped_column(default="")  #: why it is quarantined
    forgiven: Mapped[int] = mapped_column(default=0)  #: as of `LoadKeyRow`


class StemRow(Row):
    """One part of a song, to be rendered by one patch."""

    __tablename__ = "stem"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey(SubmissionRow.id))
    song_id: Mapped[int] = mapped_column(ForeignKey(SongRow.id))
    part: Mapped[int] = mapped_column(Integer)  #: position among the song's stems, in the order of its split
    name: Mapped[str] = mapped_column(String(8))
    patch_id: Mapped[int] = mapped_column(ForeignKey(PatchRow.id))
    engine: Mapped[str] = mapped_column(String(32))
    load_key: Mapped[str] = mapped_column(String(64))
    rank: Mapped[int]  #: its song's order of admission
    est_s: Mapped[float]  #: seconds that its render is expected to take
    midi_sha256: Mapped[str] = mapped_column(String(64))
    rate_hz: Mapped[int] = mapped_column(Integer)
    channels: Mapped[int] = mapped_column(Integer)
    tail_max_s: Mapped[float]
    spec_hash: Mapped[str] = mapped_column(String(64))
    state: Mapped[StemState]
    epoch: Mapped[int] = mapped_column(default=0)  #: raised by every lease; who holds it holds the stem
    slot_id: Mapped[int | None]
    tries: Mapped[int] = mapped_column(Integer, default=0)  #: tries that failed by the stem's own fault
    losses: Mapped[int] = mapped_column(Integer, default=0)  #: tries lost by nobody's fault
    reason: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(default="")
    data_hash: Mapped[str | None] = mapped_column(String(64))
    result: Mapped[str | None]  #: StemResult, once rendered
    updated_at: Mapped[float]
    not_before: Mapped[float | None]  #: not to be leased earlier
    kills: Mapped[int] = mapped_column(Integer, default=0)  #: engines that it has killed
    shortages: Mapped[int] = mapped_column(Integer, default=0)  #: tries that ran out of memory
    failed_host: Mapped[str | None]  #: the one host on which it failed so far; after two failures it goes to others
    replaced: Mapped[str | None]  #: patches that it had before this one: `schemas.replaced.HISTORY`


class SlotRow(Row):
    """One place on a host that works."""

    __tablename__ = "slot"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    host: Mapped[str]
    pid: Mapped[int]
    engine: Mapped[str] = mapped_column(String(32))  #: class of the engine that it drives, or drove last
    state: Mapped[SlotState]
    epoch: Mapped[int] = mapped_column(default=1)
    warm_key: Mapped[str | None] = mapped_column(String(64))  #: what it has loaded, or is about to load
    leaving_key: Mapped[str | None] = mapped_column(String(64))  #: what it still has loaded, and is about to unload
    engines: Mapped[str] = mapped_column(default="")  #: classes that it serves, each between two spaces
    registered_at: Mapped[float]
    heartbeat_at: Mapped[float]
    gone_at: Mapped[float | None]


class HostRow(Row):
    """A host that was ever seen, and what holds of all its slots."""

    __tablename__ = "host"
    host: Mapped[str] = mapped_column(primary_key=True)
    draining: Mapped[bool] = mapped_column(default=False)  #: a person took it out
    sick_until: Mapped[float | None]  #: it failed on several patches; gets no work before
    free_disk_bytes: Mapped[int | None]
    seen_at: Mapped[float]


class BlockRow(Row):
    """A host that gets no more stems of a patch for a while, since it failed on them, or of all that it cannot load."""

    __tablename__ = "block"
    host: Mapped[str] = mapped_column(primary_key=True)
    load_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    patch: Mapped[str] = mapped_column(primary_key=True, default="")  #: its name; empty for all of the load key
    until: Mapped[float]
    detail: Mapped[str]


class LimitRow(Row):
    """A bound on how many slots, or hosts, have something loaded at once."""

    __tablename__ = "named_limit"
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    max: Mapped[int]
    scope: Mapped[LimitScope]


class TaskRow(Row):
    """One piece of work other than a stem."""

    __tablename__ = "task"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey(SubmissionRow.id))
    kind: Mapped[TaskKind]
    subject: Mapped[int]  #: song id; for a scan the first file's id; 0 for the probe
    last_file: Mapped[int | None]  #: for a scan the last file's id
    urgency: Mapped[int] = mapped_column(Integer)  #: lower is taken first
    state: Mapped[TaskState]
    epoch: Mapped[int] = mapped_column(default=0)
    slot_id: Mapped[int | None]
    tries: Mapped[int] = mapped_column(Integer, default=0)
    losses: Mapped[int] = mapped_column(Integer, default=0)
    reason: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(default="")
    announced_at: Mapped[float | None]  #: when a message for it was last sent
    updated_at: Mapped[float]
    __table_args__ = (UniqueConstraint("submission_id", "kind", "subject"),)


class AttemptRow(Row):
    """One try of a stem or task that came to an end; only ever added to."""

    __tablename__ = "attempt"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey(SubmissionRow.id))
    stem_id: Mapped[int | None]
    task_id: Mapped[int | None]
    slot_id: Mapped[int | None]
    epoch: Mapped[int]
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(default="")
    began_at: Mapped[float]
    ended_at: Mapped[float]
    render_s: Mapped[float | None]
    load_s: Mapped[float | None]
    rss_mb: Mapped[float | None]
    cold: Mapped[bool | None]
    cached: Mapped[bool | None]
    host: Mapped[str | None]
    load_key: Mapped[str | None] = mapped_column(String(64))  #: of a stem; None of tasks
    patch_id: Mapped[int | None]  #: of a stem; None of tasks
    audio_s: Mapped[float | None]  #: seconds of audio that were rendered
    est_s: Mapped[float | None]  #: seconds that the render was expected to take
    fingerprint: Mapped[str | None] = mapped_column(String(16))  #: of a failed try: what its detail says in general


class EventRow(Row):
    """Something worth telling a person; only ever added to."""

    __tablename__ = "event"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    submission_id: Mapped[int | None] = mapped_column(ForeignKey(SubmissionRow.id), index=True)
    song_id: Mapped[int | None]
    at: Mapped[float]
    kind: Mapped[str] = mapped_column(String(32))
    detail: Mapped[str]
    host: Mapped[str | None]
    slot_id: Mapped[int | None]
    stem_id: Mapped[int | None]
    load_key: Mapped[str | None] = mapped_column(String(64))


class TallyRow(Row):
    """A counter of a submission, changed in the transaction that changes what it counts."""

    __tablename__ = "tally"
    submission_id: Mapped[int] = mapped_column(ForeignKey(SubmissionRow.id), primary_key=True, autoincrement=False)
    subject: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    amount: Mapped[float]


class BacklogRow(Row):
    """Stems of a submission by what a slot must have loaded for them: counters, as of `TallyRow`."""

    __tablename__ = "backlog"
    submission_id: Mapped[int] = mapped_column(ForeignKey(SubmissionRow.id), primary_key=True, autoincrement=False)
    load_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    engine: Mapped[str] = mapped_column(String(32))
    ready: Mapped[int]
    est_s: Mapped[float]  #: seconds that the renders of the ready ones are expected to take
    leased: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)  #: failed and dropped
    leased_est_s: Mapped[float] = mapped_column(default=0.0)


class LoadKeyRow(Row):
    """What is measured of a load key on this farm: how long it loads, and renders against their estimate."""

    __tablename__ = "load_key"
    load_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    engine: Mapped[str] = mapped_column(String(32))
    load_s: Mapped[float]
    pace: Mapped[float]  #: measured render time over estimated, smoothed
    label: Mapped[str] = mapped_column(default="")  #: what it loads, for people
    rtf: Mapped[float | None]  #: measured render time over the audio's, smoothed
    not_before: Mapped[float | None]  #: it found no licence; its work waits until then
    misses: Mapped[int] = mapped_column(Integer, default=0)  #: times in a row that it found no licence
    quarantined_at: Mapped[float | None]
    reason: Mapped[str] = mapped_column(default="")  #: why it is quarantined, or waits
    forgiven: Mapped[int] = mapped_column(default=0)  #: tries up to this attempt's id are held against nobody any more


def _is(state: StrEnum) -> ColumnElement[bool]:
    """Return the condition of a partial index with its value spelt out: a bound parameter would not match the index."""
    tables = {
        StemState: StemRow.state, TaskState: TaskRow.state, SongState: SongRow.state, FileState: FileRow.state,
        SlotState: SlotRow.state, SubmissionState: SubmissionRow.state,
    }  # fmt: skip
    return tables[type(state)] == literal_column(f"'{state.value}'")


STEM_READY = _is(StemState.READY)
STEM_LEASED = _is(StemState.LEASED)
STEM_DONE = _is(StemState.DONE)
TASK_READY = _is(TaskState.READY)
TASK_RUNNING = _is(TaskState.RUNNING)
SONG_PLANNED = _is(SongState.PLANNED)
SONG_DRAWING = _is(SongState.DRAWING)
SONG_DONE = _is(SongState.DONE)
SONG_FAILED = _is(SongState.FAILED)
FILE_REJECTED = _is(FileState.REJECTED)
SLOT_LIVE = SlotRow.state != literal_column("'gone'")
SUBMISSION_OPEN = SubmissionRow.state.in_(
    [literal_column(f"'{state}'") for state in ("submitting", "scanning", "active", "pausing", "paused", "cancelling")]
)
SUBMISSION_RUNS = SubmissionRow.state.in_([literal_column("'scanning'"), literal_column("'active'")])
PATCH_HELD = PatchRow.quarantined_at.is_not(None)
STEM_LOST = StemRow.state.in_([literal_column("'dropped'"), literal_column("'failed'")])
