"""The first ledger: submissions, files, songs, stems, patches, slots, tasks, and what counts and records them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

#: 64-bit keys; SQLite numbers rows by itself only in a column of exactly INTEGER.
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STATE = sa.String(16)
_TABLES = (
    "submission", "source_file", "song", "patch", "stem", "slot", "task", "attempt", "event", "tally", "backlog",
    "load_key",
)  # fmt: skip
#: Tables whose rows change often: room in the page for the new version, and a vacuum that does not wait for millions.
_BUSY = ("song", "stem", "task", "tally", "backlog", "slot", "load_key")


def upgrade() -> None:
    _submission()
    _source_file()
    _song()
    _patch()
    _stem()
    _slot()
    _task()
    _attempt()
    _event()
    _tally()
    _backlog()
    _load_key()
    if op.get_bind().dialect.name == "postgresql":
        for table in _BUSY:
            op.execute(f"ALTER TABLE {table} SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01)")


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)


def _partial_index(name: str, table: str, columns: Sequence[Any], *, where: str, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def _submission() -> None:
    op.create_table(
        "submission",
        sa.Column("id", _ID, nullable=False),
        sa.Column("state", _STATE, nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("plan_hash", sa.String(64), nullable=False),
        sa.Column("source_root", sa.Text(), nullable=False),
        sa.Column("out_dir", sa.Text(), nullable=False),
        sa.Column("store_root", sa.Text(), nullable=False),
        sa.Column("engine_facts", sa.Text(), nullable=True),
        sa.Column("admitted", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(32), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("active_at", sa.Double(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_submission"),
    )
    op.create_index("ix_submission_out_dir", "submission", ["out_dir"])
    _partial_index(
        "uq_submission_open_out_dir",
        "submission",
        ["out_dir"],
        unique=True,
        where="state IN ('submitting', 'scanning', 'active')",
    )


def _source_file() -> None:
    op.create_table(
        "source_file",
        sa.Column("id", _ID, nullable=False),
        sa.Column("submission_id", _ID, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("state", _STATE, nullable=False),
        sa.Column("facts", sa.Text(), nullable=True),
        sa.Column("reason", sa.String(32), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_source_file"),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name="fk_source_file_submission_id"),
        sa.UniqueConstraint("submission_id", "path", name="uq_source_file_submission_id_path"),
    )
    _partial_index("ix_source_file_rejected", "source_file", ["submission_id", "path"], where="state = 'rejected'")
    op.create_index("ix_source_file_submission_id_id", "source_file", ["submission_id", "id"])


def _song() -> None:
    op.create_table(
        "song",
        sa.Column("id", _ID, nullable=False),
        sa.Column("submission_id", _ID, nullable=False),
        sa.Column("file_id", _ID, nullable=False),
        sa.Column("track", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("song_hash", sa.String(64), nullable=False),
        sa.Column("state", _STATE, nullable=False),
        sa.Column("work_s", sa.Double(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("stems_total", sa.BigInteger(), nullable=False),
        sa.Column("stems_left", sa.BigInteger(), nullable=False),
        sa.Column("returns", sa.BigInteger(), nullable=False),
        sa.Column("split", sa.Text(), nullable=True),
        sa.Column("mix", sa.Text(), nullable=True),
        sa.Column("record", sa.Text(), nullable=True),
        sa.Column("reason", sa.String(32), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_song"),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name="fk_song_submission_id"),
        sa.ForeignKeyConstraint(["file_id"], ["source_file.id"], name="fk_song_file_id"),
        sa.UniqueConstraint("submission_id", "track", name="uq_song_submission_id_track"),
    )
    _partial_index(
        "ix_song_planned", "song", ["submission_id", sa.text("work_s DESC"), "track"], where="state = 'planned'"
    )
    op.create_index("ix_song_state", "song", ["submission_id", "state", "track"])


def _patch() -> None:
    op.create_table(
        "patch",
        sa.Column("id", _ID, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("engine", sa.String(32), nullable=False),
        sa.Column("load_key", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_patch"),
        sa.UniqueConstraint("hash", name="uq_patch_hash"),
    )


def _stem() -> None:
    op.create_table(
        "stem",
        sa.Column("id", _ID, nullable=False),
        sa.Column("submission_id", _ID, nullable=False),
        sa.Column("song_id", _ID, nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(8), nullable=False),
        sa.Column("patch_id", _ID, nullable=False),
        sa.Column("engine", sa.String(32), nullable=False),
        sa.Column("load_key", sa.String(64), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("est_s", sa.Double(), nullable=False),
        sa.Column("midi_sha256", sa.String(64), nullable=False),
        sa.Column("rate_hz", sa.Integer(), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("tail_max_s", sa.Double(), nullable=False),
        sa.Column("spec_hash", sa.String(64), nullable=False),
        sa.Column("state", _STATE, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("slot_id", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(32), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("data_hash", sa.String(64), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stem"),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name="fk_stem_submission_id"),
        sa.ForeignKeyConstraint(["song_id"], ["song.id"], name="fk_stem_song_id"),
        sa.ForeignKeyConstraint(["patch_id"], ["patch.id"], name="fk_stem_patch_id"),
    )
    _partial_index("ix_stem_leased", "stem", ["slot_id", "updated_at"], where="state = 'leased'")
    _partial_index("ix_stem_lost", "stem", ["submission_id", "song_id"], where="state IN ('dropped', 'failed')")
    _partial_index("ix_stem_ready", "stem", ["load_key", "rank", sa.text("est_s DESC"), "id"], where="state = 'ready'")
    op.create_index("uq_stem_song_id_part", "stem", ["song_id", "part"], unique=True)
    op.create_index("ix_stem_spec_hash", "stem", ["spec_hash"])


def _slot() -> None:
    op.create_table(
        "slot",
        sa.Column("id", _ID, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("engine", sa.String(32), nullable=False),
        sa.Column("state", _STATE, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("warm_key", sa.String(64), nullable=True),
        sa.Column("registered_at", sa.Double(), nullable=False),
        sa.Column("heartbeat_at", sa.Double(), nullable=False),
        sa.Column("gone_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_slot"),
    )
    _partial_index("ix_slot_live", "slot", ["heartbeat_at"], where="state != 'gone'")


def _task() -> None:
    op.create_table(
        "task",
        sa.Column("id", _ID, nullable=False),
        sa.Column("submission_id", _ID, nullable=False),
        sa.Column("kind", _STATE, nullable=False),
        sa.Column("subject", sa.BigInteger(), nullable=False),
        sa.Column("last_file", sa.BigInteger(), nullable=True),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("state", _STATE, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("slot_id", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(32), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("announced_at", sa.Double(), nullable=True),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_task"),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name="fk_task_submission_id"),
        sa.UniqueConstraint("submission_id", "kind", "subject", name="uq_task_submission_id_kind_subject"),
    )
    _partial_index("ix_task_ready", "task", ["urgency", "id"], where="state = 'ready'")
    _partial_index("ix_task_running", "task", ["slot_id", "updated_at"], where="state = 'running'")


def _attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", _ID, nullable=False),
        sa.Column("submission_id", _ID, nullable=False),
        sa.Column("stem_id", sa.BigInteger(), nullable=True),
        sa.Column("task_id", sa.BigInteger(), nullable=True),
        sa.Column("slot_id", sa.BigInteger(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(32), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("began_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=False),
        sa.Column("render_s", sa.Double(), nullable=True),
        sa.Column("load_s", sa.Double(), nullable=True),
        sa.Column("rss_mb", sa.Double(), nullable=True),
        sa.Column("cold", sa.Boolean(), nullable=True),
        sa.Column("cached", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_attempt"),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name="fk_attempt_submission_id"),
    )
    op.create_index("ix_attempt_stem_id", "attempt", ["stem_id"])


def _event() -> None:
    op.create_table(
        "event",
        sa.Column("id", _ID, nullable=False),
        sa.Column("submission_id", _ID, nullable=True),
        sa.Column("song_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name="fk_event_submission_id"),
    )
    op.create_index("ix_event_submission_id", "event", ["submission_id"])


def _tally() -> None:
    op.create_table(
        "tally",
        sa.Column("submission_id", _ID, autoincrement=False, nullable=False),
        sa.Column("subject", sa.String(16), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("amount", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("submission_id", "subject", "name", name="pk_tally"),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name="fk_tally_submission_id"),
    )


def _backlog() -> None:
    op.create_table(
        "backlog",
        sa.Column("submission_id", _ID, autoincrement=False, nullable=False),
        sa.Column("load_key", sa.String(64), nullable=False),
        sa.Column("engine", sa.String(32), nullable=False),
        sa.Column("ready", sa.BigInteger(), nullable=False),
        sa.Column("est_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("submission_id", "load_key", name="pk_backlog"),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name="fk_backlog_submission_id"),
    )


def _load_key() -> None:
    op.create_table(
        "load_key",
        sa.Column("load_key", sa.String(64), nullable=False),
        sa.Column("engine", sa.String(32), nullable=False),
        sa.Column("load_s", sa.Double(), nullable=False),
        sa.Column("pace", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("load_key", name="pk_load_key"),
    )
