"""Unpacks archives that strangers made: nothing leaves the folder, nothing is a link, and nothing fills the disk."""

from __future__ import annotations

import contextlib
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from schemas.errors import AssetError

#: Files of an archive at most, and its bytes unpacked: this many times its own size, or this much in any case.
MOST_FILES: Final = 2_000_000
MOST_TIMES: Final = 200
SMALL_BYTES: Final = 256 << 20
_CHUNK_BYTES: Final = 1 << 20
#: Type of a zip's member, as POSIX has it in the upper half of its attributes.
_TYPE_BITS, _LINK_BITS, _FILE_BITS = 0o170000, 0o120000, 0o100000
_DAMAGE: Final = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)


@dataclass(frozen=True, slots=True)
class _Member:
    """One regular file of an archive."""

    path: str
    size: int
    open: Callable[[], IO[bytes]]


def is_archive(path: Path) -> bool:
    """Whether a file is a zip or a tar, whatever its name."""
    return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)


def unpack(archive: Path, folder: Path) -> int:
    """Unpack a zip or tar into a new folder; returns how many files it held.

    Raises:
        AssetError: it is none, it is damaged, or it holds what could do harm; nothing of it is kept then.
    """
    try:
        with _members(archive) as members:
            return sum(_write(member, folder / _safe(archive, member.path)) for member in _bounded(archive, members))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def unpack_one(archive: Path, name: str, target: Path) -> None:
    """Unpack the file of a path or name; others are passed over.

    Raises:
        AssetError: as `unpack`, or the file is not in the archive, or there several times.
    """
    found = 0
    with _members(archive) as members:
        for member in _bounded(archive, members):
            path = _safe(archive, member.path)
            if path.as_posix() == name or ("/" not in name and path.name == name):
                found += _write(member, target)
    if found != 1:
        target.unlink(missing_ok=True)
        said = "does not hold" if not found else f"holds {found} times"
        raise AssetError(f"{archive.name} {said} {name}", hint="Look into it, and mend `member` in the registry")


@contextlib.contextmanager
def _members(archive: Path) -> Iterator[Iterator[_Member]]:
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:
                yield _of_zip(packed)
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                yield _of_tar(tar, archive)
        else:
            raise AssetError(
                f"{archive.name} is no archive (zip or tar)", hint="Fetch it again, or add its files by hand"
            )
    except _DAMAGE as error:
        raise AssetError(f"the archive {archive.name} is damaged: {error}", hint="Fetch it again") from error


def _of_zip(packed: zipfile.ZipFile) -> Iterator[_Member]:
    for info in packed.infolist():
        kind = info.external_attr >> 16 & _TYPE_BITS
        if info.is_dir():
            continue
        if kind not in (0, _FILE_BITS):
            raise _refused(Path(packed.filename or ""), info.filename, "a link" if kind == _LINK_BITS else "no file")
        yield _Member(info.filename, info.file_size, lambda info=info: packed.open(info))  # type: ignore[misc]


def _of_tar(tar: tarfile.TarFile, archive: Path) -> Iterator[_Member]:
    for info in tar:
        if info.isdir():
            continue
        if not info.isreg():
            raise _refused(archive, info.name, "a link" if info.issym() or info.islnk() else "no file")
        yield _Member(info.name, info.size, lambda info=info: _opened(tar, info))  # type: ignore[misc]


def _opened(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    source = tar.extractfile(info)
    if source is None:
        raise tarfile.ReadError(f"{info.name} has no content")
    return source


def _bounded(archive: Path, members: Iterator[_Member]) -> Iterator[_Member]:
    """Yield the members as long as they are no more than an honest archive of this size holds."""
    most, total = max(SMALL_BYTES, MOST_TIMES * archive.stat().st_size), 0
    for count, member in enumerate(members, start=1):
        total += member.size
        if total > most or count > MOST_FILES:
            raise AssetError(
                f"{archive.name} unpacks to more than {most:,} bytes or {MOST_FILES:,} files",
                hint="If you trust it, unpack it by hand and `farm assets add` the folder",
            )
        yield member


def _safe(archive: Path, name: str) -> PurePosixPath:
    """Return the path of a member below the folder it is unpacked to."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name or ":" in path.parts[0]:
        raise _refused(archive, name, "outside of the folder")
    return path


def _refused(archive: Path, name: str, what: str) -> AssetError:
    return AssetError(
        f"{archive.name} holds {name!r}, which is {what}: nothing of it was unpacked",
        hint="Archives that reach out of their folder are not to be trusted",
    )


def _write(member: _Member, target: Path) -> int:
    """Write a member; one that is longer than it said is damaged. Returns 1, for counting."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with member.open() as source, open(target, "wb") as file:
        left = member.size
        while chunk := source.read(_CHUNK_BYTES):
            left -= len(chunk)
            if left < 0:
                raise zipfile.BadZipFile(f"{member.path} is longer than it says")
            file.write(chunk)
    return 1
