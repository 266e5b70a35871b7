"""States of submissions, songs, stems and tasks, their legal transitions, and the named reasons of every skip."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class SubmissionState(StrEnum):
    SUBMITTING = "submitting"  #: its files are being written; a crashed submit resumes
    SCANNING = "scanning"  #: sealed; workers read the files
    ACTIVE = "active"  #: planned; songs are rendered
    PAUSING = "pausing"  #: asked to pause; what slots hold is finished, nothing new is given out
    PAUSED = "paused"  #: nothing of it is held by any slot
    CANCELLING = "cancelling"  #: asked to cancel; its open songs are being ended
    CANCELLED = "cancelled"  #: ended by a person; what was published stays
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
    CANCELLED = "cancelled"  #: its submission was cancelled before it was published


class StemState(StrEnum):
    READY = "ready"
    LEASED = "leased"
    DONE = "done"
    DROPPED = "dropped"  #: its song goes on without it: it failed and the plan allows that, or a person accepts it
    FAILED = "failed"
    CANCELLED = "cancelled"  #: its song ended for another reason, so that nobody needs it any more


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


class RecycleCause(StrEnum):
    """Why an engine process was ended and the next stem got a fresh one; its event begins with this word."""

    RENDERS = "renders"  #: it had rendered its number of stems
    GROWTH = "growth"  #: its memory had grown since it loaded its patch
    VERDICT = "verdict"  #: what it rendered cannot be right
    RETRY = "retry"  #: a stem that failed before must not meet the engine that others have used
    SWITCH = "switch"  #: the next stem is for an engine of another class
    LEAVES = "leaves"  #: its plug-in leaves something behind that only a new process is free of
    CRASH = "crash"
    KILLED = "killed"
    LOAD_TIMEOUT = "load_timeout"
    RENDER_TIMEOUT = "render_timeout"
    NO_PROGRESS = "no_progress"
    TOO_FAST = "too_fast"
    OUT_OF_MEMORY = "out_of_memory"
    ENGINE_FAILED = "engine_failed"  #: it refused the stem, or broke off with an error of its own
    INTERRUPTED = "interrupted"  #: its slot broke off
    FOUND_DEAD = "found_dead"  #: it had ended between two stems


class LimitScope(StrEnum):
    """What a named limit counts."""

    INSTANCE = "instance"  #: engine processes that have the patch loaded
    HOST = "host"  #: hosts on which any has: a licence that is bought for each machine


class EventKind(StrEnum):
    """What happened, for people; the detail says the rest, of a recycle it begins with its cause."""

    # submissions
    CREATED = "created"
    SCANNING = "scanning"
    ACTIVE = "active"
    PAUSING = "pausing"
    PAUSED = "paused"
    RESUMED = "resumed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    DONE = "done"
    FAILED = "failed"
    PRIORITY = "priority"
    REQUEUED = "requeued"
    SONG_FAILED = "song failed"
    EATEN = "eaten"  #: a person accepted a song without a stem
    REPLACED = "replaced"  #: stems are played by another patch, since the one they had failed
    COMPOSED_ANEW = "composed anew"  #: a try at a song was thrown away
    RECOGNISED = "recognised"  #: a song was found published, by a farm whose ledger is gone
    MENDED = "mended"  #: files of the store were found lost or damaged, and are made anew
    PURGED = "purged"  #: what an ended submission had left was removed
    # slots and hosts
    SLOT_GONE = "slot gone"
    LOST = "lost"  #: work was taken from a slot that was gone, had forgotten it, or held it for too long
    FENCED = "fenced"  #: results came too late and were refused: the work belonged to somebody else
    RECYCLED = "recycled"  #: an engine process was ended and replaced
    DRAINING = "draining"  #: a host gets no more work
    RETURNED = "returned"  #: a drained or sick host works again
    SICK = "sick"  #: a host failed on several patches and gets no more work
    BLOCKED = "blocked"  #: a host failed on a patch again and again and gets no more of it
    DISK_FULL = "disk full"
    SPOOLED = "spooled"  #: results were kept on a host's disk while the ledger was away, and have arrived
    # patches and limits
    QUARANTINED = "quarantined"  #: a patch is held until a person releases it
    RELEASED = "released"
    LICENCE = "licence"  #: a patch found no free licence and waits
    LIMIT = "limit"  #: a limit was set, changed or dropped
    UNSERVED = "unserved"  #: stems wait for an engine class that no live slot serves
    SERVED = "served"  #: a live slot serves the class again


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
    TOO_SPARSE = "too_sparse"  #: fewer notes per second than the plan wants
    TOO_DENSE = "too_dense"  #: more notes per second than the plan wants
    LONG_REST = "long_rest"  #: nobody plays for longer than the plan allows
    ODD_TEMPO = "odd_tempo"  #: slower or faster than the plan allows, at some time
    BAND_NOT_MET = "band_not_met"  #: a place of the band that no part takes at all
    BAND_TOO_FEW = "band_too_few"  #: fewer parts than the band wants of a place
    BAND_TOO_MANY = "band_too_many"  #: more parts than the band allows of a place
    BAND_TOO_FEW_NOTES = "band_too_few_notes"  #: they are there, and play too few notes
    BAND_TOO_LITTLE_PLAYED = "band_too_little_played"  #: they are there, and sound for too few seconds
    BAND_NO_PATCH = "band_no_patch"  #: they are there, and no patch plays them
    BAND_EXCLUDED = "band_excluded"  #: it has an instrument that the band excludes
    BAND_OTHERS = "band_others"  #: it has an instrument that is no place of a band that allows no others
    SEVERAL_DRUMS = "several_drums"  #: more than one drum part, where the plan does not separate drums
    DUPLICATE = "duplicate"  #: the bytes of another file
    SAME_NOTES = "same_notes"  #: other bytes, but what is played is that of another file
    SAME_SONG = "same_song"  #: a version of a song that is taken from another file
    OVER_LIMIT = "over_limit"
    OMITTED = "omitted"  #: the plan's split file omits it
    NO_PATCH = "no_patch"  #: the plan's instrument map has no patch for any part of it
    LOW_SCORE = "low_score"  #: never composed well enough; or published, and moved out by `farm filter`


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
    BENDS_IGNORED = "bends_ignored"  #: the patch plays no pitch bends: its notes sound, and are labelled, unbent
    SILENT_BY_MIDI = "silent_by_midi"  #: volume, expression or velocity is zero wherever notes sound
    INAUDIBLE = "inaudible"  #: volume, expression and velocity put every note below what an engine can sound
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
    ENGINE_KILLED = "engine_killed"  #: from outside, by a signal that no program sends itself; the stem is not to blame
    DISK_FULL = "disk_full"
    STORE_DAMAGED = "store_damaged"
    STORE_AWAY = "store_away"  #: it cannot be reached, or refuses its keys
    LOST_TOO_OFTEN = "lost_too_often"
    NO_LICENCE = "no_licence"  #: the engine found no free licence: its patch waits, the stem is not to blame
    # operators
    EATEN = "eaten"  #: a person accepted the song without this stem
    QUARANTINED = "quarantined"  #: its patch is quarantined, and nobody is there to release it
    # song
    SOURCE_CHANGED = "source_changed"
    UNREADABLE = "unreadable"
    NO_NOTES = "no_notes"
    NO_PATCH = "no_patch"  #: the instrument map has no patch for any part of it
    STEM_FAILED = "stem_failed"
    TASK_FAILED = "task_failed"
    LOW_SCORE = "low_score"  #: its mix scores less than the plan asks for, of a composed song those of all tries
    # submission
    LICENCE_FORBIDDEN = (
        "licence_forbidden"  #: a soundfont, a patch or the music is under a licence that the plan forbids
    )
    NO_SONGS = "no_songs"  #: no file of the source became a song
    SONGS_FAILED = "songs_failed"  #: finished, but some accepted songs are not published


SUBMISSION_MOVES: Final[dict[SubmissionState, frozenset[SubmissionState]]] = {
    SubmissionState.SUBMITTING: frozenset(
        {SubmissionState.SCANNING, SubmissionState.FAILED, SubmissionState.CANCELLING}
    ),
    SubmissionState.SCANNING: frozenset(
        {SubmissionState.ACTIVE, SubmissionState.FAILED, SubmissionState.PAUSING, SubmissionState.CANCELLING}
    ),
    SubmissionState.ACTIVE: frozenset(
        {SubmissionState.DONE, SubmissionState.FAILED, SubmissionState.PAUSING, SubmissionState.CANCELLING}
    ),
    #: Back to where it was. What slots still held may end it for a failure of its own.
    SubmissionState.PAUSING: frozenset(
        {
            SubmissionState.PAUSED,
            SubmissionState.SCANNING,
            SubmissionState.ACTIVE,
            SubmissionState.CANCELLING,
            SubmissionState.FAILED,
        }
    ),
    SubmissionState.PAUSED: frozenset(
        {SubmissionState.SCANNING, SubmissionState.ACTIVE, SubmissionState.CANCELLING, SubmissionState.FAILED}
    ),
    SubmissionState.CANCELLING: frozenset({SubmissionState.CANCELLED}),
    #: Only when a person asks to try again what is not published.
    SubmissionState.CANCELLED: frozenset({SubmissionState.ACTIVE}),
    SubmissionState.DONE: frozenset(),
    #: Only when a person asks to try again what failed.
    SubmissionState.FAILED: frozenset({SubmissionState.SCANNING, SubmissionState.ACTIVE}),
}

SONG_MOVES: Final[dict[SongState, frozenset[SongState]]] = {
    SongState.PLANNED: frozenset({SongState.SPLITTING, SongState.FAILED, SongState.CANCELLED}),
    #: To its end at once where it is found published already.
    SongState.SPLITTING: frozenset({SongState.DRAWING, SongState.DONE, SongState.FAILED, SongState.CANCELLED}),
    #: Past the renders where the plan publishes MIDI alone; back to the split where the song is composed anew.
    SongState.DRAWING: frozenset(
        {SongState.RENDERING, SongState.MIXING, SongState.SPLITTING, SongState.FAILED, SongState.CANCELLED}
    ),
    #: Back to the draw where a patch failed and the plan wants another one.
    SongState.RENDERING: frozenset({SongState.MIXING, SongState.DRAWING, SongState.FAILED, SongState.CANCELLED}),
    SongState.MIXING: frozenset({SongState.ANNOTATING, SongState.RENDERING, SongState.FAILED, SongState.CANCELLED}),
    #: Back to the split where the mix scores less than the plan asks for, and the song is composed anew.
    SongState.ANNOTATING: frozenset(
        {SongState.PUBLISHING, SongState.MIXING, SongState.SPLITTING, SongState.FAILED, SongState.CANCELLED}
    ),
    SongState.PUBLISHING: frozenset({SongState.DONE, SongState.MIXING, SongState.FAILED, SongState.CANCELLED}),
    SongState.DONE: frozenset(),
    #: Only when a person asks to try again what failed, or accepts the song without the stem that failed.
    SongState.FAILED: frozenset({SongState.PLANNED, SongState.RENDERING}),
    SongState.CANCELLED: frozenset({SongState.PLANNED}),
}

STEM_MOVES: Final[dict[StemState, frozenset[StemState]]] = {
    StemState.READY: frozenset({StemState.LEASED, StemState.CANCELLED, StemState.DROPPED, StemState.FAILED}),
    StemState.LEASED: frozenset(
        {StemState.READY, StemState.DONE, StemState.DROPPED, StemState.FAILED, StemState.CANCELLED}
    ),
    #: A rendered stem whose file is lost or damaged is rendered anew.
    StemState.DONE: frozenset({StemState.READY}),
    #: The rest only when a person asks for a stem again, or accepts its song without the one that failed.
    StemState.DROPPED: frozenset({StemState.READY}),
    #: The first where another patch plays it.
    StemState.FAILED: frozenset({StemState.READY, StemState.DROPPED}),
    StemState.CANCELLED: frozenset({StemState.READY, StemState.DROPPED}),
}

TASK_MOVES: Final[dict[TaskState, frozenset[TaskState]]] = {
    TaskState.READY: frozenset({TaskState.RUNNING, TaskState.FAILED}),
    TaskState.RUNNING: frozenset({TaskState.READY, TaskState.DONE, TaskState.FAILED}),
    TaskState.DONE: frozenset({TaskState.READY}),
    TaskState.FAILED: frozenset({TaskState.READY}),
}

SUBMISSION_ENDS: Final = frozenset({SubmissionState.DONE, SubmissionState.FAILED, SubmissionState.CANCELLED})
#: Submissions of which slots are given work.
SUBMISSION_RUNS: Final = frozenset({SubmissionState.SCANNING, SubmissionState.ACTIVE})
SONG_ENDS: Final = frozenset({SongState.DONE, SongState.FAILED, SongState.CANCELLED})
STEM_ENDS: Final = frozenset({StemState.DONE, StemState.DROPPED, StemState.FAILED, StemState.CANCELLED})
