"""The store: files named by their content, each there whole or not at all; the result of record.

midi/ab/<sha256>.mid      source files and stem MIDI
stems/ab/<data hash>.stem raw audio of a stem (see `workers.audio.stemfile`)
specs/ab/<spec hash>.json sidecar of a rendered stem, written after its audio: the sign of completeness

What is the same in every store is here: names, order of writes, checks. A variant only moves bytes under keys.
"""

from __future__ import annotations

import hashlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import ValidationError

from schemas.errors import StoreError
from schemas.result import StemResult
from workers.audio.stemfile import StemReader

#: SHA-256 of MIDI and of what was asked for, XXH3 of audio; audio of earlier versions has names of 64 digits, too.
_HASH: Final = re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}")


class Kind(StrEnum):
    """Kinds of content, each in a folder of its own."""

    MIDI = "midi"
    STEMS = "stems"
    SPECS = "specs"


class Leftover(NamedTuple):
    """A file that was being written."""

    name: str  #: begins with the hash that it was to be
    size_bytes: int
    age_s: float  #: since it was last written to, by the clocks of this host and of the file system


SUFFIXES: Final = {Kind.MIDI: ".mid", Kind.STEMS: ".stem", Kind.SPECS: ".json"}
#: Made and removed again by `Store.check`.
PROBE_KEY: Final = "tmp/probe"


def key_of(kind: Kind, name: str) -> str:
    """Return the key of a content, such as `midi/ab/ab...mid`.

    Raises:
        StoreError: `name` is no hash; so no name leaves the store.
    """
    return "/".join((kind, checked(name)[:2], name + SUFFIXES[kind]))


def checked(name: str) -> str:
    """Return `name` if it is a hash of 32 or 64 hex digits.

    Raises:
        StoreError: it is not.
    """
    if _HASH.fullmatch(name) is None:
        raise StoreError(f"{name!r} is no hash of 32 or 64 hex digits", hint="Names in the store are hashes only")
    return name


def part_name(spec_hash: str, epoch: int) -> str:
    """Return the name of a file under way; every lease has one of its own in every process."""
    return f"{checked(spec_hash)}.{epoch}.{os.getpid()}.part"


