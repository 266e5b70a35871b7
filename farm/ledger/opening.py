"""Bring a database to the version of the ledger that this code knows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text

from farm.ledger.database import Database
from schemas.errors import LedgerError

if TYPE_CHECKING:
    from alembic.config import Config

#: The newest migration; the ledger works with this version only.
HEAD: Final = "0007"
#: A symlink to the migrations at the top of the project, so that they travel in the wheel.
MIGRATIONS: Final = Path(__file__).resolve().parent.parent / "_migrations"
#: What all migrations together make of an empty database in SQLite, written by `migrations/make_fresh.py`: a ledger is
#: made by every new dataset, and Alembic takes 0.1 s for it.
FRESH: Final = Path(__file__).resolve().parent / "fresh.sql"
_ENDS: Final = ";\n"


def upgrade(database: Database) -> None:
    """Make the tables of an empty database, or bring an older ledger up to date; one process at a time.

    Raises:
        LedgerError: the ledger is of a version that this code does not know, or the database is no ledger.
    """
    if database.read(version) == HEAD:
        return
    with database.migrating() as conn:
        found = version(conn)
        if found == HEAD:
            return
        if database.is_sqlite and found is None and not inspect(conn).get_table_names():
            for statement in FRESH.read_text(encoding="utf-8").removesuffix(_ENDS).split(_ENDS):
                conn.exec_driver_sql(statement)
            return
        _check(database.name, conn, found)
        migrate(conn)


def migrate(conn: Connection) -> None:
    """Run all migrations that the database has not seen."""
    from alembic import command  # 0.2 s: only paid when there is something to migrate

    command.upgrade(alembic_config(conn), HEAD)


def fresh(conn: Connection) -> str:
    """Return the statements that make an empty database in SQLite what this one is."""
    made = conn.execute(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")).scalars()
    stamp = f"INSERT INTO alembic_version VALUES ('{version(conn)}')"  # noqa: S608  a statement to be written down
    return "".join(statement + _ENDS for statement in [*made, stamp])


def version(conn: Connection) -> str | None:
    """Return the version of the ledger in a database, or None where there is none."""
    if not inspect(conn).has_table("alembic_version"):
        return None
    return conn.execute(text("SELECT version_num FROM alembic_version")).scalar()


def alembic_config(conn: Connection) -> Config:
    """Return Alembic's configuration for work on an open connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = conn
    return config


def _check(name: str, conn: Connection, found: str | None) -> None:
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if found is not None and found not in known:
        raise LedgerError(
            f"the ledger {name} is of version {found}, this farm knows versions up to {HEAD}",
            hint="Use the farm that wrote it or a newer one, or name another ledger",
        )
    if found is None and inspect(conn).get_table_names():
        raise LedgerError(
            f"the database {name} holds other tables and no ledger", hint="Give the farm a database of its own"
        )
