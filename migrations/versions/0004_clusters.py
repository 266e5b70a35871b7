"""Songs know which others are versions of them, and which part of the dataset they go into."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("song", sa.Column("cluster", sa.String(64), nullable=False, server_default=""))
    op.add_column("song", sa.Column("subset", sa.String(64), nullable=True))


def downgrade() -> None:
    op.drop_column("song", "subset")
    op.drop_column("song", "cluster")
