"""Publish a song: every file complete in a staging folder, the sign of completeness last, then one rename."""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from schemas.annotation import SongAnnotation
from schemas.dataset import FileRecord, TrackRecord
from schemas.errors import DiskFullError, StoreError
from schemas.plan import DatasetPlan
from schemas.song import SongSpec
from workers.audio.files import disk_errors
from workers.publishing.layouts import layout_named
from workers.publishing.layouts.base import TrackContents
from workers.publishing.swap import swap


def publish_song(staging: Path, final: Path, contents: TrackContents, *, replace: bool = False) -> TrackRecord:
    """Complete the song in `staging`, which holds its audio, and make it the track folder `final`.

    Both folders are on one filesystem. Publishing again what is published changes nothing and returns the same record.
    With `replace` a song that is published as `final` in another form gives way to this one, in one step.

    Raises:
        DiskFullError: no room; the staging folder is removed.
        OutputError: a folder cannot be written.
        StoreError: the staged audio is gone or not what the mix stage wrote; the song must be mixed again.
    """
    layout = layout_named(contents.plan.output.layout)
    documents = layout.documents(contents)
    record = track_record(contents, documents)
    stands = is_published(final, layout.paths.sign) and (not replace or _holds(final, record))
    if not stands:
        _check_audio(staging, contents.mix.files)
        try:
            write_documents(staging, documents)
        except DiskFullError:
            shutil.rmtree(staging, ignore_errors=True)
            raise
    publish_track(staging, final, sign=layout.paths.sign, replace=not stands)
    return record


def is_published(final: Path, sign: str) -> bool:
    """Whether `final` is a complete track folder."""
    return (final / sign).is_file()


def publish_track(staging: Path, final: Path, *, sign: str, replace: bool = False) -> None:
    """Rename a complete staging folder to `final`; where `final` is complete already, remove the staging folder.

    With `replace` a complete `final` gives way: the two change places, and what it held is removed.

    Raises:
        StoreError: neither folder is complete.
        OutputError: the rename fails.
    """
    if replace or not is_published(final, sign):
        if not is_published(staging, sign):
            raise StoreError(f"{staging} is not complete: {sign} is missing", hint="The song is mixed again")
        with disk_errors(final):
            final.parent.mkdir(parents=True, exist_ok=True)
            if is_published(final, sign):
                _replace(staging, final)
            else:
                _rename_over_remains(staging, final, sign)
    shutil.rmtree(staging, ignore_errors=True)


def write_documents(folder: Path, documents: Mapping[str, bytes]) -> None:
    """Write files below `folder` in their order; each appears whole or not at all.

    Raises:
        DiskFullError, OutputError: a file cannot be written.
    """
    for path, data in documents.items():
        target = folder / path
        beside = target.with_name(target.name + ".part")
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(data)
            beside.replace(target)


def track_record(contents: TrackContents, documents: Mapping[str, bytes]) -> TrackRecord:
    """Return the song's line of the manifest; its files are sorted by path."""
    files = [
        *contents.mix.files,
        *(
            FileRecord(path=path, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
            for path, data in documents.items()
        ),
    ]
    return record_of(contents.song, contents.plan, contents.annotation, files)


def record_of(
    song: SongSpec, plan: DatasetPlan, annotation: SongAnnotation, files: Iterable[FileRecord]
) -> TrackRecord:
    """Return the line of the manifest of a song whose folder holds `files`."""
    return TrackRecord(
        track=annotation.track,
        split=song.split,
        shard=plan.output.shard_of(song.name),
        cluster=song.cluster,
        song_sha256=song.song_hash,
        source=song.source,
        duration_s=annotation.duration_s,
        stems=len(annotation.stems),
        notes=sum(len(stem.notes.pitch) for stem in annotation.stems),
        stem_audio_s=round(sum(annotation.duration_s for stem in annotation.stems if stem.audio is not None), 6),
        verdict="" if annotation.quality is None else annotation.quality.verdict,
        findings={} if annotation.quality is None else annotation.quality.findings,
        score=None if annotation.score is None else annotation.score.score,
        files=sorted(files, key=lambda file: file.path),
    )


def _check_audio(staging: Path, files: list[FileRecord]) -> None:
    for file in files:
        path = staging / file.path
        if not path.is_file() or path.stat().st_size != file.size_bytes:
            raise StoreError(f"{path} is not what the mix wrote", hint="The song is mixed again")


def _holds(final: Path, record: TrackRecord) -> bool:
    """Whether a published folder holds exactly the files of a record."""
    found = {path.relative_to(final).as_posix(): path for path in final.rglob("*") if path.is_file()}
    if found.keys() != {file.path for file in record.files}:
        return False
    if any(found[file.path].stat().st_size != file.size_bytes for file in record.files):
        return False
    return all(sha256_of(found[file.path]) == file.sha256 for file in record.files)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _replace(staging: Path, final: Path) -> None:
    """Let a complete staging folder and the published one change places; what was published is removed.

    The staging folder gets another name first: under its own it never holds what was published before.
    """
    incoming = staging.with_name(f"{staging.name}.incoming.part")
    shutil.rmtree(incoming, ignore_errors=True)
    staging.rename(incoming)
    swap(incoming, final)
    shutil.rmtree(incoming, ignore_errors=True)


def _rename_over_remains(staging: Path, final: Path, sign: str) -> None:
    """Rename; a folder that stands there without its sign is what is left of something else and goes."""
    if final.exists():
        shutil.rmtree(final)
    try:
        staging.rename(final)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST) and is_published(final, sign):
            return  # another process published the same song in between
        raise
