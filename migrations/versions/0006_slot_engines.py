"""Slots serve several engine classes, and what one is about to unload counts as loaded until it is gone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("slot", sa.Column("leaving_key", sa.String(64), nullable=True))
    op.add_column("slot", sa.Column("engines", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE slot SET engines = ' ' || engine || ' '")


def downgrade() -> None:
    op.drop_column("slot", "engines")
    op.drop_column("slot", "leaving_key")