class Store(ABC):
    """Content-addressed files; safe for any number of processes, since nothing is ever changed in place.

    Raises (every method that speaks to a store behind a network):
        StoreAwayError: it cannot be reached, or refuses its keys.
    """

    # ------------------------------------------------------------ MIDI

    def put_midi(self, data: bytes) -> str:
        """Keep a MIDI file; returns its SHA-256. Known content is not written again.

        Raises:
            DiskFullError, OutputError: it cannot be written.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        key = key_of(Kind.MIDI, sha256)
        if not self._has(key):
            self._put(key, data)
        return sha256

    @abstractmethod
    def midi_path(self, sha256: str) -> Path:
        """Return a local file with this MIDI for an engine to read; what it holds is the reader's to check.

        Raises:
            StoreError: `sha256` is no hash, or a store behind a network has no such file.
        """

    def get_midi(self, sha256: str) -> bytes:
        """Return a MIDI file.

        Raises:
            StoreError: it is missing, or not what its name says.
        """
        data = self._get(key_of(Kind.MIDI, sha256))
        if data is None:
            raise StoreError(f"the store has no MIDI file {sha256[:12]}", hint="Run the split again")
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError(f"the MIDI file {sha256[:12]} of the store is damaged", hint="Run the split again")
        return data

    # ------------------------------------------------------------ stems

    @abstractmethod
    def part_path(self, spec_hash: str, epoch: int) -> Path:
        """Return a local path for audio under way; its folder exists. Every lease has a path of its own.

        Raises:
            DiskFullError, OutputError: the folder cannot be made.
        """

    def commit_stem(self, part: Path, result: StemResult) -> None:
        """Take a finished part file into the store: first the audio, then the sidecar. The part is gone afterwards.

        Raises:
            DiskFullError, OutputError: it cannot be written.
        """
        sidecar = key_of(Kind.SPECS, result.spec_hash)
        self._take(part, key_of(Kind.STEMS, result.data_hash))
        self._put(sidecar, result.model_dump_json().encode())

    def find_stem(self, spec_hash: str) -> StemResult | None:
        """Return the result of a stem that was rendered before and whose audio is still here, or None."""
        result = self.read_result(spec_hash)
        return result if result is not None and self.has_audio(result) else None

    def read_result(self, spec_hash: str) -> StemResult | None:
        """Return what the sidecar of a stem says, whether its audio is here or not; None without a sound sidecar."""
        key = key_of(Kind.SPECS, spec_hash)
        try:
            result = StemResult.model_validate_json(self._get(key) or b"")
        except (StoreError, ValidationError):
            return None
        return result if result.spec_hash == spec_hash else None

    def has_audio(self, result: StemResult) -> bool:
        """Whether the audio of a stem is in the store."""
        return self._has(key_of(Kind.STEMS, result.data_hash))

    @abstractmethod
    def open_stem(self, result: StemResult) -> StemReader:
        """Open the audio of a stem for reading.

        Raises:
            StoreError: it is missing or cut short.
        """

    @abstractmethod
    def check_stem(self, result: StemResult, *, fresh: bool = False) -> None:
        """Read the audio of a stem and compare it with its name.

        Args:
            fresh: read it from the store itself even where a local copy of it is at hand.

        Raises:
            StoreError: it is missing or damaged.
        """

    def drop_stem(self, spec_hash: str) -> None:
        """Remove a stem: first the sidecar, so that the store never names audio that it does not have."""
        result = self.find_stem(spec_hash)
        self._remove(key_of(Kind.SPECS, spec_hash))
        if result is not None:
            self._remove(key_of(Kind.STEMS, result.data_hash))

    # ------------------------------------------------------------ the whole

    def names(self, kind: Kind) -> Iterator[str]:
        """Yield the hashes under which there is content of a kind; order and what is written meanwhile are left open."""
        suffix = SUFFIXES[kind]
        for key in self._keys(kind):
            name = key.rpartition("/")[2].removesuffix(suffix)
            if _HASH.fullmatch(name) is not None and key == key_of(kind, name):
                yield name

    def has(self, kind: Kind, name: str) -> bool:
        """Whether there is content of this name."""
        return self._has(key_of(kind, name))

    def size_bytes(self, kind: Kind, name: str) -> int:
        """Return the size of one content; 0 where there is none."""
        return self._size(key_of(kind, name))

    def leftovers(self) -> Iterator[Leftover]:
        """Yield what stopped processes may have left half-written where all hosts see it; a network store has none."""
        yield from ()

    def remove_leftover(self, name: str) -> None:
        """Remove one of `leftovers`; one that is not there is no error."""
        raise StoreError(f"{self} keeps no half-written files such as {name}", hint="Name one of its leftovers")

    def prune(self) -> None:
        """Remove what an empty store still takes, such as empty folders; for a store that nobody writes to."""
        return

    def remove(self, kind: Kind, name: str) -> None:
        """Remove one content; that of a stem belongs to its sidecar, see `drop_stem`."""
        self._remove(key_of(kind, name))

    def check(self) -> None:
        """Write, read and remove a few bytes, so that what is wrong with a store is said before any work is done.

        Raises:
            DiskFullError, OutputError, StoreError: it cannot be written, or keeps something else.
        """
        data = os.urandom(16)
        key = f"{PROBE_KEY}.{data.hex()}"
        self._put(key, data)
        try:
            if self._get(key) != data:
                raise StoreError(f"{self} does not give back what it was given", hint="Choose another store")
        finally:
            self._remove(key)

    @property
    @abstractmethod
    def workplace(self) -> Path:
        """A folder of this host on whose disk audio is written; it is there with the first file."""

    @abstractmethod
    def __str__(self) -> str: ...

    # ------------------------------------------------------------ what a variant does

    @abstractmethod
    def _get(self, key: str) -> bytes | None:
        """Return the bytes of a key, None where there are none; StoreError where they cannot be read."""

    @abstractmethod
    def _put(self, key: str, data: bytes) -> None:
        """Write bytes that appear whole or not at all, over what is there."""

    @abstractmethod
    def _take(self, part: Path, key: str) -> None:
        """Make a file of `part_path` the content of a key; it appears whole or not at all, over what is there."""

    @abstractmethod
    def _has(self, key: str) -> bool: ...

    @abstractmethod
    def _size(self, key: str) -> int:
        """Return the bytes of a key, 0 where there are none."""

    @abstractmethod
    def _remove(self, key: str) -> None:
        """Remove a key; one that is not there is no error."""

    @abstractmethod
    def _keys(self, kind: Kind) -> Iterator[str]: ...
