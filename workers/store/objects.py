"""A store in an object store such as S3, through fsspec; what is read as a file is copied to this host first.

An object appears whole or not at all, which is what a rename does for a folder.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from schemas.errors import DiskFullError, FarmError, MissingDependencyError, OutputError, StoreAwayError, StoreError
from schemas.result import StemResult
from schemas.store import OBJECT_STORES, StoreAddress
from workers.audio.stemfile import StemReader, verify_stem
from workers.store.base import Kind, Store, key_of, part_name
from workers.store.cache import Cache

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

#: How long a store that does not answer is asked again, as long as a ledger is.
PATIENCE_S: Final = 60.0
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 8.0
#: Bytes of one request of a large upload or download, and how many of them are on their way at once.
_PIECE_BYTES: Final = 16 << 20
_AT_ONCE: Final = 4
#: How often a copy is fetched that another process removes before it is opened.
_FETCHES: Final = 5
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)


def open_filesystem(address: StoreAddress) -> Any:
    """Return the fsspec file system of an object store; keys come from the environment or the machine's role.

    Raises:
        MissingDependencyError: its library is not installed.
    """
    try:
        import fsspec

        options: dict[str, Any] = {"connect_timeout": 5, "read_timeout": 60, "retries": {"max_attempts": 2}}
        if address.endpoint is not None:
            options["s3"] = {"addressing_style": "path"}
        # Names are looked up anew each time: other hosts write them.
        return fsspec.filesystem(
            address.scheme, endpoint_url=address.endpoint, config_kwargs=options, use_listings_cache=False,
            default_block_size=_PIECE_BYTES, max_concurrency=_AT_ONCE,
        )  # fmt: skip
    except ImportError as error:
        raise MissingDependencyError(
            f"a store at {address.scheme}:// needs a library that is not installed ({error.name or error})",
            hint=f"pip install 'stemfarm[{OBJECT_STORES[address.scheme]}]', or in a checkout: pip install -e '.[s3]'",
        ) from error


class ObjectStore(Store):
    """Objects below a prefix of a bucket.

    Args:
        address: of the bucket.
        cache: of this host.
        filesystem: that of `open_filesystem`, or another of fsspec.
        patience_s: how long a store that does not answer is asked again.
    """

    def __init__(self, address: StoreAddress, cache: Cache, filesystem: Any, *, patience_s: float = PATIENCE_S) -> None:
        self._address = address
        self._cache = cache
        self._fs = filesystem
        self._patience_s = patience_s

    def __str__(self) -> str:
        return f"the store {self._address}"

    @property
    def workplace(self) -> Path:
        """The folder of this host's copies."""
        return self._cache.root

    def midi_path(self, sha256: str) -> Path:
        """Return this host's copy of the MIDI file."""
        key = key_of(Kind.MIDI, sha256)
        return self._cache.find(key) or self._fetch(key, lambda path: _verify_midi(path, sha256))

    def part_path(self, spec_hash: str, epoch: int) -> Path:
        """Return a path beside the copies."""
        return self._cache.part(part_name(spec_hash, epoch))

    def open_stem(self, result: StemResult) -> StemReader:
        """Map this host's copy, which was compared with its name when it came."""
        key = key_of(Kind.STEMS, result.data_hash)
        for _ in range(_FETCHES):
            copy = self._cache.find(key) or self._fetch_stem(result)
            try:
                return StemReader(copy)
            except StoreError:
                if copy.exists():
                    raise
        raise StoreError(
            f"the stem {result.data_hash[:12]} is removed from {self.workplace} faster than it can be read",
            hint="Give the copies more room with FARM_CACHE_GB",
        )

    def check_stem(self, result: StemResult, *, fresh: bool = False) -> None:
        """Compare this host's copy, fetched where there is none, and see that the store has it too."""
        key = key_of(Kind.STEMS, result.data_hash)
        copy = None if fresh else self._cache.find(key)
        if copy is None or not _is_sound(copy, result.data_hash):
            self._cache.drop(key)
            self._fetch_stem(result)
        elif not self._has(key):
            self._cache.drop(key)
            raise StoreError(f"{self} has lost the stem {result.data_hash[:12]}", hint="It is rendered again")

    # ------------------------------------------------------------ bytes under keys

    def _get(self, key: str) -> bytes | None:
        try:
            return bytes(self._ask("read", key, self._fs.cat_file))
        except FileNotFoundError:
            return None

    def _put(self, key: str, data: bytes) -> None:
        self._write(key, lambda path: self._fs.pipe_file(path, data))

    def _take(self, part: Path, key: str) -> None:
        self._write(key, lambda path: self._fs.put_file(str(part), path, chunksize=_PIECE_BYTES))
        self._cache.take(part, key)

    def _has(self, key: str) -> bool:
        try:
            self._ask("look for", key, self._fs.info)
        except FileNotFoundError:
            return False
        return True

    def _size(self, key: str) -> int:
        try:
            return int(self._ask("look for", key, self._fs.info)["size"])
        except FileNotFoundError:
            return 0

    def _remove(self, key: str) -> None:
        self._cache.drop(key)
        try:
            self._ask("remove", key, self._fs.rm_file)
        except FileNotFoundError:
            return

    def _keys(self, kind: Kind) -> Iterator[str]:
        root = f"{self._address.path}/"
        try:
            found = self._ask("list", kind, self._fs.find)
        except FileNotFoundError:
            return
        for path in found:
            yield str(path).removeprefix(root)

    # ------------------------------------------------------------ copies

    def _fetch_stem(self, result: StemResult) -> Path:
        return self._fetch(key_of(Kind.STEMS, result.data_hash), lambda copy: verify_stem(copy, result.data_hash))

    def _fetch(self, key: str, verify: Callable[[Path], None]) -> Path:
        """Copy an object to this host and compare it with its name; StoreError where it is missing or another."""
        part = self._cache.part(f"{key.rpartition('/')[2]}.{secrets.token_hex(4)}.part")
        try:
            try:
                self._copy(key, part)
            except DiskFullError:
                self._copy(key, part)  # the copies have been given up meanwhile
            verify(part)
            return self._cache.take(part, key)
        except FileNotFoundError as error:
            raise StoreError(f"{self} has no {key}", hint="It is made again from what it was made of") from error
        finally:
            part.unlink(missing_ok=True)

    def _copy(self, key: str, part: Path) -> None:
        self._ask("read", key, lambda path: self._fs.get_file(path, str(part), max_concurrency=_AT_ONCE))

    # ------------------------------------------------------------ patience

    def _write(self, key: str, write: Callable[[str], object]) -> None:
        try:
            self._ask("write", key, write)
        except FileNotFoundError as error:  # of a write it can only be the bucket
            raise StoreAwayError(f"{self} cannot be written: {error}", hint="Make the bucket first") from error

    def _ask(self, verb: str, key: str, ask: Callable[[str], _T]) -> _T:
        """Return an answer of the store, asking again for a while where none comes.

        Raises:
            FileNotFoundError: there is no such object.
            StoreAwayError: no answer, or a refusal.
            DiskFullError, OutputError: it is this host's disk that failed.
        """
        path = f"{self._address.path}/{key}"
        until, pause_s = time.monotonic() + self._patience_s, _FIRST_PAUSE_S
        while True:
            try:
                return ask(path)
            except FileNotFoundError:
                raise
            except Exception as error:
                # Every library below has errors of its own for the same few causes.
                meaning = self._meaning(verb, key, error)
                if meaning is not None:
                    raise meaning from error
                if time.monotonic() >= until:
                    raise StoreAwayError(
                        f"{self} does not answer: {_told(error)}", hint="Check its server and the key `store.endpoint`"
                    ) from error
                _log.warning("the store does not answer; it is asked again", extra={"error": _told(error)})
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _meaning(self, verb: str, key: str, error: Exception) -> FarmError | None:
        """Return what an error means, or None where it may pass."""
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            self._cache.shrink(0)
            return DiskFullError(f"no room left for copies of {self} in {self.workplace}", hint="Free some space")
        if isinstance(error, OSError) and error.filename is not None:
            return OutputError(f"{error.filename} cannot be used: {error.strerror}", hint="See FARM_CACHE")
        if isinstance(error, PermissionError) or "Credentials" in type(error).__name__:
            return StoreAwayError(
                f"{self} refuses to {verb} {key}: {_told(error)}",
                hint="Give the workers AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY with the rights of docs/stores.md",
            )
        return None


def _told(error: Exception) -> str:
    """Return an error on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _is_sound(copy: Path, data_hash: str) -> bool:
    try:
        verify_stem(copy, data_hash)
    except StoreError:
        return False
    return True


def _verify_midi(path: Path, sha256: str) -> None:
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise StoreError(f"the MIDI file {sha256[:12]} of the store is damaged", hint="Run the split again")
