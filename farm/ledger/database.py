"""Connections and transactions on either database: how they begin, when they are tried again, what errors mean."""

from __future__ import annotations

import contextlib
import copy
import fcntl
import logging
import os
import random
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from farm.ledger.tx import Tx
from schemas.errors import DiskFullError, FarmError, LedgerAwayError, LedgerError, MissingDependencyError

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

#: How long SQLite waits for another process's transaction.
BUSY_TIMEOUT_S: Final = 30.0
#: How long a transaction is tried again while the database is away, restarting or has chosen it as a deadlock's victim.
PATIENCE_S: Final = 60.0
#: SQLite from 3.7 to 3.51.2 can corrupt a database when a WAL is reset (https://sqlite.org/wal.html#walresetbug).
WAL_SAFE: Final = (3, 51, 3)
#: Keys of PostgreSQL's advisory locks, "stemfarm" in ASCII and its neighbour.
_PG_MIGRATION: Final = 0x7374656D6661726D
_PG_LEADER: Final = _PG_MIGRATION + 1
#: SQLSTATEs that pass: serialization failure, deadlock, too many connections, server shutting down or starting.
_PG_PASSING: Final = frozenset({"40001", "40P01", "53300", "57P01", "57P02", "57P03"})
_PG_DISK_FULL: Final = "53100"


def journal_mode(sqlite_version: tuple[int, ...]) -> str:
    """Return the fastest journal mode that is safe with several processes under this version of SQLite.

    A journal that is kept and overwritten needs no change of the file system's own records: a commit takes 0.16 ms and
    not 1.2 ms, and does not wait for the audio that is being written beside it.
    """
    return "WAL" if sqlite_version >= WAL_SAFE else "PERSIST"


def parse_url(ledger: str) -> URL:
    """Return the SQLAlchemy URL of a ledger; what follows `sqlite:///` is a path as it stands, without escapes.

    Raises:
        LedgerError: neither SQLite nor PostgreSQL, or SQLite without a file.
    """
    scheme, _, rest = ledger.partition("://")
    if scheme == "sqlite":
        path = rest.removeprefix("/")
        if not rest.startswith("/") or path in ("", ":memory:"):
            raise LedgerError(
                "the address sqlite://... of the ledger names no file",
                hint="Several processes share a ledger: use sqlite:///path",
            )
        return URL.create("sqlite", database=path)
    try:
        url = make_url(ledger)
    except (ArgumentError, ValueError) as error:
        raise LedgerError(
            "the ledger's address is not a URL", hint="Use sqlite:///path or postgresql://user@host/name"
        ) from error
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise LedgerError(
            f"a ledger cannot be kept in {scheme}", hint="Use sqlite:///path or postgresql://user@host/name"
        )
    return url.set(drivername="postgresql+psycopg")


