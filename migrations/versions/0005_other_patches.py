"""Stems know which patches failed them before the one they have; songs know their places in the turns of balanced patches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("song", sa.Column("places", sa.Text(), nullable=True))
    op.add_column("stem", sa.Column("replaced", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("stem", "replaced")
    op.drop_column("song", "places")
