"""What goes into the ledger and what comes out of it: frozen records, free of SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from farm.ledger.stages import StageCost
from schemas.dataset import MixResult
from schemas.job import RenderJob
from schemas.patch import EngineFacts, Patch
from schemas.plan import DatasetPlan
from schemas.replaced import Spent
from schemas.result import RenderCost, StemResult
from schemas.song import Part, SongSpec, SplitResult
from schemas.states import (
    EventKind,
    FailureReason,
    LimitScope,
    RejectReason,
    SlotState,
    SongState,
    SubmissionState,
    TaskKind,
)


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission as it was asked for, and how far it has come."""

    id: int
    state: SubmissionState
    plan: DatasetPlan
    plan_hash: str
    source_root: str
    out_dir: str
    store_root: str
    engine_facts: EngineFacts | None  #: None until the probe has run
    reason: str | None
    detail: str
    priority: int = 0  #: -100 to 100; work of a higher one is given out first
    run_gen: int = 0  #: raised by every pause, resume, cancellation and requeue


@dataclass(frozen=True, slots=True)
class SlotRef:
    """A registered slot; the epoch is raised when the slot is given up, so that an old reference is refused."""

    id: int
    epoch: int
    engine: str


@dataclass(frozen=True, slots=True)
class TaskRef:
    """A claimed task; the epoch fences it."""

    task_id: int
    kind: TaskKind
    epoch: int
    submission_id: int
    song_id: int | None  #: None for the probe and for scans
    tries: int  #: failed tries before this one
    #: Processor time that the process which claimed it had used by then; None in the hands of any other.
    cpu_from_s: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ChosenSong:
    """A file of the source that becomes a song."""

    file_id: int
    spec: SongSpec


@dataclass(frozen=True, slots=True)
class RejectedFile:
    """A file of the source that does not, and why."""

    file_id: int
    reason: RejectReason
    detail: str


@dataclass(frozen=True, slots=True)
class StemLease:
    """A stem that a slot may render until its heartbeat stops."""

    stem_id: int
    epoch: int
    submission_id: int
    song_id: int
    song_name: str
    stem_name: str
    job: RenderJob
    store_root: str
    tries: int  #: failed tries before this one; above 0 the engine should be a fresh one
    losses: int  #: tries lost with their slots before this one
    other_hashes: frozenset[str]  #: data hashes of the song's finished stems that were played from other MIDI
    again: bool = False  #: rendered also where the store has it


@dataclass(frozen=True, slots=True)
class StemCommit:
    """A rendered stem, ready to be recorded."""

    stem_id: int
    epoch: int
    result: StemResult
    cost: RenderCost


class Outcome(StrEnum):
    """What became of a stem or task whose try failed."""

    RETRY = "retry"  #: it is free for another try
    FAILED = "failed"  #: for good; its song has failed with it
    DROPPED = "dropped"  #: for good; its song goes on without it
    REPLACED = "replaced"  #: for good with this patch; it gets another when the other stems of its song have ended
    FENCED = "fenced"  #: it belonged to somebody else by then, nothing was changed


@dataclass(frozen=True, slots=True)
class StemDecision:
    """The ledger's answer to a failed try."""

    outcome: Outcome
    reason: FailureReason
    tries: int = 0
    losses: int = 0


@dataclass(frozen=True, slots=True)
class StemWork:
    """A rendered stem as later stages see it."""

    stem_id: int
    part: Part
    job: RenderJob
    result: StemResult


@dataclass(frozen=True, slots=True)
class SongWork:
    """Everything that a worker needs for a task of a song."""

    song_id: int
    submission_id: int
    song: SongSpec
    plan: DatasetPlan
    engine: EngineFacts
    source_root: str
    out_dir: str
    store_root: str
    split: SplitResult | None  #: None before the split
    stems: list[StemWork]  #: the rendered stems in the order of parts; dropped ones are not among them
    dropped: list[str]  #: names of stems that failed and are left out
    jobs: dict[str, RenderJob]  #: by name of stem, dropped ones too; a part without a patch has none
    mix: MixResult | None  #: None before the mix
    whole: StemWork | None = None  #: the render of the whole song, where the plan makes the mix of one
    replaced: Mapping[str, tuple[Spent, ...]] = field(default_factory=dict)  #: patches that failed, by name of stem

    @property
    def spent(self) -> set[str]:
        """Spec hashes of what patches had rendered that were replaced."""
        return {spent.spec_hash for history in self.replaced.values() for spent in history if spent.spec_hash}

    @property
    def renders(self) -> list[StemWork]:
        """All that was rendered of it: the stems, and the whole song where the plan wants it."""
        return [*self.stems, *([] if self.whole is None else [self.whole])]

    @property
    def parts(self) -> list[Part]:
        """The parts of the split, in order; empty before the split."""
        return [] if self.split is None else self.split.parts

    def patch_of(self, part: Part) -> Patch | None:
        """Return the patch that plays a part; None where the plan's instrument map has none for it."""
        job = self.jobs.get(part.name)
        return None if job is None else job.patch


@dataclass(frozen=True, slots=True)
class SongReport:
    """One line of `farm songs`."""

    track: int
    name: str
    source: str
    state: SongState
    stems_done: int
    stems_total: int
    reason: str | None
    detail: str
    cluster: str = ""  #: shared by all versions of one song
    split: str | None = None
    rejected: list[dict[str, Any]] = field(
        default_factory=list
    )  #: tries at a composed song: `schemas.quality.Rejection`


