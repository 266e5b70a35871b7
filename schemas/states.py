"""States of submissions, songs, stems and tasks, their legal transitions, and the named reasons of every skip."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class SubmissionState(StrEnum):
    SUBMITTING = "submitting"  #: its files are being written; a crashed submit resumes
    SCANNING = "scanning"  #: sealed; workers read the files
    ACTIVE = "active"  #: planned; songs are rendered
    DONE = "done"  #: every accepted song is published
    FAILED = "failed"  #: finished, but some accepted songs are not published, or it could not start


class FileState(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class SongState(StrEnum):
    PLANNED = "planned"  #: chosen; waits for the admission window
    SPLITTING = "splitting"  #: admitted; a split task is out
    DRAWING = "drawing"  #: split; waits for its patches
    RENDERING = "rendering"
    MIXING = "mixing"
    ANNOTATING = "annotating"
    PUBLISHING = "publishing"
    DONE = "done"
    FAILED = "failed"


class StemState(StrEnum):
    READY = "ready"
    LEASED = "leased"
    DONE = "done"
    DROPPED = "dropped"  #: failed, and the plan lets its song go on without it
    FAILED = "failed"
    CANCELLED = "cancelled"  #: its song failed for another reason, so that nobody needs it any more


class TaskKind(StrEnum):
    PROBE = "probe"  #: which engine, soundfont and versions the workers have
    SCAN = "scan"
    SPLIT = "split"
    MIX = "mix"
    ANNOTATE = "annotate"
    PUBLISH = "publish"


class TaskState(StrEnum):
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class SlotState(StrEnum):
    IDLE = "idle"
    BUSY = "busy"
    GONE = "gone"


class VerdictStatus(StrEnum):
    PASS = "pass"
    WARN = "warn"
    RETRY = "retry"  #: one more try on a fresh engine
    QUARANTINE = "quarantine"  #: the patch itself is suspect


class RejectReason(StrEnum):
    """Why a file of a source is not a song of the dataset; every file has a state and, if rejected, one of these."""

    UNREADABLE = "unreadable"
    NOT_FOUND = "not_found"
    NO_NOTES = "no_notes"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    TOO_FEW_PARTS = "too_few_parts"
    TOO_MANY_PARTS = "too_many_parts"
    TOO_FEW_NOTES = "too_few_notes"
    BAND_NOT_MET = "band_not_met"
    DUPLICATE = "duplicate"
    OVER_LIMIT = "over_limit"


class FailureReason(StrEnum):
    """Why a stem, task or song failed, or what a verdict found."""

    # content: counts as a try
    ALL_ZERO = "all_zero"
    NOT_FINITE = "not_finite"
    CLIPPED = "clipped"
    DC_OFFSET = "dc_offset"
    TRUNCATED_TAIL = "truncated_tail"
    ONSET_LAG = "onset_lag"
    ENDLESS_NOTE = "endless_note"
    WRONG_LENGTH = "wrong_length"
    NOISE = "noise"
    SAME_AUDIO = "same_audio"
    SILENT_NOTES = "silent_notes"  #: some notes have no sample in the patch
    PRESET_SUBSTITUTED = "preset_substituted"  #: the soundfont lacks the bank or kit; its bank 0 or standard kit plays
    SILENT_BY_MIDI = "silent_by_midi"  #: volume, expression or velocity is zero wherever notes sound
    # engine
    ENGINE_CRASH = "engine_crash"
    ENGINE_FAILED = "engine_failed"
    LOAD_TIMEOUT = "load_timeout"
    RENDER_TIMEOUT = "render_timeout"
    NO_PROGRESS = "no_progress"
    TOO_FAST = "too_fast"
    OUT_OF_MEMORY = "out_of_memory"
    MISSING_ASSET = "missing_asset"
    # infrastructure: free retries
    SLOT_LOST = "slot_lost"
    DISK_FULL = "disk_full"
    STORE_DAMAGED = "store_damaged"
    LOST_TOO_OFTEN = "lost_too_often"
    # song
    SOURCE_CHANGED = "source_changed"
    UNREADABLE = "unreadable"
    NO_NOTES = "no_notes"
    STEM_FAILED = "stem_failed"
    TASK_FAILED = "task_failed"
    # submission
    NO_SONGS = "no_songs"  #: no file of the source became a song
    SONGS_FAILED = "songs_failed"  #: finished, but some accepted songs are not published


SUBMISSION_MOVES: Final[dict[SubmissionState, frozenset[SubmissionState]]] = {
    SubmissionState.SUBMITTING: frozenset({SubmissionState.SCANNING, SubmissionState.FAILED}),
    SubmissionState.SCANNING: frozenset({SubmissionState.ACTIVE, SubmissionState.FAILED}),
    SubmissionState.ACTIVE: frozenset({SubmissionState.DONE, SubmissionState.FAILED}),
    SubmissionState.DONE: frozenset(),
    #: Only when a person asks to try again what failed.
    SubmissionState.FAILED: frozenset({SubmissionState.SCANNING, SubmissionState.ACTIVE}),
}

SONG_MOVES: Final[dict[SongState, frozenset[SongState]]] = {
    SongState.PLANNED: frozenset({SongState.SPLITTING, SongState.FAILED}),
    SongState.SPLITTING: frozenset({SongState.DRAWING, SongState.FAILED}),
    SongState.DRAWING: frozenset({SongState.RENDERING, SongState.FAILED}),
    SongState.RENDERING: frozenset({SongState.MIXING, SongState.FAILED}),
    SongState.MIXING: frozenset({SongState.ANNOTATING, SongState.RENDERING, SongState.FAILED}),
    SongState.ANNOTATING: frozenset({SongState.PUBLISHING, SongState.MIXING, SongState.FAILED}),
    SongState.PUBLISHING: frozenset({SongState.DONE, SongState.MIXING, SongState.FAILED}),
    SongState.DONE: frozenset(),
    #: Only when a person asks to try again what failed.
    SongState.FAILED: frozenset({SongState.PLANNED}),
}

STEM_MOVES: Final[dict[StemState, frozenset[StemState]]] = {
    StemState.READY: frozenset({StemState.LEASED, StemState.CANCELLED}),
    StemState.LEASED: frozenset(
        {StemState.READY, StemState.DONE, StemState.DROPPED, StemState.FAILED, StemState.CANCELLED}
    ),
    #: A rendered stem whose file is lost or damaged is rendered anew.
    StemState.DONE: frozenset({StemState.READY}),
    StemState.DROPPED: frozenset(),
    StemState.FAILED: frozenset(),
    StemState.CANCELLED: frozenset(),
}

TASK_MOVES: Final[dict[TaskState, frozenset[TaskState]]] = {
    TaskState.READY: frozenset({TaskState.RUNNING, TaskState.FAILED}),
    TaskState.RUNNING: frozenset({TaskState.READY, TaskState.DONE, TaskState.FAILED}),
    TaskState.DONE: frozenset({TaskState.READY}),
    TaskState.FAILED: frozenset({TaskState.READY}),
}

SUBMISSION_ENDS: Final = frozenset({SubmissionState.DONE, SubmissionState.FAILED})
SONG_ENDS: Final = frozenset({SongState.DONE, SongState.FAILED})
STEM_ENDS: Final = frozenset({StemState.DONE, StemState.DROPPED, StemState.FAILED, StemState.CANCELLED})
