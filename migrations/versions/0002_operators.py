"""Operators: pause, priority, hosts, blocks, limits, quarantine, back-off, and what explains a failure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATE = sa.String(16)
_KEY = sa.String(64)
_OPEN_BEFORE = "state IN ('submitting', 'scanning', 'active')"
_OPEN = "state IN ('submitting', 'scanning', 'active', 'pausing', 'paused', 'cancelling')"


def _columns() -> dict[str, list[sa.Column[Any]]]:
    """Return the new columns by table; what may not be null has the value for rows that are there already."""
    return {
        "submission": [
            sa.Column("priority", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("run_gen", sa.BigInteger(), nullable=False, server_default="0"),
            sa.Column("paused_from", _STATE, nullable=True),
        ],
        "stem": [
            sa.Column("not_before", sa.Double(), nullable=True),
            sa.Column("kills", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("shortages", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("failed_host", sa.Text(), nullable=True),
        ],
        "attempt": [
            sa.Column("host", sa.Text(), nullable=True),
            sa.Column("load_key", _KEY, nullable=True),
            sa.Column("audio_s", sa.Double(), nullable=True),
            sa.Column("est_s", sa.Double(), nullable=True),
            sa.Column("fingerprint", sa.String(16), nullable=True),
        ],
        "event": [
            sa.Column("host", sa.Text(), nullable=True),
            sa.Column("slot_id", sa.BigInteger(), nullable=True),
            sa.Column("stem_id", sa.BigInteger(), nullable=True),
            sa.Column("load_key", _KEY, nullable=True),
        ],
        "backlog": [
            sa.Column("leased", sa.BigInteger(), nullable=False, server_default="0"),
            sa.Column("done", sa.BigInteger(), nullable=False, server_default="0"),
            sa.Column("failed", sa.BigInteger(), nullable=False, server_default="0"),
            sa.Column("leased_est_s", sa.Double(), nullable=False, server_default="0"),
        ],
        "load_key": [
            sa.Column("label", sa.Text(), nullable=False, server_default=""),
            sa.Column("rtf", sa.Double(), nullable=True),
            sa.Column("not_before", sa.Double(), nullable=True),
            sa.Column("misses", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("quarantined_at", sa.Double(), nullable=True),
            sa.Column("reason", sa.Text(), nullable=False, server_default=""),
            sa.Column("forgiven", sa.BigInteger(), nullable=False, server_default="0"),
        ],
    }


def upgrade() -> None:
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    _host()
    _block()
    _named_limit()
    _indexes()
    _hosts_of_slots()
    _counters_of_load_keys()
    _labels()
    _attempts()


def _partial_index(name: str, table: str, columns: Sequence[Any], *, where: str, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def _host() -> None:
    op.create_table(
        "host",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("draining", sa.Boolean(), nullable=False),
        sa.Column("sick_until", sa.Double(), nullable=True),
        sa.Column("free_disk_bytes", sa.BigInteger(), nullable=True),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("host", name="pk_host"),
    )


def _block() -> None:
    op.create_table(
        "block",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("load_key", _KEY, nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("host", "load_key", name="pk_block"),
    )


def _named_limit() -> None:
    op.create_table(
        "named_limit",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("max", sa.BigInteger(), nullable=False),
        sa.Column("scope", _STATE, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_named_limit"),
    )


def _indexes() -> None:
    op.drop_index("uq_submission_open_out_dir", "submission")
    _partial_index("uq_submission_open_out_dir", "submission", ["out_dir"], unique=True, where=_OPEN)
    op.drop_index("ix_stem_ready", "stem")
    ready = ["submission_id", "load_key", "rank", sa.text("est_s DESC"), "id"]
    _partial_index("ix_stem_ready", "stem", ready, where="state = 'ready'")
    op.drop_index("ix_song_planned", "song")  # songs are opened by track, which ix_song_state serves
    _partial_index("ix_song_drawing", "song", ["submission_id", "rank"], where="state = 'drawing'")
    _partial_index("ix_attempt_load_key", "attempt", ["load_key", "id"], where="load_key IS NOT NULL")
    _partial_index("ix_attempt_failed", "attempt", ["submission_id", "fingerprint"], where="fingerprint IS NOT NULL")
    op.create_index("ix_event_kind_id", "event", ["kind", "id"])
    op.create_index("ix_event_host_id", "event", ["host", "id"])


def _hosts_of_slots() -> None:
    op.execute(
        "INSERT INTO host (host, draining, seen_at) SELECT host, false, max(heartbeat_at) FROM slot GROUP BY host"
    )


def _counters_of_load_keys() -> None:
    """Count the stems of each submission and load key by state; ready ones are counted there already."""
    op.execute(
        "INSERT INTO backlog (submission_id, load_key, engine, ready, est_s, leased, done, failed, leased_est_s) "
        "SELECT submission_id, load_key, min(engine), 0, 0, "
        "sum(CASE WHEN state = 'leased' THEN 1 ELSE 0 END), sum(CASE WHEN state = 'done' THEN 1 ELSE 0 END), "
        "sum(CASE WHEN state IN ('failed', 'dropped') THEN 1 ELSE 0 END), "
        "sum(CASE WHEN state = 'leased' THEN est_s ELSE 0 END) "
        "FROM stem WHERE true GROUP BY submission_id, load_key "
        "ON CONFLICT (submission_id, load_key) DO UPDATE SET leased = excluded.leased, done = excluded.done, "
        "failed = excluded.failed, leased_est_s = excluded.leased_est_s"
    )


def _labels() -> None:
    bind = op.get_bind()
    first = "SELECT load_key, body FROM patch WHERE id IN (SELECT min(id) FROM patch GROUP BY load_key)"
    labels = [
        {"load_key": row.load_key, "label": json.loads(row.body)["asset"]["name"]}
        for row in bind.execute(sa.text(first))
    ]
    if labels:
        bind.execute(sa.text("UPDATE load_key SET label = :label WHERE load_key = :load_key"), labels)


def _attempts() -> None:
    """Say of the tries of stems what they were played on and where, and group those that failed by their reasons."""
    for column in ("load_key", "est_s"):
        op.execute(
            f"UPDATE attempt SET {column} = (SELECT {column} FROM stem WHERE stem.id = attempt.stem_id) "  # noqa: S608
            "WHERE stem_id IS NOT NULL"
        )
    op.execute("UPDATE attempt SET host = (SELECT host FROM slot WHERE slot.id = attempt.slot_id)")
    op.execute("UPDATE attempt SET fingerprint = substr(reason, 1, 16) WHERE outcome = 'failed'")


def downgrade() -> None:
    for name, table in (
        ("ix_event_host_id", "event"),
        ("ix_event_kind_id", "event"),
        ("ix_attempt_failed", "attempt"),
        ("ix_attempt_load_key", "attempt"),
        ("ix_song_drawing", "song"),
        ("ix_stem_ready", "stem"),
        ("uq_submission_open_out_dir", "submission"),
    ):
        op.drop_index(name, table)
    _end_what_the_first_release_does_not_know()
    for table, columns in reversed(_columns().items()):
        for column in reversed(columns):
            op.drop_column(table, column.name)
    for table in ("named_limit", "block", "host"):
        op.drop_table(table)
    _partial_index("ix_stem_ready", "stem", ["load_key", "rank", sa.text("est_s DESC"), "id"], where="state = 'ready'")
    planned = ["submission_id", sa.text("work_s DESC"), "track"]
    _partial_index("ix_song_planned", "song", planned, where="state = 'planned'")
    _partial_index("uq_submission_open_out_dir", "submission", ["out_dir"], unique=True, where=_OPEN_BEFORE)


def _end_what_the_first_release_does_not_know() -> None:
    op.execute("UPDATE submission SET state = coalesce(paused_from, 'active') WHERE state IN ('pausing', 'paused')")
    op.execute("UPDATE submission SET state = 'failed' WHERE state IN ('cancelling', 'cancelled')")
    op.execute("UPDATE song SET state = 'failed', reason = 'task_failed' WHERE state = 'cancelled'")
    op.execute(
        "INSERT INTO tally (submission_id, subject, name, amount) "
        "SELECT submission_id, subject, 'failed', amount FROM tally WHERE subject = 'song' AND name = 'cancelled' "
        "ON CONFLICT (submission_id, subject, name) DO UPDATE SET amount = tally.amount + excluded.amount"
    )
    op.execute("DELETE FROM tally WHERE subject = 'song' AND name = 'cancelled'")