class Database:
    """A pool of connections to the ledger's database.

    Args:
        url: see `parse_url`.
    """

    def __init__(self, url: URL) -> None:
        self.name = url.render_as_string(hide_password=True)
        self._url = url
        #: How long a transaction is tried again on passing faults; none until the ledger was found in order.
        self.patience_s = 0.0
        self._pid = os.getpid()
        self._engine = _make_engine(url)
        self._writer = self._engine.execution_options(farm_begin="BEGIN IMMEDIATE")
        self._connections = _Connections(self._engine)

    def hasty(self, patience_s: float) -> Database:
        """Return the same database on the same connections, tried again for `patience_s` only."""
        hasty = copy.copy(self)
        hasty.patience_s = patience_s
        return hasty

    @property
    def is_sqlite(self) -> bool:
        """Whether the ledger is a file."""
        return self._url.get_backend_name() == "sqlite"

    @property
    def path(self) -> Path | None:
        """The file of an SQLite ledger."""
        return Path(str(self._url.database)).absolute() if self.is_sqlite else None

    def close(self) -> None:
        """Close the pool's connections."""
        self._engine.dispose()

    def read(self, query: Callable[[Connection], _T]) -> _T:
        """Run `query` in a transaction that changes nothing; on passing faults again."""

        def once() -> _T:
            with self._engine.connect() as conn:
                return query(conn)

        return self._patiently(once)

    def write(self, change: Callable[[Tx], _T]) -> _T:
        """Run `change` in a transaction and commit it; on passing faults again, so `change` must bear repetition.

        Raises:
            LedgerError: the database refused, or was away for longer than the patience.
            DiskFullError: the database has no room left.
        """

        def once() -> _T:
            with self._writer.begin() as conn:
                tx = Tx(conn)
                result = change(tx)
                tx.flush()
                return result

        return self._patiently(once)

    @contextlib.contextmanager
    def migrating(self) -> Iterator[Connection]:
        """Give a connection in a transaction while no other process migrates; committed at the end."""
        with self._translated(), self._file_lock("migrate", wait=True), self._writer.begin() as conn:
            if not self.is_sqlite:
                conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _PG_MIGRATION})
            yield conn

    @contextlib.contextmanager
    def leading(self) -> Iterator[bool]:
        """Say whether the caller is the only leader: until the block ends, or its process dies, however it dies."""
        if self.is_sqlite:
            with self._file_lock("leader", wait=False) as held:
                yield held
            return
        with contextlib.ExitStack() as stack:
            with self._translated():
                conn = stack.enter_context(self._engine.connect())
                # Bound to the transaction, so that it also holds behind a pooler that shares connections.
                held = bool(conn.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _PG_LEADER}).scalar())
            yield held

    @contextlib.contextmanager
    def _file_lock(self, name: str, *, wait: bool) -> Iterator[bool]:
        if not self.is_sqlite:
            yield True
            return
        try:
            handle = os.open(f"{self._url.database}.{name}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _cannot_open(self.name, error) from error
        try:
            yield _flock(handle, wait=wait)
        finally:
            os.close(handle)

    def _patiently(self, once: Callable[[], _T]) -> _T:
        if os.getpid() != self._pid:
            # A forked child must neither use nor close its parent's connections.
            self._engine.dispose(close=False)
            self._pid = os.getpid()
        deadline = time.monotonic() + self.patience_s
        pause_s = 0.05
        while True:
            try:
                with self._translated():
                    return once()
            except _PassingError as error:
                if time.monotonic() + pause_s > deadline:
                    raise error.meaning from error.__cause__
                _log.warning("the ledger is away, trying again", extra={"error": error.meaning.message})
            time.sleep(pause_s * random.uniform(0.5, 1.5))
            pause_s = min(2 * pause_s, 5.0)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            meaning = _meaning(self.name, error)
            if _is_passing(error):
                raise _PassingError(meaning) from error
            raise meaning from error
        except SQLAlchemyError as error:
            raise LedgerError(
                f"the ledger {self.name} failed: {error}", hint="See the cause above it in the log"
            ) from error


class _Connections:
    """Held by every database that uses an engine: with the last of them its connections are closed."""

    def __init__(self, engine: Engine) -> None:
        weakref.finalize(self, _let_go, engine, os.getpid()).atexit = False  # a process that ends needs no such care


def _let_go(engine: Engine, pid: int) -> None:
    engine.dispose(close=os.getpid() == pid)


class _PassingError(LedgerError):
    """A fault that may be gone at the next try."""

    def __init__(self, meaning: FarmError) -> None:
        super().__init__(meaning.message, hint=meaning.hint)
        self.meaning = meaning


def _flock(handle: int, *, wait: bool) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _make_engine(url: URL) -> Engine:
    try:
        if url.get_backend_name() == "sqlite":
            engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False})
            event.listen(engine, "connect", _set_up_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        # A slot needs one connection for its work and one for its heartbeat.
        return create_engine(url, pool_size=2, max_overflow=20, connect_args={"connect_timeout": 10})
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise MissingDependencyError(
            f"no driver for {url.drivername}: {error}", hint="pip install 'psycopg[binary]'"
        ) from error


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where this module says, not where the driver guesses
    for setting in (
        f"journal_mode = {journal_mode(sqlite3.sqlite_version_info)}",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {setting}")


def _begin_sqlite(conn: Connection) -> None:
    # IMMEDIATE takes the write lock at the start: a transaction that upgraded later could not wait for it.
    conn.exec_driver_sql(conn.get_execution_options().get("farm_begin", "BEGIN"))


def _is_passing(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_code(error.orig) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    state = getattr(error.orig, "sqlstate", None)
    # Without an SQLSTATE an operational error of psycopg is one of the connection.
    return state in _PG_PASSING or (state is None and type(error.orig).__name__ == "OperationalError")


def _meaning(name: str, error: DBAPIError) -> FarmError:
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_meaning(name, error.orig)
    if getattr(error.orig, "sqlstate", None) == _PG_DISK_FULL:
        return DiskFullError(f"the database of {name} has no room left", hint="Free some space there")
    if _is_passing(error):
        return LedgerAwayError(
            f"the ledger {name} does not answer: {error.orig}", hint="Check that the database runs and its URL"
        )
    return LedgerError(f"the ledger {name} refused: {error.orig}", hint="Check the rights of its user and its log")


def _sqlite_meaning(name: str, error: sqlite3.Error) -> FarmError:
    code = _sqlite_code(error)
    if code == sqlite3.SQLITE_FULL:
        return DiskFullError(f"there is no room left for {name}", hint="Free some space and run the same command again")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LedgerAwayError(
            f"{name} was locked for {BUSY_TIMEOUT_S:.0f} s", hint="See whether another program has it open"
        )
    if code == sqlite3.SQLITE_NOTADB:
        return LedgerError(f"{name} is not a ledger, or is damaged", hint="Restore it, or name another folder")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return _cannot_open(name, error)
    return LedgerError(f"{name} failed: {error}", hint="See whether its disk is sound and its folder can be written")


def _sqlite_code(error: sqlite3.Error) -> int:
    # The lower byte is the primary result code (https://sqlite.org/rescode.html).
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _cannot_open(name: str, error: Exception) -> LedgerError:
    return LedgerError(f"{name} cannot be opened: {error}", hint="Check that its folder exists and can be written")
