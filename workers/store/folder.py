"""A store in a folder: of one machine, or shared by all hosts through a network file system.

Everything is written beside, in the store's own `tmp/`, and renamed into place, so folder and `tmp/` are one mount.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from schemas.errors import StoreError
from schemas.result import StemResult
from workers.audio.files import disk_errors
from workers.audio.stemfile import StemReader, verify_stem
from workers.store.base import Kind, Leftover, Store, key_of, part_name


class FolderStore(Store):
    """Files below one folder.

    Args:
        root: the folder; made with the first file.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def __str__(self) -> str:
        return f"the store {self._root}"

    @property
    def workplace(self) -> Path:
        """The folder itself."""
        return self._root

    def midi_path(self, sha256: str) -> Path:
        """Return where the MIDI file of this hash lies, or would lie."""
        return self._path(key_of(Kind.MIDI, sha256))

    def part_path(self, spec_hash: str, epoch: int) -> Path:
        """Return a path in `tmp/`."""
        name = part_name(spec_hash, epoch)
        folder = self._root / "tmp"
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder / name

    def open_stem(self, result: StemResult) -> StemReader:
        """Map the file."""
        return StemReader(self._seen(key_of(Kind.STEMS, result.data_hash)))

    def check_stem(self, result: StemResult, *, fresh: bool = False) -> None:
        """Read the file."""
        del fresh  # there are no copies
        verify_stem(self._seen(key_of(Kind.STEMS, result.data_hash)), result.data_hash)

    def leftovers(self) -> Iterator[Leftover]:
        """Yield the files of `tmp/`."""
        try:
            entries = sorted((self._root / "tmp").iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return
        for path in entries:
            with suppress(FileNotFoundError):
                seen = path.stat()
                yield Leftover(path.name, seen.st_size, max(0.0, time.time() - seen.st_mtime))

    def remove_leftover(self, name: str) -> None:
        """Remove a file of `tmp/`."""
        path = self._root / "tmp" / name
        if path.parent != self._root / "tmp" or name in (".", ".."):
            raise StoreError(f"{name!r} is no file of {self._root / 'tmp'}", hint="Name one of the store's leftovers")
        with disk_errors(path):
            path.unlink(missing_ok=True)

    def prune(self) -> None:
        """Remove empty folders, the store's own last."""
        for kind in (*Kind, "tmp"):
            folders = sorted((path for path in (self._root / kind).rglob("*") if path.is_dir()), reverse=True)
            for folder in (*folders, self._root / kind):
                with suppress(OSError):
                    folder.rmdir()
        with suppress(OSError):
            self._root.rmdir()

    def _get(self, key: str) -> bytes | None:
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StoreError(
                f"{self._path(key)} cannot be read: {error.strerror or error}", hint="Check its disk and its rights"
            ) from error

    def _put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        beside = self._root / "tmp" / f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}"
        with disk_errors(path):
            beside.parent.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                beside.write_bytes(data)
                beside.replace(path)
            finally:
                beside.unlink(missing_ok=True)

    def _take(self, part: Path, key: str) -> None:
        target = self._path(key)
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                part.replace(target)
            except FileNotFoundError:
                # A network file system that had to ask twice says so of a rename that was done at the first time.
                if not target.is_file():
                    raise

    def _has(self, key: str) -> bool:
        return self._path(key).is_file()

    def _size(self, key: str) -> int:
        try:
            return self._path(key).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return 0

    def _remove(self, key: str) -> None:
        path = self._path(key)
        with disk_errors(path):
            path.unlink(missing_ok=True)

    def _keys(self, kind: Kind) -> Iterator[str]:
        folder = self._root / kind
        for path in folder.rglob("*"):
            if path.is_file():
                yield path.relative_to(self._root).as_posix()

    def _path(self, key: str) -> Path:
        return self._root / key

    def _seen(self, key: str) -> Path:
        """Return the path of a file that should be there.

        A host of a network file system remembers for some seconds that a name was absent. To list its folder makes it
        ask the server again, so that a stem that another host has just stored is not taken for lost.
        """
        path = self._path(key)
        if not os.path.lexists(path) and path.parent.is_dir():
            with os.scandir(path.parent) as entries:
                next(entries, None)
        return path
