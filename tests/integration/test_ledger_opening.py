"""Ledgers are made, upgraded and refused, on both databases."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

import farm.ledger.indexes  # noqa: F401  they belong to the tables
from farm.ledger import open_ledger, opening
from farm.ledger.database import Database, parse_url
from farm.ledger.models import Row
from farm.ledger.opening import FRESH, HEAD, MIGRATIONS, alembic_config, fresh, migrate, upgrade, version
from schemas.errors import LedgerError
from tests.support.ledgers import Worker, run_to_end, submit

OPEN = """
import sys
import threading
from farm.ledger import open_ledger, opening
ledger = open_ledger(sys.argv[1])
ledger.register_slot("here", 1, "fluidsynth")
ledger.close()
"""


def test_an_empty_database_becomes_a_ledger_and_opening_it_again_changes_nothing(empty_url: str) -> None:
    for slots in (1, 2):
        ledger = open_ledger(empty_url)
        ledger.register_slot("here", slots, "fluidsynth")
        assert ledger.live_slots() == slots
        ledger.close()


def test_the_migrations_make_exactly_the_tables_that_the_code_knows(empty_url: str) -> None:
    database = Database(parse_url(empty_url))
    with database.migrating() as conn:
        migrate(conn)
    assert database.read(lambda conn: compare_metadata(MigrationContext.configure(conn), Row.metadata)) == []
    database.close()


def test_a_new_ledger_in_sqlite_is_what_the_migrations_make(tmp_path: Path) -> None:
    migrated, made = (Database(parse_url(f"sqlite:///{tmp_path / name}.sqlite")) for name in ("migrated", "made"))
    with migrated.migrating() as conn:
        migrate(conn)
    upgrade(made)
    assert made.read(fresh) == migrated.read(fresh), "after a new migration: python migrations/make_fresh.py"
    rows = [sum(1 for line in _dump(tmp_path / f"{name}.sqlite") if "INSERT" in line) for name in ("migrated", "made")]
    assert rows == [1, 1]  # its version
    for database in (migrated, made):
        database.close()


def _dump(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as conn:
        return list(conn.iterdump())


def test_migrations_go_down_to_nothing_and_up_again(empty_url: str) -> None:
    database = Database(parse_url(empty_url))
    upgrade(database)
    with database.migrating() as conn:
        command.downgrade(alembic_config(conn), "base")
    assert database.read(lambda conn: inspect(conn).get_table_names()) == ["alembic_version"]
    with database.migrating() as conn:
        command.upgrade(alembic_config(conn), HEAD)
    database.close()
    ledger = open_ledger(empty_url)
    number = submit(ledger, ["a.mid"])
    run_to_end(ledger, Worker(ledger), number)
    assert ledger.status(number).songs_done == 1
    ledger.close()


def test_the_version_that_the_code_wants_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == HEAD


def test_processes_that_open_a_new_ledger_at_once_make_it_once(empty_url: str) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", OPEN, empty_url], stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    ends = [(process.communicate(timeout=240)[1], process.returncode) for process in processes]
    assert ends == [("", 0)] * 4
    ledger = open_ledger(empty_url)
    assert ledger.live_slots() == 4
    ledger.close()


def test_a_ledger_of_an_unknown_version_is_refused_and_left_as_it_is(ledger_url: str) -> None:
    database = Database(parse_url(ledger_url))
    database.write(lambda tx: [tx.conn.execute(text("UPDATE alembic_version SET version_num = '0999'"))])
    with pytest.raises(LedgerError, match=f"is of version 0999, this farm knows versions up to {HEAD}") as error:
        open_ledger(ledger_url)
    assert "newer" in error.value.hint
    assert database.read(version) == "0999"
    database.close()


def test_a_database_of_something_else_is_refused_and_left_as_it_is(empty_url: str) -> None:
    database = Database(parse_url(empty_url))
    database.write(lambda tx: [tx.conn.execute(text("CREATE TABLE recipes (id INTEGER)"))])
    with pytest.raises(LedgerError, match="holds other tables and no ledger"):
        open_ledger(empty_url)
    assert database.read(lambda conn: inspect(conn).get_table_names()) == ["recipes"]
    database.close()


def test_a_migration_that_breaks_leaves_no_half_made_ledger(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise RuntimeError("stumbled")

    monkeypatch.setattr("alembic.operations.ops.CreateIndexOp.create_index", stumble)
    database = Database(parse_url(empty_url))
    with pytest.raises(RuntimeError, match="stumbled"), database.migrating() as conn:
        migrate(conn)
    monkeypatch.undo()
    assert database.read(lambda conn: inspect(conn).get_table_names()) == []
    database.close()
    open_ledger(empty_url).close()


def test_a_new_ledger_in_sqlite_is_made_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, broken = f"sqlite:///{tmp_path / 'ledger.sqlite'}", tmp_path / "broken.sql"
    broken.write_text(FRESH.read_text(encoding="utf-8") + "INSERT INTO nowhere VALUES (1);\n", encoding="utf-8")
    monkeypatch.setattr(opening, "FRESH", broken)
    with pytest.raises(LedgerError, match="no such table"):
        open_ledger(url)
    monkeypatch.undo()
    assert _dump(tmp_path / "ledger.sqlite") == ["BEGIN TRANSACTION;", "COMMIT;"]
    open_ledger(url).close()


def test_alembics_own_command_line_works_on_a_url(empty_url: str, tmp_path: Path) -> None:
    settings = tmp_path / "alembic.ini"
    lines = ["[alembic]", f"script_location = {MIGRATIONS}", f"sqlalchemy.url = {empty_url}"]
    settings.write_text("\n".join(lines), encoding="utf-8")
    run = [sys.executable, "-c", "from alembic.config import main; main()", "-c", str(settings), "upgrade", "head"]
    subprocess.run(run, check=True, capture_output=True, timeout=240)
    open_ledger(empty_url).close()


def test_a_connection_that_the_server_cuts_is_made_anew(postgres_url: str) -> None:
    ledger = open_ledger(postgres_url, patience_s=20)
    slot = ledger.register_slot("here", 1, "fluidsynth")
    server = Database(parse_url(postgres_url))
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    for _ in range(3):
        server.write(lambda tx: [tx.conn.execute(text(cut))])
        assert ledger.heartbeat(slot, None)
        server.write(lambda tx: [tx.conn.execute(text(cut))])
        assert ledger.live_slots() == 1
    server.close()
    ledger.close()


def test_a_ledger_waits_while_another_program_writes(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = open_ledger(path)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, other.execute, ["COMMIT"])
    timer.start()
    assert ledger.register_slot("here", 1, "fluidsynth").id == 1
    timer.join()
    other.close()
    ledger.close()
