"""The indexes of the ledger's tables, as migrations make them; only what compares or makes tables needs to know them.

They stand apart since SQLAlchemy loads its whole PostgreSQL dialect to read conditions meant for it: 0.02 s at the start
of every process with a ledger in SQLite.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Index

from farm.ledger.models import (
    FILE_REJECTED,
    PATCH_HELD,
    SLOT_LIVE,
    SONG_DRAWING,
    STEM_LEASED,
    STEM_LOST,
    STEM_READY,
    SUBMISSION_OPEN,
    TASK_READY,
    TASK_RUNNING,
    AttemptRow,
    EventRow,
    FileRow,
    PatchRow,
    SlotRow,
    SongRow,
    StemRow,
    SubmissionRow,
    TaskRow,
)


def _partial(name: str, *columns: object, where: ColumnElement[bool], unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)  # type: ignore[arg-type]


_partial("uq_submission_open_out_dir", SubmissionRow.out_dir, where=SUBMISSION_OPEN, unique=True)
_partial("ix_source_file_rejected", FileRow.submission_id, FileRow.path, where=FILE_REJECTED)
_partial("ix_song_drawing", SongRow.submission_id, SongRow.rank, where=SONG_DRAWING)
Index("ix_song_state", SongRow.submission_id, SongRow.state, SongRow.track)
Index("uq_stem_song_id_part", StemRow.song_id, StemRow.part, unique=True)
Index("ix_stem_spec_hash", StemRow.spec_hash)
_partial(
    "ix_stem_ready", StemRow.submission_id, StemRow.load_key, StemRow.rank, StemRow.est_s.desc(), StemRow.id,
    where=STEM_READY,
)  # fmt: skip
_partial("ix_stem_patch", StemRow.patch_id, StemRow.submission_id, where=STEM_READY)
_partial("ix_patch_held", PatchRow.id, where=PATCH_HELD)
Index("ix_patch_load_key", PatchRow.load_key, PatchRow.name)
_partial("ix_stem_leased", StemRow.slot_id, StemRow.updated_at, where=STEM_LEASED)
_partial("ix_stem_lost", StemRow.submission_id, StemRow.song_id, where=STEM_LOST)
_partial("ix_slot_live", SlotRow.heartbeat_at, where=SLOT_LIVE)
_partial("ix_task_ready", TaskRow.urgency, TaskRow.id, where=TASK_READY)
_partial("ix_task_running", TaskRow.slot_id, TaskRow.updated_at, where=TASK_RUNNING)
Index("ix_attempt_stem_id", AttemptRow.stem_id)
_partial("ix_attempt_load_key", AttemptRow.load_key, AttemptRow.id, where=AttemptRow.load_key.is_not(None))
_partial("ix_attempt_patch", AttemptRow.patch_id, AttemptRow.id, where=AttemptRow.patch_id.is_not(None))
_failed = AttemptRow.fingerprint.is_not(None)
_partial("ix_attempt_failed", AttemptRow.submission_id, AttemptRow.fingerprint, where=_failed)
Index("ix_event_kind_id", EventRow.kind, EventRow.id)
Index("ix_event_host_id", EventRow.host, EventRow.id)
