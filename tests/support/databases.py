"""Ledgers to test with, on SQLite and on a private PostgreSQL server that lives as long as the test session."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.ledger import Ledger, open_ledger
from farm.scheduling.postgres import Postgres
from schemas.errors import MissingDependencyError

#: A test's data need not survive the machine's end.
SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "shared_buffers": "16MB"}


@functools.cache
def postgres_server() -> Postgres:
    """Return the session's server, started when it is first asked for; the test is skipped where there is none."""
    try:
        server = Postgres(SETTINGS)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    atexit.register(server.stop)
    server.start()
    return server


@functools.cache
def _sqlite_template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="farm-ledger-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    open_ledger(folder / "template.sqlite").close()
    return folder / "template.sqlite"


@functools.cache
def _postgres_template() -> str:
    name = postgres_server().create()
    open_ledger(postgres_server().url(name)).close()
    return name


def new_ledger_url(kind: str, folder: Path) -> str:
    """Return the URL of a new ledger without a row in it, on "sqlite" (in `folder`) or "postgres"."""
    if kind == "postgres":
        return postgres_server().url(postgres_server().create(_postgres_template()))
    path = folder / "ledger.sqlite"
    shutil.copy(_sqlite_template(), path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url() -> str:
    """URL of a new, empty database."""
    return postgres_server().url(postgres_server().create())


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.services)])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Each of the two databases in turn."""
    return str(request.param)


@pytest.fixture
def empty_url(database_kind: str, tmp_path: Path) -> str:
    """URL of a database without any table, on each of the two."""
    if database_kind == "postgres":
        return postgres_server().url(postgres_server().create())
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


@pytest.fixture
def ledger_url(database_kind: str, tmp_path: Path) -> str:
    """URL of a new ledger, on each of the two databases."""
    return new_ledger_url(database_kind, tmp_path)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """A new ledger, on each of the two databases."""
    opened = open_ledger(ledger_url, patience_s=5.0)
    yield opened
    opened.close()
