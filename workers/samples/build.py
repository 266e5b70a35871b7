"""Make a library of the recordings in a folder; what an earlier library knows of a file that has not changed is kept."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from schemas.assets import UNKNOWN
from schemas.errors import AssetError, OutputError, SourceError
from schemas.samples import Category, Sample, SampleLibrary
from workers.audio.recordings import SUFFIXES, read_recording
from workers.samples.analysis import analyse
from workers.samples.names import category_of, is_loop, key_of, tempo_of

#: Category of recordings whose names say nothing.
_OTHERWISE: Final[Category] = "melody"
#: What a person may say for all recordings of a folder; where nothing is said, what the library says stays.
_SAID: Final = ("genres", "moods", "tags", "licence", "attribution", "meter")

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Wanted:
    """What a person says of all recordings of a folder."""

    folder: Path
    name: str
    recursive: bool = True
    category: Category | None = None  #: None: as their names say
    said: dict[str, Any] = field(default_factory=dict)  #: of `_SAID`
    again: bool = False  #: measure what has not changed, too


@dataclass(frozen=True)
class Built:
    """A library, and what of the folder is not in it."""

    library: SampleLibrary
    measured: int  #: recordings that were measured, and not known before
    left_out: dict[str, str]  #: file -> why


def build(wanted: Wanted, before: SampleLibrary | None = None, progress: Progress | None = None) -> Built:
    """Measure the recordings of a folder.

    Raises:
        SourceError: there is no such folder, or no recording in it.
    """
    files = list(_files(wanted))
    if not files:
        raise SourceError(
            f"there is no recording in {wanted.folder}", hint=f"Recordings end in {', '.join(sorted(SUFFIXES))}"
        )
    known = {} if before is None else {sample.file: sample for sample in before.samples}
    samples, left_out, measured = [], {}, 0
    for number, path in enumerate(files, 1):
        file = path.relative_to(wanted.folder).as_posix()
        if progress is not None:
            progress(number, len(files), file)
        sha256 = _sha256(path)
        old = known.get(file)
        old = None if old is None or old.sha256 != sha256 else old
        if old is not None and not wanted.again:
            samples.append(_told(old, wanted))
            continue
        try:
            samples.append(_told(_measured(path, file, sha256, wanted, old), wanted))
            measured += 1
        except AssetError as error:
            left_out[file] = error.message
    return Built(SampleLibrary(name=wanted.name, samples=samples), measured, left_out)


def _files(wanted: Wanted) -> Iterator[Path]:
    """Yield the recordings of the folder in the order of their names; hidden ones are left out."""
    if not wanted.folder.is_dir():
        raise SourceError(f"there is no folder {wanted.folder}", hint="Name the folder that holds the recordings")
    found = wanted.folder.rglob("*") if wanted.recursive else wanted.folder.glob("*")
    for path in sorted(found):
        hidden = any(part.startswith(".") for part in path.relative_to(wanted.folder).parts)
        if path.suffix.lower() in SUFFIXES and not hidden and path.is_file():
            yield path


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}", hint="Check its permissions") from error


def _measured(path: Path, file: str, sha256: str, wanted: Wanted, old: Sample | None) -> Sample:
    audio, rate_hz = read_recording(path)
    category = wanted.category or (category_of(file) if old is None else old.category) or _OTHERWISE
    meter = str(wanted.said.get("meter") or ("4/4" if old is None else old.meter))
    found = analyse(
        audio,
        rate_hz,
        category,
        meter=meter,
        said_bpm=tempo_of(path.stem),
        said_key=key_of(path.stem),
        said_loop=is_loop(path.stem),
    )
    if found is None:
        raise AssetError("it holds nothing but silence")
    kept = {} if old is None else {name: getattr(old, name) for name in _SAID}
    return Sample(
        **{
            "licence": UNKNOWN,
            **kept,
            "name": path.stem,
            "file": file,
            "sha256": sha256,
            "size_bytes": path.stat().st_size,
            "category": category,
            "duration_s": round(len(audio) / rate_hz, 6),
            "tempo_bpm": found.tempo_bpm,
            "quarters": found.quarters,
            "meter": meter,
            "key": found.key,
            "score": found.score,
        }
    )


def _told(sample: Sample, wanted: Wanted) -> Sample:
    """Return a recording with what a person says of all."""
    said = {name: value for name, value in wanted.said.items() if name in _SAID and value}
    if wanted.category is not None:
        said["category"] = wanted.category
    return Sample.model_validate({**sample.model_dump(), **said})


def write_library(library: SampleLibrary, folder: Path, out: Path) -> None:
    """Write a library for the recordings of a folder: beside the file first, then renamed.

    Raises:
        OutputError: it cannot be written.
    """
    beside = out.with_name(out.name + ".part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        place = os.path.relpath(folder.resolve(), out.resolve().parent)
        text = library.model_copy(update={"folder": Path(place).as_posix()}).model_dump_json(indent=1)
        beside.write_text(text + "\n", encoding="utf-8")
        beside.replace(out)
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror}", hint="Name another file with --out") from error
