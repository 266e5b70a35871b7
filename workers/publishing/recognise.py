"""A song that is published already, by a farm whose ledger is gone, is recognised and not made again."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from schemas.annotation import SongAnnotation
from schemas.dataset import ANNOTATION, FileRecord, TrackRecord
from schemas.errors import OutputError
from schemas.patch import EngineFacts
from schemas.plan import DatasetPlan
from schemas.song import SongSpec
from workers.audio.files import disk_errors
from workers.publishing.layouts import layout_named
from workers.publishing.publish import is_published, record_of, sha256_of


def recognise(final: Path, song: SongSpec, plan: DatasetPlan, engine: EngineFacts) -> TrackRecord | None:
    """Return the record of the song that is published as `final`, the same as when it was; None if none is.

    Raises:
        OutputError: a song is published there, but another one, or from another plan or engine; or it is not whole.
    """
    if not is_published(final, layout_named(plan.output.layout).paths.sign):
        return None
    with disk_errors(final):
        annotation = _annotation(final)
        files = [_file(final, path) for path in sorted(final.rglob("*")) if path.is_file()]
    if annotation.conversions:
        raise OutputError(
            f"{final} was converted after it was published",
            hint=f"Remove {final} to make the song again, or convert a copy",
        )
    _check(final, annotation, _expected(song, plan, engine))
    audio = [annotation.mix.audio, *(stem.audio for stem in annotation.stems)]
    for mix in annotation.mixes:
        audio += [mix.audio, *(stem.audio for stem in mix.stems)]
    named = {file for file in audio if file is not None}
    missing = sorted(named - {file.path for file in files})
    if missing:
        raise OutputError(f"{final} has lost {missing[0]}", hint=f"Remove {final}: the song is made again")
    return record_of(song, annotation, sorted(files, key=lambda file: file.path))


def _annotation(final: Path) -> SongAnnotation:
    try:
        return SongAnnotation.model_validate_json((final / ANNOTATION).read_bytes())
    except (FileNotFoundError, ValidationError) as error:
        raise OutputError(
            f"{final / ANNOTATION} is missing or cannot be read", hint=f"Remove {final}: the song is made again"
        ) from error


def _expected(song: SongSpec, plan: DatasetPlan, engine: EngineFacts) -> dict[str, object]:
    return {
        "song_sha256": song.song_hash, "source": song.source, "seed": plan.seed, "plan_sha256": plan.plan_hash,
        "engine": engine.engine, "engine_version": engine.version, "soundfont_sha256": engine.soundfont.sha256,
        "soundfonts": engine.map_hashes, "patches": {name: use.model_dump() for name, use in engine.uses.items()},
    }  # fmt: skip


def _check(final: Path, annotation: SongAnnotation, expected: dict[str, object]) -> None:
    seen = annotation.provenance.model_dump()
    differing = [name for name, value in expected.items() if seen[name] != value]
    if differing:
        raise OutputError(
            f"{final} is published with another {', '.join(differing)} than this submission has",
            hint=f"Remove {final} to make the song again, or name another folder with --out",
        )


def _file(final: Path, path: Path) -> FileRecord:
    return FileRecord(path=path.relative_to(final).as_posix(), size_bytes=path.stat().st_size, sha256=sha256_of(path))
