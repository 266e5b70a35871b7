from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from farm.ledger import Watch, open_ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    open_ledger(tmp_path / "a ledger?.sqlite").close()
    return tmp_path / "a ledger?.sqlite"


def test_a_write_of_another_connection_is_noticed_once(path: Path) -> None:
    with contextlib.closing(Watch(path)) as watch, contextlib.closing(sqlite3.connect(path)) as other:
        assert watch.changed()
        assert not watch.changed()
        other.execute("CREATE TABLE x (y)")
        other.commit()
        assert watch.changed()
        assert not watch.changed()


def test_reading_is_no_change(path: Path) -> None:
    with contextlib.closing(Watch(path)) as watch, contextlib.closing(sqlite3.connect(path)) as other:
        watch.changed()
        other.execute("SELECT count(*) FROM song").fetchall()
        assert not watch.changed()


def test_a_ledger_that_is_being_written_may_have_changed(path: Path) -> None:
    with contextlib.closing(Watch(path)) as watch, contextlib.closing(sqlite3.connect(path)) as other:
        watch.changed()
        other.execute("BEGIN EXCLUSIVE")
        assert watch.changed()
        other.execute("ROLLBACK")
        assert watch.changed(), "what was written then must not be missed"


def test_a_database_that_cannot_be_watched_may_have_changed_at_every_look() -> None:
    watch = Watch(None)
    assert watch.changed()
    assert watch.changed()
    watch.close()


def test_a_ledger_gives_a_watch_of_its_own_file(path: Path) -> None:
    ledger = open_ledger(path)
    with contextlib.closing(ledger.watch()) as watch:
        watch.changed()
        ledger.register_slot("host", 1, "fluidsynth")
        assert watch.changed()
