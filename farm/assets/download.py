"""Downloads that go on where they broke off, prove what came by its hash, and put nothing half-done into its place."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BufferedRandom
from pathlib import Path
from typing import Final

import httpx2

from schemas.errors import AssetError, DiskFullError

#: Tries that bring not a single byte, after which a download is given up.
TRIES: Final = 6
#: Waits between them double from the first to the last of these; a server may ask for more, up to the longest.
_WAITS_S: Final = (0.5, 16.0)
_LONGEST_WAIT_S: Final = 60.0
#: Silence of a server after which a try is over.
_TIMEOUT_S: Final = 30.0
#: Time between two words on how far it is.
_TELL_S: Final = 0.1
#: Free room that is left to others.
_SPARE_BYTES: Final = 64 << 20
#: Refusals that pass: too many requests, and faults of the server (RFC 9110, section 15.6; RFC 6585, section 4).
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_OK, _PARTIAL, _BEYOND = 200, 206, 416


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is."""

    done: int  #: bytes that are here
    total: int | None  #: bytes in all; None where the server does not say
    rate: float  #: bytes a second, of this try

    @property
    def left_s(self) -> float | None:
        """Seconds that are left; None where nothing tells."""
        return None if self.total is None or self.rate <= 0 else (self.total - self.done) / self.rate


