"""Stores: one base, a folder and an object store; `open_store` is the door to both."""

from __future__ import annotations

import atexit
import functools
from pathlib import Path

from schemas.errors import StoreError
from schemas.store import StoreAddress
from workers.config import WorkerSettings
from workers.store.base import Kind, Leftover, Store
from workers.store.cache import Cache
from workers.store.folder import FolderStore

__all__ = ["FolderStore", "Kind", "Leftover", "Store", "close_stores", "open_store"]

#: Bytes of a gigabyte, as disks are sold.
_GB = 10**9


def open_store(address: str, settings: WorkerSettings | None = None) -> Store:
    """Return the store at an address, as the ledger keeps it; opened once in every process.

    Args:
        address: a folder, or `s3://bucket/prefix?endpoint=...`.
        settings: of this worker, for where copies go; left out, what the environment says.

    Raises:
        StoreError: the address is none.
        MissingDependencyError: the library of an object store is not installed.
        OutputError: there is no place for copies.
    """
    if "://" not in address:
        return _folder(address)
    settings = settings or _settings()
    return _open(address, settings.cache_folder, int(settings.cache_gb * _GB))


def _parsed(text: str) -> StoreAddress:
    try:
        return StoreAddress.parse(text)
    except ValueError as error:
        raise StoreError(
            f"{text} is no address of a store: {error}", hint="See the key `store` in docs/plan.md"
        ) from error


@functools.cache
def _folder(path: str) -> Store:
    return FolderStore(Path(path))


@functools.cache
def _settings() -> WorkerSettings:
    return WorkerSettings()


@functools.cache
def _open(text: str, cache: Path, limit_bytes: int) -> Store:
    address = _parsed(text)
    from workers.store.objects import ObjectStore, open_filesystem

    return ObjectStore(address, _cache(cache, limit_bytes), open_filesystem(address))


@functools.cache
def _cache(root: Path, limit_bytes: int) -> Cache:
    cache = Cache(root, limit_bytes)
    atexit.register(cache.close)
    _caches.append(cache)
    return cache


_caches: list[Cache] = []


def close_stores() -> None:
    """Let go of this host's copies; the last process that does removes them. Stores are opened anew when needed."""
    while _caches:
        _caches.pop().close()
    _open.cache_clear()
    _cache.cache_clear()
    _settings.cache_clear()
