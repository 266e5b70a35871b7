"""The database of an earlier release, with its rows, on either database."""

from __future__ import annotations

import json
from pathlib import Path

import sqlalchemy as sa
from alembic import command

from farm.ledger.database import Database, parse_url
from farm.ledger.opening import alembic_config

#: Rows of the first release in the middle of its life: submissions in every state it had, stems and tasks under way.
FIRST_RELEASE = Path(__file__).parent.parent / "data" / "first_release.json"


def make_first_release(url: str) -> None:
    """Make the tables of the first release in an empty database, and fill them."""
    database = Database(parse_url(url))
    with database.migrating() as conn:
        command.upgrade(alembic_config(conn), "0001")
    with database.migrating() as conn:
        tables = sa.MetaData()
        tables.reflect(conn)
        for name, rows in json.loads(FIRST_RELEASE.read_text(encoding="utf-8")).items():
            conn.execute(tables.tables[name].insert(), rows)
        if not database.is_sqlite:
            _count_on(conn, tables)
    database.close()


def _count_on(conn: sa.Connection, tables: sa.MetaData) -> None:
    """Let the database number new rows behind those that were written with their numbers."""
    for table in tables.sorted_tables:
        if "id" in table.c:
            last = conn.execute(sa.select(sa.func.max(table.c.id))).scalar()
            conn.execute(sa.text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {last})"))
