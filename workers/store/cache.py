"""Local copies of what a store behind a network holds: for engines that read a path, and readers that map a file.

All processes of a host share one folder. It is bounded: the copies that were used longest ago go first. It is emptied
when the last of its processes leaves it, and when the first one finds what killed processes left.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from workers.audio.files import disk_errors

#: A file under way that nothing was written to for so long belongs to a killed process; a render takes minutes at most.
STALE_PART_S: Final = 3600.0
#: Copies so fresh are left alone while they are small: somebody was given their path and is about to open it.
GRACE_S: Final = 60.0
SMALL_BYTES: Final = 1 << 20
#: The folder is looked through after so many new files, or after so much of the limit was added by this process.
_LOOK_FILES: Final = 256
_LOOK_SHARE: Final = 16
_LOCK: Final = "lock"
_TMP: Final = "tmp"
#: What the folder holds; nothing else in it is ever touched.
_FOLDERS: Final = ("midi", "stems", _TMP)


class _Copy(NamedTuple):
    used_s: float
    size_bytes: int
    path: Path


class Cache:
    """The folder of copies, held until `close`.

    Args:
        root: its folder, used for nothing else.
        limit_bytes: what it may hold; every process may add a sixteenth of it before it looks again.

    Raises:
        OutputError: the folder cannot be made or written.
    """

    def __init__(self, root: Path, limit_bytes: int) -> None:
        self._root = root
        self._limit_bytes = limit_bytes
        self._files_since, self._bytes_since = 0, 0
        self._is_open = True
        with disk_errors(root):
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if self._is_alone():
                self._empty()
            fcntl.flock(self._lock, fcntl.LOCK_SH)

    @property
    def root(self) -> Path:
        """Its folder."""
        return self._root

    def find(self, key: str) -> Path | None:
        """Return the copy of a key, or None; it counts as used now."""
        path = self._root / key
        try:
            os.utime(path)
        except OSError:
            return None
        return path

    def part(self, name: str) -> Path:
        """Return a path for a file under way; its folder exists.

        Raises:
            DiskFullError, OutputError: the folder cannot be made.
        """
        folder = self._root / _TMP
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder / name

    def take(self, part: Path, key: str) -> Path:
        """Make a finished part the copy of a key, and remove others where it gets too much; returns the copy's path.

        Raises:
            DiskFullError, OutputError: it cannot be moved.
        """
        path = self._root / key
        with disk_errors(path):
            size_bytes = part.stat().st_size
            path.parent.mkdir(parents=True, exist_ok=True)
            os.utime(part)
            part.replace(path)
        self._files_since += 1
        self._bytes_since += size_bytes
        if self._files_since >= _LOOK_FILES or self._bytes_since * _LOOK_SHARE >= self._limit_bytes:
            self.shrink(self._limit_bytes, keep=path)
        return path

    def drop(self, key: str) -> None:
        """Remove the copy of a key, if there is one; whoever has mapped it keeps what he has."""
        (self._root / key).unlink(missing_ok=True)

    def shrink(self, limit_bytes: int, *, keep: Path | None = None) -> None:
        """Remove the copies that were used longest ago until the rest is at most `limit_bytes`."""
        self._files_since, self._bytes_since = 0, 0
        now = time.time()
        copies = sorted(self._copies(now))
        excess = sum(copy.size_bytes for copy in copies) - limit_bytes
        for copy in copies:
            if excess <= 0:
                return
            if copy.path != keep and not (copy.size_bytes < SMALL_BYTES and now - copy.used_s < GRACE_S):
                copy.path.unlink(missing_ok=True)
                excess -= copy.size_bytes

    def close(self) -> None:
        """Leave the folder; the last process empties it."""
        if self._is_open:
            self._is_open = False
            if self._is_alone():
                self._empty()
            os.close(self._lock)

    def _is_alone(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _empty(self) -> None:
        for name in _FOLDERS:
            shutil.rmtree(self._root / name, ignore_errors=True)

    def _copies(self, now: float) -> Iterator[_Copy]:
        """Yield the copies; files under way that nobody writes to any more are removed."""
        for path in (path for name in _FOLDERS for path in (self._root / name).rglob("*.*")):
            with suppress(FileNotFoundError):  # another process has removed it
                status = path.stat()
                if path.parent.name != _TMP:
                    yield _Copy(status.st_mtime, status.st_size, path)
                elif now - status.st_mtime > STALE_PART_S:
                    path.unlink()