@dataclass(frozen=True, slots=True)
class Failure:
    """One rejected file, failed song, or failed or dropped stem."""

    kind: Literal["file", "song", "stem"]
    name: str  #: path of the file, name of the song, or `Track00001/S03`
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class SubmissionStatus:
    """How far a submission is; read from counters, whatever its size."""

    submission_id: int
    name: str
    state: SubmissionState
    error: str  #: why it failed, in words; empty if it did not
    files_total: int
    files_scanned: int
    songs_total: int
    songs_done: int
    songs_failed: int
    songs: dict[str, int]  #: count by state
    stems_total: int
    stems_done: int
    stems: dict[str, int]  #: count by state
    stem_audio_s: float  #: seconds of stem audio rendered
    render_s: float  #: seconds that slots spent on it
    rejected: dict[str, int]  #: files by reason
    failures: dict[str, int]  #: songs by reason
    stem_failures: dict[str, int]  #: failed and dropped stems by reason
    warnings: dict[str, int]  #: count by finding
    work_total: float  #: seconds of stem audio expected of all songs
    work_done: float  #: how much of it is behind us; equal to the total at the end
    elapsed_s: float  #: since rendering began, or 0
    live_slots: int
    priority: int = 0
    stems_held: int = 0  #: ready stems whose patch is quarantined: they wait for a person
    unserved: dict[str, int] = field(default_factory=dict)  #: ready stems of engine classes that no live slot serves
    rejected_tries: dict[str, int] = field(default_factory=dict)  #: tries at composed songs, by flaw
    stages: list[StageCost] = field(default_factory=list)  #: in order; empty before the first is done


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the reconciler must know of an open submission, and nothing more."""

    submission_id: int
    state: SubmissionState
    scans_open: int  #: probe and scan tasks not yet ended
    songs: dict[SongState, int]
    priority: int = 0  #: higher is more urgent
    songs_held: int = 0  #: songs of which a stem waits for a quarantined patch


@dataclass(frozen=True, slots=True)
class Expired:
    """What was freed when slots were given up."""

    slots: int = 0
    stems: int = 0
    tasks: int = 0

    def __add__(self, other: Expired) -> Expired:
        """Return the sums."""
        return Expired(self.slots + other.slots, self.stems + other.stems, self.tasks + other.tasks)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for people."""

    id: int
    at: float  #: seconds since 1970 by the database's clock
    kind: str  #: of `EventKind`; an older farm may have written others
    song_id: int | None
    detail: str
    submission_id: int | None = None
    host: str | None = None
    slot_id: int | None = None
    stem_id: int | None = None
    load_key: str | None = None


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that happened, to be recorded, and what it is about."""

    kind: EventKind
    detail: str
    submission_id: int | None = None
    song_id: int | None = None
    host: str | None = None
    slot_id: int | None = None
    stem_id: int | None = None
    load_key: str | None = None


@dataclass(frozen=True, slots=True)
class StopOrder:
    """What a slot is to stop between two stems; it gives back what it holds of it."""

    submissions: frozenset[int]  #: of those asked about: paused, cancelled or ended
    draining: bool  #: its host gets no more work: drained by a person, or sick
    held: frozenset[int] = frozenset()  #: stems that it holds whose patch is quarantined, or waits for a licence


@dataclass(frozen=True, slots=True)
class HostReport:
    """One host, as `farm workers` and `farm drain` show it."""

    host: str
    slots: int  #: live ones
    busy: int  #: live slots that hold stems or tasks
    draining: bool  #: a person took it out
    sick: bool  #: it failed on several patches and gets no more work until it is forgiven
    last_seen_s: float  #: seconds since its last sign of life
    free_disk_bytes: int | None  #: None until it was told


@dataclass(frozen=True, slots=True)
class SlotReport:
    """One live slot."""

    slot_id: int
    host: str
    pid: int
    engine: str  #: class that it drives, or drove last
    state: SlotState
    warm_patch: str | None  #: label of what it has loaded
    holding: int  #: stems and tasks that it has taken and not ended
    since_s: float  #: seconds since it registered
    heartbeat_age_s: float
    engines: tuple[str, ...] = ()  #: classes that it serves


@dataclass(frozen=True, slots=True)
class HoldReport:
    """A patch, or all that is loaded with a load key, whose work is held until a person releases it."""

    load_key: str
    label: str  #: for people: the patch's name, or what the key loads
    engine: str
    ready: int  #: stems that wait for it
    quarantined: bool  #: False when it was just released
    reason: str  #: empty if it is not held
    patch: str = ""  #: name of the patch; empty for all of the load key


@dataclass(frozen=True, slots=True)
class PatchReport:
    """What a slot must have loaded (a load key), the work for it and what it costs."""

    load_key: str
    label: str  #: what it loads, for people
    engine: str
    ready: int
    leased: int
    done: int
    failed: int  #: failed and dropped
    est_s: float  #: seconds that the renders of the ready stems will take, by what was measured
    load_s: float  #: smoothed seconds to load it
    rtf: float | None  #: smoothed seconds of rendering for a second of audio; None before the first render
    quarantined: bool  #: all of its work is held until a person releases it
    reason: str  #: why it is held, or waits; empty if it does not
    held: int = 0  #: ready stems that are held, with all the key's work or with their patches
    held_patches: tuple[HoldReport, ...] = ()  #: patches of it that are held for themselves


@dataclass(frozen=True, slots=True)
class LimitReport:
    """A named limit and how much of it is taken now."""

    name: str  #: an engine class, the label of a patch, or a load key
    max: int
    scope: LimitScope
    taken: int


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failed tries of a submission that say the same, but for numbers, hashes and paths."""

    fingerprint: str
    reason: str
    sample: str  #: detail of one of them
    count: int  #: tries
    patches: tuple[str, ...]  #: labels of what they were played on
    hosts: tuple[str, ...]
