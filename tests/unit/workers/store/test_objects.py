"""What an object store's errors mean: asked again, refused, lost, or this host's own disk."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import DiskFullError, MissingDependencyError, OutputError, StoreAwayError, StoreError
from schemas.store import StoreAddress
from workers.config import WorkerSettings
from workers.store import close_stores, open_store
from workers.store.cache import Cache
from workers.store.objects import ObjectStore, open_filesystem

ADDRESS = StoreAddress("s3", "bucket/x", "http://127.0.0.1:9")
SHA = "4" * 64


class NoCredentialsError(Exception):
    """As the library below calls it."""


class Failing:
    """A file system that raises its errors one after another, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.asked = 0

    def _next(self) -> bytes:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return b"MThd"

    def cat_file(self, path: str) -> bytes:
        return self._next()

    def pipe_file(self, path: str, data: bytes) -> None:
        self._next()

    def info(self, path: str) -> dict[str, Any]:
        self._next()
        return {}

    def get_file(self, path: str, local: str, **_: Any) -> None:
        Path(local).write_bytes(self._next())


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    yield
    close_stores()


def store(folder: Path, fs: Failing, patience_s: float = 60.0) -> ObjectStore:
    return ObjectStore(ADDRESS, Cache(folder / "cache", 10**6), fs, patience_s=patience_s)


def test_a_store_that_is_away_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    fs = Failing(ConnectionError("reset"), OSError(errno.EBUSY, "slow down"), TimeoutError())
    with pytest.raises(StoreError, match="damaged"):  # it has answered; the bytes are not what the name says
        store(tmp_path, fs).get_midi(SHA)
    assert fs.asked == 4


def test_a_store_that_stays_away_is_named_and_nothing_is_called_lost(tmp_path: Path) -> None:
    fs = Failing(*[ConnectionError("refused") for _ in range(9)])
    with pytest.raises(StoreAwayError, match=r"s3://bucket/x.*does not answer: refused.*store\.endpoint"):
        store(tmp_path, fs, patience_s=0.0).find_stem(SHA)
    assert fs.asked == 1


@pytest.mark.parametrize("error", [PermissionError("Forbidden"), NoCredentialsError("Unable to locate credentials")])
def test_a_refusal_is_said_at_once(tmp_path: Path, error: Exception) -> None:
    fs = Failing(error, error)
    with pytest.raises(StoreAwayError, match=r"refuses to read .*AWS_ACCESS_KEY_ID"):
        store(tmp_path, fs).get_midi(SHA)
    assert fs.asked == 1


def test_what_is_not_there_is_lost_and_a_write_lacks_its_bucket(tmp_path: Path) -> None:
    gone = FileNotFoundError("The specified bucket does not exist")
    with pytest.raises(StoreError, match="has no MIDI"):
        store(tmp_path, Failing(gone)).get_midi(SHA)
    with pytest.raises(StoreError, match="has no midi/44/"):
        store(tmp_path, Failing(gone)).midi_path(SHA)
    with pytest.raises(StoreAwayError, match="Make the bucket first"):
        store(tmp_path, Failing(gone, gone)).put_midi(b"MThd")


def test_a_full_disk_costs_the_copies_before_it_costs_the_work(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "part")
    made = store(tmp_path, Failing(full))
    old = tmp_path / "cache" / "stems" / "old.stem"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"x")
    os.utime(old, (0, 0))
    with pytest.raises(StoreError, match="damaged"):  # the second try has room, and finds other bytes
        made.midi_path(SHA)
    assert not old.exists()
    with pytest.raises(DiskFullError, match="no room left for copies"):
        store(tmp_path, Failing(full, full)).midi_path(SHA)


def test_a_fault_of_this_host_is_not_the_stores(tmp_path: Path) -> None:
    denied = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "x.part"))
    with pytest.raises(OutputError, match=r"x\.part.*FARM_CACHE"):
        store(tmp_path, Failing(denied)).midi_path(SHA)


def test_a_copy_that_is_not_what_its_name_says_is_not_kept(tmp_path: Path) -> None:
    made = store(tmp_path, Failing())
    with pytest.raises(StoreError, match="damaged"):
        made.midi_path(SHA)
    assert [path for path in (tmp_path / "cache").rglob("*.*") if path.is_file()] == []


def test_a_missing_library_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'stemfarm\[s3\]'"):
        open_filesystem(ADDRESS)


def test_a_store_is_opened_once_and_its_kind_is_chosen_by_its_address(tmp_path: Path) -> None:
    settings = WorkerSettings(cache=tmp_path / "cache")
    folder, bucket = str(tmp_path / "store"), str(ADDRESS)
    assert open_store(folder, settings) is open_store(folder, settings)
    assert open_store(folder, settings).workplace == tmp_path / "store"
    assert not (tmp_path / "cache").exists()
    assert open_store(bucket, settings) is open_store(bucket, settings)
    assert open_store(bucket, settings).workplace == tmp_path / "cache"
    with pytest.raises(StoreError, match="no address of a store"):
        open_store("ftp://host/x", settings)


def test_letting_go_of_the_stores_empties_the_copies(tmp_path: Path) -> None:
    made = open_store(str(ADDRESS), WorkerSettings(cache=tmp_path / "cache"))
    made.part_path(SHA, 1).write_bytes(b"x")
    close_stores()
    assert [path.name for path in (tmp_path / "cache").rglob("*")] == ["lock"]
