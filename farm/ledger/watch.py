"""Notices writes to a ledger for ten microseconds a look, so that processes on one machine need not ask it for work."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path


class Watch:
    """Tells whether anybody has written to the ledger since the last look.

    Args:
        path: of an SQLite file; None for a database that cannot be watched, which may have changed at every look.
    """

    def __init__(self, path: Path | None) -> None:
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None
        if path is not None:
            self._connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0.0)

    def changed(self) -> bool:
        """Return whether there may be something new; true at the first look."""
        if self._connection is None:
            return True
        before, self._version = self._version, None
        with contextlib.suppress(sqlite3.OperationalError):  # somebody is writing at this moment
            self._version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return self._version is None or self._version != before

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
