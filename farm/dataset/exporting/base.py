"""What every form of export begins with, the songs that are wanted, and what it ends with, files that are hashed as they grow."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from pydantic import ValidationError

from farm.dataset.exporting.order import ExportOrder
from farm.dataset.exporting.song import Copy, Song, copies
from schemas.annotation import SongAnnotation
from schemas.dataset import ANNOTATION, DatasetRecord, FileRecord, TrackRecord
from schemas.errors import DatasetError

#: Told (songs done, songs).
Progress = Callable[[int, int], None]

#: Files are read and written in pieces of this size, bytes.
_PIECE: Final = 1 << 20


class Source:
    """The dataset that is exported.

    Args:
        folder: of the dataset.
        record: its `dataset.json`.
        tracks: the songs that are wanted, in their order.
        order: what is asked.
        progress: told after each song.
        paths_from: what stands before the paths of tables.
    """

    def __init__(
        self, folder: Path, record: DatasetRecord, tracks: list[TrackRecord], order: ExportOrder, progress: Progress,
        *, paths_from: str = "",
    ) -> None:  # fmt: skip
        self.folder = folder
        self.record = record
        self.tracks = tracks
        self.order = order
        self.paths_from = paths_from
        self._progress = progress
        self._done = 0

    @property
    def splits(self) -> list[str | None]:
        """Splits of the songs, each once, in the order of the songs; None where songs lie in none."""
        return list(dict.fromkeys(track.split for track in self.tracks))

    def tick(self) -> None:
        """Tell that one more song is done."""
        self._done += 1
        self._progress(self._done, len(self.tracks))

    def copies(self, track: TrackRecord) -> list[Copy]:
        """Return the files of a song that are wanted, in the order in which they are written."""
        return [copy for copy in copies(track) if copy.what in self.order.what]

    def song(self, track: TrackRecord) -> Song:
        """Read the facts of a song; its wanted files are there with their sizes.

        Raises:
            DatasetError: a file is missing or damaged.
        """
        record = next((file for file in track.files if file.path == ANNOTATION), None)
        if record is None:
            raise self._damaged(f"{track.folder}/{ANNOTATION} is not in the manifest")
        for copy in self.copies(track):
            self._look(track, copy.file)
        data = b"".join(self.read(track, record))
        try:
            return Song(track, SongAnnotation.model_validate_json(data))
        except ValidationError as error:
            raise self._damaged(f"{track.folder}/{ANNOTATION}: {error.errors()[0]['msg']}") from error

    def read(self, track: TrackRecord, file: FileRecord) -> Iterator[bytes]:
        """Yield the bytes of a file in pieces; after the last one it is sure that they are those of the manifest.

        Raises:
            DatasetError: the file is missing, or other than the manifest says.
        """
        path, digest, left = self.folder / track.folder / file.path, hashlib.sha256(), file.size_bytes
        try:
            with open(path, "rb", buffering=0) as handle:
                while left and (piece := handle.read(min(left, _PIECE))):
                    digest.update(piece)
                    left -= len(piece)
                    yield piece
                whole = not left and not handle.read(1)
        except OSError as error:
            raise self._damaged(f"{path} cannot be read: {error.strerror}") from error
        if not whole or digest.hexdigest() != file.sha256:
            raise self._damaged(f"{path} is not what the manifest says")

    def _look(self, track: TrackRecord, file: FileRecord) -> None:
        path = self.folder / track.folder / file.path
        try:
            size_bytes = path.stat().st_size
        except OSError as error:
            raise self._damaged(f"{path} cannot be read: {error.strerror}") from error
        if size_bytes != file.size_bytes:
            raise self._damaged(f"{path} has {size_bytes} bytes, and the manifest says {file.size_bytes}")

    def _damaged(self, what: str) -> DatasetError:
        return DatasetError(what, hint=f"`farm verify {self.folder}` lists everything that is wrong")


class HashedFile(io.RawIOBase):
    """A file that is written from its beginning to its end, and hashed meanwhile."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle
        self._digest = hashlib.sha256()
        self._size_bytes = 0

    def writable(self) -> bool:
        """It is for writing only."""
        return True

    def write(self, data: object) -> int:
        """Append bytes."""
        view = memoryview(data).cast("B")  # type: ignore[arg-type]  # whatever has a buffer
        self._handle.write(view)
        self._digest.update(view)
        self._size_bytes += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        """Return how many bytes are written."""
        return self._size_bytes

    def record(self, path: str) -> FileRecord:
        """Return size and hash of what is written."""
        return FileRecord(path=path, size_bytes=self._size_bytes, sha256=self._digest.hexdigest())


class Target:
    """The folder into which an export is written, before it gets its name.

    Args:
        folder: empty.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files: list[FileRecord] = []

    @contextlib.contextmanager
    def create(self, path: str) -> Iterator[HashedFile]:
        """Open a new file by its path in the export; it is on the disk, and among `files`, when the block ends well."""
        place = self._folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with open(place, "xb") as handle:
            hashed = HashedFile(handle)
            yield hashed
            handle.flush()
            os.fsync(handle.fileno())
        self.files.append(hashed.record(path))

    def write(self, path: str, text: str) -> None:
        """Write a text."""
        with self.create(path) as handle:
            handle.write(text.encode())


#: Writes an export of one form.
Exporter = Callable[[Source, Target], None]
