"""Patches: each is judged, held and released for itself, and a host is kept from one patch and not from its soundfont."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_KEY = sa.String(64)


def upgrade() -> None:
    op.add_column("patch", sa.Column("name", sa.Text(), nullable=False, server_default=""))
    op.add_column("patch", sa.Column("quarantined_at", sa.Double(), nullable=True))
    op.add_column("patch", sa.Column("reason", sa.Text(), nullable=False, server_default=""))
    op.add_column("patch", sa.Column("forgiven", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("attempt", sa.Column("patch_id", sa.BigInteger(), nullable=True))
    _names()
    op.execute("UPDATE attempt SET patch_id = (SELECT patch_id FROM stem WHERE stem.id = attempt.stem_id)")
    _blocks_anew([sa.Column("patch", sa.Text(), nullable=False)], kept="true", more={"patch": ""})
    _partial_index("ix_stem_patch", "stem", ["patch_id", "submission_id"], where="state = 'ready'")
    _partial_index("ix_patch_held", "patch", ["id"], where="quarantined_at IS NOT NULL")
    _partial_index("ix_attempt_patch", "attempt", ["patch_id", "id"], where="patch_id IS NOT NULL")
    op.create_index("ix_patch_load_key", "patch", ["load_key", "name"])


def _partial_index(name: str, table: str, columns: Sequence[Any], *, where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def _names() -> None:
    bind = op.get_bind()
    rows = bind.execute(sa.text("SELECT id, body FROM patch")).all()
    names = [{"number": row.id, "name": _name(json.loads(row.body))} for row in rows]
    if names:
        bind.execute(sa.text("UPDATE patch SET name = :name WHERE id = :number"), names)


def _name(patch: dict[str, Any]) -> str:
    return f"{patch['asset']['name']}:{patch['bank']:03d}:{patch['program']:03d}"


def _blocks_anew(columns: Sequence[sa.Column[str]], *, kept: str, more: dict[str, str]) -> None:
    """Make the table of blocks with other key columns; it is small, and forgotten within hours anyway."""
    bind = op.get_bind()
    query = sa.text(f"SELECT host, load_key, until, detail FROM block WHERE {kept}")  # noqa: S608 - a constant
    rows = [{**row, **more} for row in bind.execute(query).mappings()]
    op.drop_table("block")
    table = op.create_table(
        "block",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("load_key", _KEY, nullable=False),
        *columns,
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("host", "load_key", *(column.name for column in columns), name="pk_block"),
    )
    op.bulk_insert(table, rows)


def downgrade() -> None:
    """Take the columns back; the work of patches that were held for themselves is given out again."""
    for name, table in (
        ("ix_patch_load_key", "patch"),
        ("ix_attempt_patch", "attempt"),
        ("ix_patch_held", "patch"),
        ("ix_stem_patch", "stem"),
    ):
        op.drop_index(name, table)
    _blocks_anew([], kept="patch = ''", more={})
    op.drop_column("attempt", "patch_id")
    for column in ("forgiven", "reason", "quarantined_at", "name"):
        op.drop_column("patch", column)
