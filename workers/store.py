"""The store: files named by their content, written beside and renamed into place; the result of record.

midi/ab/<sha256>.mid      source files and stem MIDI
stems/ab/<data hash>.stem raw audio of a stem (see `workers.audio.stemfile`)
specs/ab/<spec hash>.json sidecar of a rendered stem, written after its audio: the sign of completeness
tmp/                      files under way; whatever lies here belongs to nobody when no worker runs
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from schemas.errors import StoreError
from schemas.result import StemResult
from workers.audio.files import disk_errors
from workers.audio.stemfile import StemReader, verify_stem

_HASH: Final = re.compile(r"[0-9a-f]{64}")


class Store:
    """A folder of content-addressed files; safe for any number of processes, since nothing is ever changed in place.

    Args:
        root: its folder; made with the first file.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def put_midi(self, data: bytes) -> str:
        """Keep a MIDI file; returns its SHA-256. Known content is not written again.

        Raises:
            DiskFullError, OutputError: it cannot be written.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.midi_path(sha256)
        if not path.is_file():
            self._write(path, data)
        return sha256

    def midi_path(self, sha256: str) -> Path:
        """Return where the MIDI file of this hash lies, or would lie."""
        return self._path("midi", sha256, ".mid")

    def get_midi(self, sha256: str) -> bytes:
        """Return a MIDI file.

        Raises:
            StoreError: it is missing, or not what its name says.
        """
        try:
            data = self.midi_path(sha256).read_bytes()
        except OSError as error:
            raise StoreError(
                f"the store has no MIDI file {sha256[:12]}: {error.strerror}", hint="Run the split again"
            ) from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError(f"the MIDI file {sha256[:12]} of the store is damaged", hint="Run the split again")
        return data

    def part_path(self, spec_hash: str, epoch: int) -> Path:
        """Return a path for audio under way; its folder exists. Every lease has a path of its own.

        Raises:
            DiskFullError, OutputError: the folder cannot be made.
        """
        folder = self._root / "tmp"
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{_checked(spec_hash)}.{epoch}.{os.getpid()}.part"

    def commit_stem(self, part: Path, result: StemResult) -> None:
        """Take a finished part file into the store: rename the audio, then write the sidecar.

        Raises:
            DiskFullError, OutputError: it cannot be written.
        """
        target = self._stem_path(result.data_hash)
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            part.replace(target)
        self._write(self._spec_path(result.spec_hash), result.model_dump_json().encode())

    def find_stem(self, spec_hash: str) -> StemResult | None:
        """Return the result of a stem that was rendered before and whose audio is still here, or None."""
        try:
            result = StemResult.model_validate_json(self._spec_path(spec_hash).read_bytes())
        except (OSError, ValidationError):
            return None
        return result if result.spec_hash == spec_hash and self.has_audio(result) else None

    def has_audio(self, result: StemResult) -> bool:
        """Whether the audio of a stem is in the store."""
        return self._stem_path(result.data_hash).is_file()

    def open_stem(self, result: StemResult) -> StemReader:
        """Open the audio of a stem for reading.

        Raises:
            StoreError: it is missing or cut short.
        """
        return StemReader(self._stem_path(result.data_hash))

    def check_stem(self, result: StemResult) -> None:
        """Read the audio of a stem and compare it with its name.

        Raises:
            StoreError: it is missing or damaged.
        """
        verify_stem(self._stem_path(result.data_hash), result.data_hash)

    def drop_stem(self, spec_hash: str) -> None:
        """Remove a stem: first the sidecar, so that the store never names audio that it does not have."""
        result = self.find_stem(spec_hash)
        self._spec_path(spec_hash).unlink(missing_ok=True)
        if result is not None:
            self._stem_path(result.data_hash).unlink(missing_ok=True)

    def _stem_path(self, data_hash: str) -> Path:
        return self._path("stems", data_hash, ".stem")

    def _spec_path(self, spec_hash: str) -> Path:
        return self._path("specs", spec_hash, ".json")

    def _path(self, kind: str, name: str, suffix: str) -> Path:
        return self._root / kind / _checked(name)[:2] / f"{name}{suffix}"

    def _write(self, path: Path, data: bytes) -> None:
        beside = self._root / "tmp" / f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}"
        with disk_errors(path):
            beside.parent.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                beside.write_bytes(data)
                beside.replace(path)
            finally:
                beside.unlink(missing_ok=True)


def _checked(name: str) -> str:
    """Return `name` if it is a hash, so that no path leaves the root."""
    if _HASH.fullmatch(name) is None:
        raise StoreError(f"{name!r} is no hash of 64 hex digits", hint="Names in the store are hashes only")
    return name
