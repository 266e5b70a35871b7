"""Messages to the ledger, and the file on this host's disk in which they wait while the ledger is away.

Every message carries the slot's reference and its stems' epochs, so that it is as valid late as it was in time, does no
harm when it is told twice, and is refused when the work has gone to somebody else meanwhile.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from farm.ledger import SlotRef, StemCommit, StemLease
from schemas.states import EventKind, FailureReason
from workers.audio.files import disk_errors

_log = logging.getLogger(__name__)

#: What a dead slot has left behind is told for a day; by then its stems have long been rendered by others.
STALE_S: Final = 86_400.0

_OTHER_CHARACTERS: Final = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True, slots=True)
class Committed:
    """Stems were rendered."""

    slot: SlotRef
    commits: list[StemCommit]
    kind: Literal["committed"] = "committed"


@dataclass(frozen=True, slots=True)
class Failed:
    """A stem's try has failed."""

    slot: SlotRef
    lease: StemLease
    reason: FailureReason
    detail: str
    infra: bool
    kind: Literal["failed"] = "failed"


@dataclass(frozen=True, slots=True)
class Released:
    """Leased stems were not begun."""

    slot: SlotRef
    stem_ids: list[int]
    detail: str
    kind: Literal["released"] = "released"


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that people may want to know."""

    slot: SlotRef
    event: EventKind
    detail: str
    host: str
    submission_id: int | None = None
    song_id: int | None = None
    stem_id: int | None = None
    load_key: str | None = None
    kind: Literal["happened"] = "happened"


@dataclass(frozen=True, slots=True)
class Told:
    """So many of the messages above this line have arrived."""

    messages: int
    kind: Literal["told"] = "told"


Message = Committed | Failed | Released | Happened
_LINE: Final[TypeAdapter[Message | Told]] = TypeAdapter(
    Annotated[Committed | Failed | Released | Happened | Told, Field(discriminator="kind")]
)


class Spool:
    """Messages in a file, one JSON object a line. The file is there only while it holds something.

    The process that writes it holds its lock, so that others see when that process is gone.

    Args:
        path: the file; see `spool_path`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None
        self._messages = 0

    def __len__(self) -> int:
        """Return how many messages wait."""
        return self._messages

    def append(self, message: Message) -> None:
        """Keep a message; it survives the end of this process and of its host.

        Raises:
            DiskFullError, OutputError: it cannot be written.
        """
        self._write(message)
        self._messages += 1

    def deliver(self, deliver: Callable[[Message], None]) -> int:
        """Hand over what waits, in order, and remove it; returns how much it was.

        What `deliver` raises ends it; the next call goes on with the message at which it was raised.
        """
        messages = list(_waiting(self.path)) if self._handle is not None else []
        done = 0
        try:
            for message in messages:
                deliver(message)
                done += 1
        finally:
            self._messages = len(messages) - done
            if self._messages and done:
                self._write(Told(done))
        self.leave()
        return done

    def adopt(self) -> bool:
        """Take over a file that another process has left behind; False when that process still lives."""
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        if not _is_at(self.path, handle):  # others were faster
            os.close(handle)
            return False
        self._handle = handle
        self._messages = sum(1 for _ in _waiting(self.path))
        return True

    def leave(self) -> None:
        """Let go of the file; when nothing waits in it it is removed."""
        if self._handle is not None:
            if not self._messages:
                self.path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None

    def _write(self, line: Message | Told) -> None:
        data = _LINE.dump_json(line) + b"\n"
        with disk_errors(self.path):
            if self._handle is None:
                self._handle = self._open()
            size = os.fstat(self._handle).st_size
            if os.write(self._handle, data) < len(data):
                os.ftruncate(self._handle, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._handle)

    def _open(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if _is_at(self.path, handle):
                return handle
            os.close(handle)  # somebody took the empty file for one left behind


def _is_at(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _waiting(path: Path) -> Iterator[Message]:
    """Yield the messages of a file that have not arrived; a line that a crash has cut short is left out."""
    found: list[Message] = []
    for line in path.read_bytes().splitlines():
        try:
            read = _LINE.validate_json(line)
        except ValidationError:
            _log.warning("a line of the spool cannot be read", extra={"spool": path.name})
            continue
        if isinstance(read, Told):
            del found[: read.messages]
        else:
            found.append(read)
    yield from found


def spool_path(folder: Path, ledger_url: str, host: str) -> Path:
    """Return where this process keeps what it cannot tell a ledger."""
    return folder / f"{_ledger_mark(ledger_url)}-{_OTHER_CHARACTERS.sub('-', host)}-{os.getpid()}.jsonl"


def left_behind(folder: Path, ledger_url: str, host: str) -> list[Path]:
    """Return what slots of this host have kept for a ledger and may not have told, the oldest first.

    Files older than a day are removed: what they say is of no use to anybody.
    """
    pattern = f"{_ledger_mark(ledger_url)}-{_OTHER_CHARACTERS.sub('-', host)}-*.jsonl"
    fresh = []
    for path in folder.glob(pattern):
        try:
            written = path.stat().st_mtime
        except FileNotFoundError:
            continue  # its slot has told everything just now
        if time.time() - written > STALE_S:
            path.unlink(missing_ok=True)
        else:
            fresh.append((written, path))
    return [path for _, path in sorted(fresh)]


def _ledger_mark(url: str) -> str:
    """Return a sign of a ledger that tells nothing of its address; ids mean something in their own ledger only."""
    return hashlib.sha256(url.encode()).hexdigest()[:12]
