"""A published song as the reworking takes it: its folder, what it says of itself, and which of its files is what."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from schemas.annotation import SongAnnotation
from schemas.convert import AudioForm
from schemas.dataset import ANNOTATION, SLAKH_PATHS, FileRecord, TrackRecord
from schemas.errors import DatasetError
from workers.reworking.blocks import form_of, is_audio

_STEMS: Final = "stems"


@dataclass(frozen=True)
class Track:
    """A song's folder, read."""

    folder: Path
    files: list[str]  #: every file, relative to the folder
    annotation: SongAnnotation | None  #: None in datasets of others
    metadata: dict[str, Any] | None  #: of `metadata.yaml`; None where it cannot be read
    stems: dict[str, str]  #: name -> path of its audio
    mix: str | None

    @property
    def others(self) -> list[str]:
        """Audio files that are neither stem nor mix, nor a group that the annotation knows."""
        known = {*self.stems.values(), self.mix, *groups_of(self.annotation)}
        known |= {file for mix, stems in other_mixes_of(self.annotation).items() for file in (mix, *stems)}
        return [file for file in self.files if is_audio(Path(file)) and file not in known]

    def form(self) -> tuple[AudioForm, int]:
        """Return the form and the number of frames of stems and mix.

        Raises:
            DatasetError: there is no audio, or one of them is of another form, or unreadable.
        """
        paths = [*self.stems.values(), *([] if self.mix is None else [self.mix]), *groups_of(self.annotation)]
        paths += [file for mix, stems in other_mixes_of(self.annotation).items() for file in (mix, *stems)]
        if not paths:
            raise DatasetError(f"{self.folder} holds no audio", hint="A track has stems/ and a mix")
        first = form_of(self.folder / paths[0])
        for path in paths[1:]:
            if (other := form_of(self.folder / path)) != first:
                raise DatasetError(
                    f"{self.folder / path} is {other[0].words} of {other[1]} frames, and {paths[0]} {first[0].words} "
                    f"of {first[1]}",
                    hint="All files of a song are of one form and equally long; make the track again",
                )
        return first


def groups_of(annotation: SongAnnotation | None) -> dict[str, list[str]]:
    """Return the groups of all submixes of a song: path of the audio -> names of its stems."""
    submixes = [] if annotation is None else annotation.submixes
    return {group.audio: group.stems for submix in submixes for group in submix.groups}


def other_mixes_of(annotation: SongAnnotation | None) -> dict[str, list[str]]:
    """Return the other mixes of a song: path of the audio -> paths of its own stems, where it has them."""
    mixes = [] if annotation is None else annotation.mixes
    return {mix.audio: [stem.audio for stem in mix.stems if stem.audio is not None] for mix in mixes}


def read_track(folder: Path, record: TrackRecord | None = None) -> Track:
    """Read what a track's folder says of itself; with a record, see to it first that its files are those.

    Raises:
        DatasetError: a file is missing, or not what the manifest says; or the annotation cannot be read.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not there", hint="Restore it, or make the dataset again")
    if record is not None:
        _check(folder, record)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    annotation = read_annotation(folder)
    if annotation is not None:
        stems = {stem.name: stem.audio for stem in annotation.stems if stem.audio is not None}
        return Track(folder, files, annotation, read_metadata(folder), stems, annotation.mix.audio)
    found = {Path(file).stem: file for file in files if file.startswith(f"{_STEMS}/") and is_audio(Path(file))}
    mixes = [file for file in files if is_audio(Path(file)) and Path(file).with_suffix("") == Path(SLAKH_PATHS.mix)]
    doubled = [file for file in files if _doubled(file, [*found.values(), *mixes[:1]])]
    if doubled:
        raise DatasetError(f"{folder} holds {doubled[0]} in two formats", hint="Remove one of the two")
    return Track(folder, files, None, read_metadata(folder), found, mixes[0] if mixes else None)


def file_record(folder: Path, path: str) -> FileRecord:
    """Return size and hash of a file of a track."""
    with (folder / path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileRecord(path=path, size_bytes=(folder / path).stat().st_size, sha256=digest)


def _doubled(file: str, taken: list[str]) -> bool:
    path = Path(file)
    return (
        is_audio(path) and file not in taken and any(path.with_suffix("") == Path(own).with_suffix("") for own in taken)
    )


def _check(folder: Path, record: TrackRecord) -> None:
    for known in record.files:
        if not (folder / known.path).is_file() or file_record(folder, known.path) != known:
            raise DatasetError(
                f"{folder / known.path} is missing or not what the manifest says",
                hint="`farm verify` lists what is wrong; make the song again",
            )


def read_annotation(folder: Path) -> SongAnnotation | None:
    """Return the annotation of a track; None where it has none.

    Raises:
        DatasetError: it cannot be read.
    """
    if not (folder / ANNOTATION).is_file():
        return None
    try:
        return SongAnnotation.model_validate_json((folder / ANNOTATION).read_bytes())
    except ValidationError as error:
        raise DatasetError(
            f"{folder / ANNOTATION} is damaged or of another version: {error.errors()[0]['msg']}"
        ) from error


def read_metadata(folder: Path) -> dict[str, Any] | None:
    """Return what `metadata.yaml` of a track says; None where it cannot be read."""
    try:
        metadata = yaml.safe_load((folder / SLAKH_PATHS.sign).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None  # told as a note by who needs it
    return metadata if isinstance(metadata, dict) else None


def conversions_of(metadata: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return what the metadata of a track says of its conversions, in order."""
    own = (metadata or {}).get("stemfarm")
    found = own.get("conversions", []) if isinstance(own, dict) else []
    return [done for done in found if isinstance(done, dict)] if isinstance(found, list) else []
