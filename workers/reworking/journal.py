"""How a conversion survives being killed: what was ordered, what is done, and folders that change places at once.

Everything lies in `.farm/convert` of the dataset that is written. A song is converted into a folder there, its record is
written, and only then does the folder take the place of the old one, whole. The first thing written is the order and the
last thing removed is the order: as long as it is there, the same command goes on.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from pydantic import ValidationError

from schemas.base import FarmModel
from schemas.convert import ConvertOrder, Note
from schemas.dataset import ANNOTATION, DATASET, FARM_FOLDER, SLAKH_PATHS, FileRecord
from schemas.errors import OutputError
from schemas.layouts import SAMPLE
from workers.audio.files import disk_errors
from workers.publishing.publish import write_documents
from workers.publishing.swap import swap
from workers.reworking.track import file_record

_ORDER = "order.json"


class DoneTrack(FarmModel):
    """A song that is converted."""

    duration_s: float
    stem_audio_s: float
    files: list[FileRecord]
    notes: list[Note]


class Journal:
    """The journal of one conversion, below the dataset `root` that is written."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / FARM_FOLDER / "convert"

    @property
    def top(self) -> Path:
        """Where the record of a dataset lies while it is converted in place."""
        return self._folder / DATASET

    def is_open(self) -> bool:
        """Whether a conversion was begun here and not ended."""
        return (self._folder / _ORDER).is_file()

    def open(self, order: ConvertOrder) -> None:
        """Begin a conversion, or go on with it.

        Raises:
            OutputError: another one was begun here; or the folder cannot be written.
        """
        wanted = _wanted(order)
        if self.is_open():
            begun = json.loads((self._folder / _ORDER).read_bytes())
            if begun != wanted:
                raise OutputError(
                    f"another conversion of {self._root} was begun and not ended ({_words(begun)})",
                    hint="Give the same command as then; it goes on where it stopped",
                )
        else:
            shutil.rmtree(self._folder, ignore_errors=True)
            write_documents(self._folder, {_ORDER: json.dumps(wanted).encode()})
        for left in self._folder.glob("*.part"):
            shutil.rmtree(left, ignore_errors=True)

    def put_top_aside(self) -> None:
        """Take the record of the dataset away for as long as some songs have one form and some another."""
        if not self.top.is_file():
            with disk_errors(self.top):
                (self._root / DATASET).rename(self.top)

    def known(self) -> list[str]:
        """Return the songs that were being put into their places, or are."""
        marks = [path.stem for path in self._folder.glob("*.json") if path.name not in (_ORDER, DATASET)]
        return sorted(unquote(mark) for mark in marks)

    def part(self, track: str) -> Path:
        """Return a folder for a song that is being converted."""
        return self._folder / f"{quote(track, safe='')}.{os.getpid()}.part"

    def commit(self, track: str, done: DoneTrack) -> None:
        """Make the converted song the one of the dataset; killed on the way, `settled` completes it."""
        new = self._new(track)
        with disk_errors(new):
            shutil.rmtree(new, ignore_errors=True)
            self.part(track).rename(new)
        write_documents(self._folder, {self._mark(track): done.model_dump_json().encode()})
        self._place(track)

    def settled(self, track: str) -> DoneTrack | None:
        """Return what is known of a song that is converted, having put it into its place; None where it is not."""
        try:
            done = DoneTrack.model_validate_json((self._folder / self._mark(track)).read_bytes())
        except (OSError, ValidationError):
            return None
        live, new = self._root / track, self._new(track)
        if live.is_dir() and _is(live, done):
            shutil.rmtree(new, ignore_errors=True)
            return done
        if not new.is_dir() or not _is(new, done):
            return None
        self._place(track)
        return done

    def close(self) -> None:
        """End the conversion."""
        (self._folder / _ORDER).unlink()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _place(self, track: str) -> None:
        live, new = self._root / track, self._new(track)
        with disk_errors(live):
            live.parent.mkdir(parents=True, exist_ok=True)
            if live.is_dir():
                swap(new, live)
            else:
                new.rename(live)
        shutil.rmtree(new, ignore_errors=True)

    def _new(self, track: str) -> Path:
        return self._folder / f"{quote(track, safe='')}.new"

    @staticmethod
    def _mark(track: str) -> str:
        return f"{quote(track, safe='')}.json"


def _is(folder: Path, done: DoneTrack) -> bool:
    """Whether a folder holds the converted song: the same files, and documents that say the same."""
    files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    if files != {file.path: file.size_bytes for file in done.files}:
        return False
    papers = [file for file in done.files if file.path in (ANNOTATION, SLAKH_PATHS.sign, SAMPLE)]
    return all(file_record(folder, file.path) == file for file in papers)


def _wanted(order: ConvertOrder) -> dict[str, Any]:
    """Return what identifies an order; a key that came later only where it says something."""
    return order.model_dump(mode="json", exclude={"jobs": True} | ({} if order.dither else {"dither": True}))


def _words(wanted: dict[str, Any]) -> str:
    options = {"format": "--format", "bits": "--bits", "rate_hz": "--rate"}
    words = [f"{option} {wanted[key]}" for key, option in options.items() if wanted[key] is not None]
    return " ".join([wanted["source"], *words, *(f"--{key}" for key in ("mono", "dither") if wanted.get(key))])
