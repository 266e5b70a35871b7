"""Runs migrations: on the ledger's open connection, or on the URL that Alembic's own command line is given."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, create_engine

import farm.ledger.indexes  # noqa: F401  they belong to the tables
from farm.ledger.models import Row


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Row.metadata, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


_open = context.config.attributes.get("connection")
if _open is not None:
    _run(_open)
else:
    with create_engine(context.config.get_main_option("sqlalchemy.url") or "").begin() as _connection:
        _run(_connection)
