"""Files and numbers of songs know the tries that were thrown away before the one that stands."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("source_file", sa.Column("rejected", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("source_file", "rejected")
