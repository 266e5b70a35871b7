"""Verify a whole dataset, its tracks side by side in several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from schemas.convert import AudioForm
from schemas.dataset import (
    ANNOTATION,
    DATASET,
    FARM_FOLDER,
    MANIFEST,
    SLAKH_PATHS,
    DatasetRecord,
    SplitsRecord,
    TrackRecord,
)
from schemas.errors import DatasetError, NoDatasetError
from schemas.machine import usable_cores
from schemas.plan import DatasetPlan
from workers.verifying.instruments import check_instruments
from workers.verifying.labels import check_labels, read_annotation
from workers.verifying.octaves import check_octave
from workers.verifying.onsets import check_onsets, early_s
from workers.verifying.pitch import check_pitch
from workers.verifying.report import Code, Finding, VerifyReport
from workers.verifying.samples import check_samples, check_struck
from workers.verifying.sound import check_audio
from workers.verifying.track import TrackCheck, check_files

#: Sums of seconds may differ by their rounding.
_SECONDS_TOLERANCE: Final = 1e-3

Progress = Callable[[int, int], None]


def verify_dataset(
    folder: Path, *, fast: bool = False, processes: int | None = None, progress: Progress | None = None
) -> VerifyReport:
    """Check everything that a finished dataset claims.

    Args:
        folder: of the dataset.
        fast: leave the audio undecoded: files, hashes and labels only.
        processes: how many tracks are checked at a time; None for one per core.
        progress: called with (tracks done, tracks) after every track.

    Raises:
        NoDatasetError: the folder is no finished dataset.
        DatasetError: its record is damaged.
    """
    dataset = _read_dataset(folder)
    records, findings = _read_manifest(folder)
    findings += _check_totals(dataset, records)
    findings += _check_folders(folder, records)
    present = [record for record in records if (folder / record.folder).is_dir()]
    check = partial(verify_track, folder, plan=dataset.plan, form=dataset.form, fast=fast)
    found: dict[str, list[Finding]] = {}
    for done, (name, of_track) in enumerate(_checked(check, present, processes or usable_cores()), start=1):
        found[name] = of_track
        if progress is not None:
            progress(done, len(present))
    findings += [finding for record in present for finding in found[record.track]]
    return VerifyReport(dataset=dataset.name, tracks=len(records), fast=fast, ok=not findings, findings=findings)


def verify_track(folder: Path, record: TrackRecord, *, plan: DatasetPlan, form: AudioForm, fast: bool) -> list[Finding]:
    """Return what is wrong with one track of the dataset in `folder`."""
    track = TrackCheck(folder / record.folder, record, plan, form)
    check_files(track)
    song = read_annotation(track)
    if song is None:
        return track.findings
    check_labels(track, song)
    check_instruments(track, song)
    check_samples(track, song)
    if not fast:
        sounds = check_audio(track, song)
        for stem in song.stems:
            if stem.sample is not None:
                if stem.name in sounds:
                    check_struck(track, stem, sounds[stem.name], song.rate_hz)
            elif stem.name in sounds:
                check_onsets(track, stem, sounds[stem.name], song.rate_hz, early_s=early_s(song))
                check_pitch(track, stem, song.rate_hz)
                check_octave(track, stem, song.rate_hz)
    return track.findings


def _checked(
    check: Callable[[TrackRecord], list[Finding]], records: list[TrackRecord], processes: int
) -> Iterator[tuple[str, list[Finding]]]:
    """Yield the findings of every track as they come; in this process where there is nothing to share out."""
    if min(processes, len(records)) <= 1:
        yield from ((record.track, check(record)) for record in records)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(records)), mp_context=context) as pool:
        names = {pool.submit(check, record): record.track for record in records}
        for future in as_completed(names):
            yield names[future], future.result()


def _read_dataset(folder: Path) -> DatasetRecord:
    try:
        return DatasetRecord.model_validate_json((folder / DATASET).read_bytes())
    except OSError as error:
        if (folder / FARM_FOLDER / "convert" / DATASET).is_file():
            raise NoDatasetError(
                f"{folder} is being converted in place",
                hint="Give the same `farm convert` again: it goes on where it stopped",
            ) from error
        raise NoDatasetError(
            f"{folder} is no finished dataset: {DATASET} cannot be read ({error.strerror})",
            hint="Name the folder that was given as --out, and let its run end",
        ) from error
    except ValidationError as error:
        raise DatasetError(
            f"{folder / DATASET} is damaged or of another version: {error.errors()[0]['msg']}"
        ) from error


def _read_manifest(folder: Path) -> tuple[list[TrackRecord], list[Finding]]:
    try:
        lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        return [], [_finding(MANIFEST, Code.MANIFEST_INVALID, f"it cannot be read: {error}")]
    records, findings = {}, []
    for number, line in enumerate(lines, start=1):
        try:
            record = TrackRecord.model_validate_json(line)
        except ValidationError as error:
            message = f"line {number} is no track record: {error.errors()[0]['msg']}"
            findings.append(_finding(MANIFEST, Code.MANIFEST_INVALID, message))
            continue
        if record.track in records:
            findings.append(_finding(MANIFEST, Code.MANIFEST_INVALID, f"line {number} repeats {record.track}"))
        records[record.track] = record
    return list(records.values()), findings


def _check_totals(dataset: DatasetRecord, records: Iterable[TrackRecord]) -> list[Finding]:
    records = list(records)
    claims = [
        ("tracks", dataset.tracks, len(records)),
        ("seconds", dataset.duration_s, sum(record.duration_s for record in records)),
        ("seconds of stems", dataset.stem_audio_s, sum(record.stem_audio_s for record in records)),
    ]
    findings = []
    if dataset.plan_sha256 != dataset.plan.plan_hash:
        findings.append(_finding(DATASET, Code.TOTALS_WRONG, "its plan is not the one whose hash is beside it"))
    if dataset.splits != SplitsRecord.of(records):
        message = "it counts other splits than the manifest, or says of a song with versions in two that it is in one"
        findings.append(_finding(DATASET, Code.SPLITS_WRONG, message))
    return findings + [
        _finding(DATASET, Code.TOTALS_WRONG, f"{said} {what}, and the manifest has {found}")
        for what, said, found in claims
        if abs(said - found) > _SECONDS_TOLERANCE
    ]


def _check_folders(folder: Path, records: list[TrackRecord]) -> list[Finding]:
    """Every record has its folder, and every track folder its record, also inside the folders of splits."""
    known = {record.folder for record in records}
    missing = [record.folder for record in records if not (folder / record.folder).is_dir()]
    extra = [path for path in _track_folders(folder) if path not in known]
    return [
        *(_finding("", Code.TRACK_MISSING, "the manifest lists it, and there is no folder", name) for name in missing),
        *(_finding("", Code.TRACK_EXTRA, "a track's folder that the manifest does not list", name) for name in extra),
    ]


def _track_folders(folder: Path) -> Iterator[str]:
    """Yield the folder of every track, relative to the dataset's."""
    for entry in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        inside = [entry] if _is_track(entry) else [path for path in sorted(entry.iterdir()) if _is_track(path)]
        yield from (path.relative_to(folder).as_posix() for path in inside)


def _is_track(path: Path) -> bool:
    return any((path / sign).is_file() for sign in (ANNOTATION, SLAKH_PATHS.sign))


def _finding(file: str, code: Code, message: str, track: str = "") -> Finding:
    return Finding(track=track, file=file, code=code, message=message)
