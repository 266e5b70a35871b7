"""Addresses of ledgers, and settings that keep SQLite safe."""

from __future__ import annotations

import gc
import sqlite3
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from farm.ledger import open_ledger
from farm.ledger.database import Database, journal_mode, parse_url
from farm.ledger.tx import Tx
from schemas.errors import DiskFullError, LedgerError


@pytest.mark.parametrize(
    ("version", "mode"),
    [((3, 40, 1), "PERSIST"), ((3, 51, 2), "PERSIST"), ((3, 51, 3), "WAL"), ((3, 52, 0), "WAL"), ((4, 0, 0), "WAL")],
)
def test_a_write_ahead_log_is_used_only_where_its_reset_is_mended(version: tuple[int, ...], mode: str) -> None:
    assert journal_mode(version) == mode


@pytest.mark.parametrize("name", ["plain.sqlite", "50% done?.sqlite", "a#b&c=d.sqlite", "ä ö/x.sqlite"])
def test_the_path_of_a_file_is_taken_as_it_stands(name: str) -> None:
    assert parse_url(f"sqlite:////data/{name}").database == f"/data/{name}"


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgres"])
def test_every_spelling_of_postgres_gets_the_same_driver(scheme: str) -> None:
    url = parse_url(f"{scheme}://farm:secret@db/farm")
    assert (url.drivername, url.host, url.database) == ("postgresql+psycopg", "db", "farm")


@pytest.mark.parametrize(
    "address",
    ["sqlite://", "sqlite:///", "sqlite:///:memory:", "mysql://host/farm", "somewhere", "postgresql://host:port/x"],
)
def test_an_address_that_cannot_hold_a_ledger_is_refused_with_a_hint(address: str) -> None:
    with pytest.raises(LedgerError) as error:
        open_ledger(address)
    assert "sqlite:///path" in error.value.hint


def test_a_password_is_in_no_message() -> None:
    with pytest.raises(LedgerError) as error:
        open_ledger("postgresql://farm:secret@/farm?host=/nowhere")
    assert "does not answer" in error.value.message
    assert "secret" not in str(error.value)


def test_sqlite_is_opened_with_the_settings_that_lose_nothing(tmp_path: Path) -> None:
    database = Database(parse_url(f"sqlite:///{tmp_path / 'x.sqlite'}"))
    settings = ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
    found = database.read(lambda conn: [conn.execute(text(f"PRAGMA {name}")).scalar() for name in settings])
    assert found == [journal_mode(sqlite3.sqlite_version_info).lower(), 2, 30_000, 1]
    database.close()


def test_a_database_that_nobody_uses_any_more_lets_go_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"

    def is_open() -> bool:
        gc.collect()
        return str(path) in {file.path for file in psutil.Process().open_files()}

    database = Database(parse_url(f"sqlite:///{path}"))
    hasty = database.hasty(1.0)
    hasty.read(lambda conn: conn.execute(text("SELECT 1")).scalar())
    del database
    assert is_open(), "the other half is still in use"
    del hasty
    assert not is_open()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"missing/x\.sqlite cannot be opened"):
        open_ledger(tmp_path / "missing" / "x.sqlite")


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    path.write_text("not a database " * 100, encoding="utf-8")
    with pytest.raises(LedgerError, match="is not a ledger, or is damaged"):
        open_ledger(path)
    assert path.read_text(encoding="utf-8").startswith("not a database")


def test_a_full_disk_is_called_by_its_name(tmp_path: Path) -> None:
    database = Database(parse_url(f"sqlite:///{tmp_path / 'x.sqlite'}"))
    database.write(lambda tx: [tx.conn.execute(text("CREATE TABLE filling (a BLOB)"))])

    def fill(tx: Tx) -> None:
        conn = tx.conn
        conn.execute(text("PRAGMA max_page_count = 3"))
        conn.execute(text("INSERT INTO filling VALUES (zeroblob(100000))"))

    with pytest.raises(DiskFullError, match="no room left"):
        database.write(fill)
    database.close()


#: In a process of its own: a process that runs tests has threads, and those must not be forked.
FORKING = """
import os, sys
from pathlib import Path
from farm.ledger import open_ledger
ledger = open_ledger(Path(sys.argv[1]))
ledger.register_slot("here", 1, "fluidsynth")
child = os.fork()
if child == 0:
    os._exit(0 if ledger.live_slots() == 1 and ledger.register_slot("here", 2, "fluidsynth") else 1)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
sys.exit(code or ledger.live_slots() != 2)
"""


def test_a_child_made_by_fork_leaves_its_parents_connections_alone(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKING, str(tmp_path / "x.sqlite")], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