@dataclass(slots=True)
class Download:
    """One file to be fetched.

    Args:
        url: where it is.
        target: file to be written; `.part` is added to its name until it is whole.
        sha256: that it must have; None takes what comes.
        size_bytes: that it must have; None takes any.
        say: is told how far it is.
        wait: sleeps some seconds.
    """

    url: str
    target: Path
    sha256: str | None = None
    size_bytes: int | None = None
    say: Callable[[Progress], None] = field(default=lambda _: None)
    wait: Callable[[float], None] = field(default=time.sleep)

    def fetch(self) -> str:
        """Fetch the file and put it into its place; returns its SHA-256.

        Raises:
            AssetError: the server refuses it or keeps breaking off, or what came is not what was promised.
            DiskFullError: it has no room.
        """
        self.target.parent.mkdir(parents=True, exist_ok=True)
        with _room(self.target), open(self._part, "a+b") as part:
            self._lock(part)
            self._fetch_all(part)
            part.flush()
            os.fsync(part.fileno())
            sha256 = self._verified(part)
            self._part.replace(self.target)
        self._mark.unlink(missing_ok=True)
        return sha256

    @property
    def _part(self) -> Path:
        return self.target.with_name(f"{self.target.name}.part")

    @property
    def _mark(self) -> Path:
        """Says of which version the part is."""
        return self.target.with_name(f"{self.target.name}.part.json")

    def _lock(self, part: BufferedRandom) -> None:
        try:
            fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AssetError(f"another command is fetching {self.url}", hint="Wait for it to end") from error

    def _fetch_all(self, part: BufferedRandom) -> None:
        idle, last = 0, "nothing came"
        with httpx2.Client(follow_redirects=True, timeout=_TIMEOUT_S) as client:
            while True:
                before = part.seek(0, os.SEEK_END)
                pause = 0.0
                try:
                    if self._try(client, part):
                        return
                    last = "it broke off"
                except httpx2.TransportError as error:
                    last = str(error) or type(error).__name__
                except _PassingError as error:
                    last, pause = error.message, error.pause_s
                except httpx2.InvalidURL as error:
                    raise AssetError(f"{self.url} is no address: {error}", hint="Mend it in the registry") from error
                now = part.seek(0, os.SEEK_END)
                idle = 0 if now > before else idle + 1
                if idle >= TRIES:
                    raise AssetError(
                        f"{self.url} could not be fetched: {last} ({now:,} bytes are here after {TRIES} tries without any)",
                        hint="Look at the network, and run the same command again: it goes on from there",
                    )
                self.wait(max(pause, min(_WAITS_S[1], _WAITS_S[0] * 2**idle)))

    def _try(self, client: httpx2.Client, part: BufferedRandom) -> bool:
        """Fetch what is missing; returns whether all is here."""
        have = part.seek(0, os.SEEK_END)
        version = self._version() if have else None
        if version is None:
            have = _cut(part, 0)
        headers = {"Accept-Encoding": "identity"}
        if have and version is not None:
            headers |= {"Range": f"bytes={have}-", "If-Range": version}
        with client.stream("GET", self.url, headers=headers) as answer:
            if answer.status_code == _BEYOND:
                whole = _total(answer) == have
                if not whole:
                    _cut(part, 0)
                return whole
            self._check(answer)
            if answer.status_code != _PARTIAL or _begin(answer) != have:
                have = _cut(part, 0)
            if answer.status_code == _PARTIAL and _begin(answer) != have:
                return False  # what came is another piece than was asked for
            total = _total(answer)
            self._check_size(total, have)
            self._note(answer)
            self._write(answer, part, have, total)
        return total is None or part.tell() == total

    def _check(self, answer: httpx2.Response) -> None:
        if answer.status_code in (_OK, _PARTIAL):
            return
        said = f"the server says {answer.status_code} {answer.reason_phrase}"
        if answer.status_code in _PASSING:
            raise _PassingError(said, _asked_pause_s(answer))
        raise AssetError(
            f"{self.url} could not be fetched: {said}",
            hint="The address may be out of date: look for the file by hand, and `farm assets add` it",
        )

    def _check_size(self, total: int | None, have: int) -> None:
        if self.size_bytes is not None and total is not None and total != self.size_bytes:
            self._drop()
            raise AssetError(
                f"{self.url} has {total:,} bytes, and the registry says {self.size_bytes:,}",
                hint="It is another file than the farm knows; it was not fetched",
            )
        if total is not None and shutil.disk_usage(self.target.parent).free < total - have + _SPARE_BYTES:
            raise DiskFullError(
                f"{self.url} needs {total - have:,} bytes more than there is room for in {self.target.parent}",
                hint="Free some space, or name another folder with FARM_ASSETS",
            )

    def _write(self, answer: httpx2.Response, part: BufferedRandom, have: int, total: int | None) -> None:
        began = told = time.monotonic()
        done = have
        part.seek(0, os.SEEK_END)
        for chunk in answer.iter_raw():  # as they come: what waits for more would be lost when it breaks off
            part.write(chunk)
            done += len(chunk)
            now = time.monotonic()
            if done == total or now - told >= _TELL_S:
                told = now
                self.say(Progress(done, total, (done - have) / (now - began) if now > began else 0.0))
            if self.size_bytes is not None and done > self.size_bytes:
                self._drop()
                raise AssetError(
                    f"{self.url} goes on after the {self.size_bytes:,} bytes that the registry says",
                    hint="It is another file than the farm knows; nothing of it was kept",
                )

    def _verified(self, part: BufferedRandom) -> str:
        part.seek(0)
        found = hashlib.file_digest(part, "sha256").hexdigest()
        if self.sha256 is not None and found != self.sha256:
            self._drop()
            raise AssetError(
                f"what {self.url} gave has the SHA-256 {found}, and the registry says {self.sha256}",
                hint="It is damaged, or another file than the farm knows; nothing of it was kept",
            )
        return found

    def _version(self) -> str | None:
        """Return what tells the part's version from others; None where it is not known, and it cannot be gone on with."""
        try:
            mark = json.loads(self._mark.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(mark, dict) or mark.get("url") != self.url or not isinstance(mark.get("version"), str):
            return None
        return str(mark["version"])

    def _note(self, answer: httpx2.Response) -> None:
        tag = answer.headers.get("ETag", "")
        version = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified")
        self._mark.write_text(json.dumps({"url": self.url, "version": version}), encoding="utf-8")

    def _drop(self) -> None:
        self._part.unlink(missing_ok=True)
        self._mark.unlink(missing_ok=True)


class _PassingError(Exception):
    def __init__(self, message: str, pause_s: float) -> None:
        super().__init__(message)
        self.message, self.pause_s = message, pause_s


def _cut(part: BufferedRandom, size: int) -> int:
    part.truncate(size)
    return size


def _begin(answer: httpx2.Response) -> int | None:
    """Return the first byte of a part: `bytes 100-199/200`."""
    head, _, _ = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")
    return int(head) if head.isdigit() else None


def _total(answer: httpx2.Response) -> int | None:
    """Return the size of the whole file; None where the server does not say."""
    if answer.status_code in (_PARTIAL, _BEYOND):
        _, _, total = answer.headers.get("Content-Range", "").partition("/")
    else:
        total = answer.headers.get("Content-Length", "")
    return int(total) if total.isdigit() else None


def _asked_pause_s(answer: httpx2.Response) -> float:
    asked = answer.headers.get("Retry-After", "")
    return min(_LONGEST_WAIT_S, float(asked)) if asked.isdigit() else 0.0


@contextlib.contextmanager
def _room(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                f"no room for {target}", hint="Free some space and run the same command again: it goes on from there"
            ) from error
        raise AssetError(
            f"{target} cannot be written: {error.strerror}", hint="Name another folder with FARM_ASSETS"
        ) from error
