"""The second half of `farm verify`: some songs are made anew in a folder of their own and compared byte by byte."""

from __future__ import annotations

import importlib.metadata
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import ValidationError
from rich import progress
from rich.console import Console

from farm.cli.prepare import Request, enter
from farm.cli.run import check_effects
from farm.dataset.finish import write_dataset
from farm.dataset.folder import claim, claimed_plan, farm_folder, locked, translated_os_errors
from farm.dataset.records import read_dataset, read_manifest
from farm.dataset.remade import (
    Differs,
    Unlike,
    chosen,
    compared_files,
    differences,
    how_many,
    reworked,
    unlike_engines,
    unlike_plan,
    unlike_song,
)  # fmt: skip
from farm.ledger import Ledger, SubmissionStatus, open_ledger
from farm.planning.again import missing_files, plan_again
from farm.planning.sources import Source
from farm.scheduling.local import Stopped, run_local
from farm.scheduling.slothost import SlotHost
from schemas import DISTRIBUTION
from schemas.annotation import SongAnnotation
from schemas.compose import COMPOSED
from schemas.dataset import ANNOTATION, SLAKH_PATHS, DatasetRecord, TrackRecord
from schemas.errors import AssetError, DatasetError, FarmError
from schemas.machine import usable_cores
from schemas.plan import DatasetPlan
from schemas.verifying import Code, Finding, NotRemade, Remake

#: Songs that are made at once: a bound of the disk that they take for the time being.
_AT_ONCE: Final = 16


class _Other(FarmError):
    """What was found here plays other sounds than the dataset has."""

    def __init__(self, differs: Differs) -> None:
        super().__init__(differs.message)
        self.differs = differs


@dataclass(slots=True)
class _Outcome:
    """What has been made anew and found so far."""

    tracks: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    not_remade: list[NotRemade] = field(default_factory=list)
    files: int = 0
    size_bytes: int = 0

    def leave(self, tracks: Sequence[TrackRecord], reason: str, message: str) -> None:
        """Note that songs cannot be compared."""
        self.not_remade += [NotRemade(track=track.folder, reason=str(reason), message=message) for track in tracks]

    def report(self, asked: str, songs: int) -> Remake:
        """Return it as a verification tells it."""
        skipped = Counter(item.reason for item in self.not_remade)
        return Remake(
            asked=asked, songs=songs, tracks=self.tracks, files=self.files, size_bytes=self.size_bytes,
            differing=len(self.findings), skipped=dict(sorted(skipped.items())), not_remade=self.not_remade,
        )  # fmt: skip


def remake(folder: Path, asked: str, *, quiet: bool) -> tuple[Remake, list[Finding]]:
    """Make some songs of a dataset anew, and return what became of them and every difference.

    Raises:
        PlanError: `asked` is neither a share nor a number.
        DatasetError: the records of the dataset are damaged.
        Stopped: somebody stopped it.
    """
    record, tracks = read_dataset(folder), read_manifest(folder)
    wanted = chosen(record, tracks, how_many(asked, len(tracks)))
    outcome = _Outcome()
    unlike = unlike_plan(record, farm_version=importlib.metadata.version(DISTRIBUTION))
    if unlike is None:
        _make_all(folder, record, wanted, outcome, quiet=quiet)
    else:
        outcome.leave(wanted, unlike.reason, unlike.message)
    return outcome.report(asked, len(wanted)), outcome.findings


def _make_all(
    folder: Path, record: DatasetRecord, wanted: Sequence[TrackRecord], outcome: _Outcome, *, quiet: bool
) -> None:
    """Make the songs anew, some at a time; what ends a run on this machine is a reason, and no fault of the dataset."""
    songs = _songs(folder, wanted, outcome)
    alike = [track for track in wanted if track.track in songs]
    with _Progress(len(alike), quiet=quiet) as shown:
        for start in range(0, len(alike), _AT_ONCE):
            some = alike[start : start + _AT_ONCE]
            try:
                with tempfile.TemporaryDirectory(prefix="farm-remake-") as work, translated_os_errors(Path(work)):
                    _make(folder, record, some, songs, Path(work), outcome, shown)
            except Stopped as error:
                raise Stopped("stopped", hint="Give the same command again; it begins anew") from error
            except _Other as other:
                outcome.leave(alike[start:], other.differs.reason, other.differs.message)
                return
            except FarmError as error:
                outcome.leave(alike[start:], error.reason, str(error))
                return
            shown.done(len(some))


def _songs(folder: Path, wanted: Sequence[TrackRecord], outcome: _Outcome) -> dict[str, SongAnnotation]:
    """Return the annotations of the songs that can be compared, by track; why others cannot goes to the outcome."""
    songs = {}
    for track in wanted:
        try:
            song = SongAnnotation.model_validate_json((folder / track.folder / ANNOTATION).read_bytes())
        except (OSError, ValidationError):
            outcome.leave([track], DatasetError.reason, f"its {ANNOTATION} cannot be read")
            continue
        if not (folder / track.folder / SLAKH_PATHS.source_midi).is_file():
            outcome.leave([track], DatasetError.reason, f"its {SLAKH_PATHS.source_midi} is missing")
            continue
        unlike = unlike_song(song)
        if unlike is None:
            songs[track.track] = song
        else:
            outcome.leave([track], unlike.reason, unlike.message)
    return songs


def _make(
    folder: Path,
    record: DatasetRecord,
    some: Sequence[TrackRecord],
    songs: dict[str, SongAnnotation],
    work: Path,
    outcome: _Outcome,
    shown: _Progress,
) -> None:
    """Make some songs anew as `farm run` does, and compare them."""
    request = _request(folder, record, some, work)
    with SlotHost() as host:
        check_effects(request.plan)
        claim(request.out, request.plan)
        url = f"sqlite:///{farm_folder(request.out) / 'ledger.sqlite'}"
        with locked(request.out):
            ledger = open_ledger(url)
            host.begin(url, slots=usable_cores(), logs=farm_folder(request.out) / "logs")
            number = enter(ledger, request)
            run_local(
                ledger,
                number,
                host,
                finish=lambda submission: write_dataset(ledger, submission),
                report=lambda status: _watch(ledger, record, status, shown),
            )
    _check_engines(ledger, record, number)
    _compare(folder, record, some, songs, request, ledger, number, outcome)


def _request(folder: Path, record: DatasetRecord, some: Sequence[TrackRecord], work: Path) -> Request:
    """Return what is to be made: the same songs of the same plan, found ones from the files that the dataset keeps."""
    plan = plan_again(_plan(folder, record), hashes={record.soundfont: record.soundfont_sha256, **record.soundfonts})
    missing = missing_files(plan)
    if missing:
        raise AssetError(f"there is no {missing[0]}" + (f", nor {len(missing) - 1} more" if missing[1:] else ""))
    if plan.compose is not None:
        return Request(plan, Source(Path(COMPOSED), sorted(track.source for track in some)), work / "out")
    root = work / "source"
    for track in some:
        path = PurePosixPath(track.source)
        if path.is_absolute() or ".." in path.parts:
            raise _Other(Differs(Unlike.PLAN_DIFFERS, f"{track.source} is no path below a source"))
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((folder / track.folder / SLAKH_PATHS.source_midi).read_bytes())
    plan = plan.model_copy(update={"source": str(root)})
    return Request(plan, Source(root, sorted(track.source for track in some)), work / "out")


def _plan(folder: Path, record: DatasetRecord) -> DatasetPlan:
    """Return the plan with the paths that it was made with, where the folder still has it; else as its record keeps it."""
    try:
        plan = claimed_plan(folder)
    except FarmError:
        return record.plan
    return plan if plan.plan_hash == record.plan_sha256 else record.plan


def _watch(ledger: Ledger, record: DatasetRecord, status: SubmissionStatus, shown: _Progress) -> None:
    """Show how far it is; end it before a stem is rendered where what is here plays other sounds."""
    if not status.stems_done:
        _check_engines(ledger, record, status.submission_id)
    shown.show(status)


def _check_engines(ledger: Ledger, record: DatasetRecord, number: int) -> None:
    submission = ledger.submission(number)
    facts = submission.engine_facts
    if facts is not None and (unlike := unlike_engines(record, facts)) is not None:
        raise _Other(unlike)
    if facts is None and submission.reason:
        raise _Other(Differs(submission.reason, submission.detail))


def _compare(
    folder: Path,
    record: DatasetRecord,
    some: Sequence[TrackRecord],
    songs: dict[str, SongAnnotation],
    request: Request,
    ledger: Ledger,
    number: int,
    outcome: _Outcome,
) -> None:
    made = {(track.song_sha256, track.source): track for track in ledger.finished_tracks(number)}
    failures = {failure.name: failure for failure in ledger.failures(number)}
    for track in some:
        again = made.get((track.song_sha256, track.source))
        if again is None:
            why = failures.get(track.source) or failures.get(track.track)
            message = "another song is made in its place" if why is None else f"{why.reason}: {why.detail}"
            outcome.findings.append(
                Finding(
                    track=track.folder, file="", code=Code.REMAKE_FAILED, message=f"it cannot be made anew: {message}"
                )
            )
            outcome.tracks.append(track.track)
            continue
        _compare_song(folder, record, track, again, songs[track.track], request.out, outcome)


def _compare_song(
    folder: Path,
    record: DatasetRecord,
    track: TrackRecord,
    again: TrackRecord,
    song: SongAnnotation,
    out: Path,
    outcome: _Outcome,
) -> None:
    remade = SongAnnotation.model_validate_json((out / again.folder / ANNOTATION).read_bytes())
    said, here = song.provenance.composer_version, remade.provenance.composer_version
    if said != here:
        message = f"it was written by the composer {said or 'of an older farm'}, and here is {here}"
        outcome.leave([track], Unlike.COMPOSER_DIFFERS, message)
        return
    later = reworked(song, record.plan)
    if later is not None:
        outcome.leave([track], later.reason, later.message)
    files = compared_files(track, again, song, record.plan)
    outcome.findings += differences(folder / track.folder, out / again.folder, track, files)
    outcome.tracks.append(track.track)
    outcome.files += len(files)
    outcome.size_bytes += sum(file.size_bytes for file in track.files if file.path in files)


class _Progress:
    """The live line of it, on standard error: songs made anew, and the time left."""

    def __init__(self, songs: int, *, quiet: bool) -> None:
        self._bar = progress.Progress(
            progress.TextColumn("making anew  "),
            progress.BarColumn(bar_width=32),
            progress.TextColumn(f"{{task.fields[songs]}} of {songs:,}"),
            progress.TimeElapsedColumn(),
            progress.TextColumn("left"),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=quiet,
        )
        self._before = 0
        self._task = self._bar.add_task("", total=songs, songs=0)

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, status: SubmissionStatus) -> None:
        """Bring the line up to date while some songs are being made."""
        share = status.work_done / status.work_total if status.work_total else 0.0
        songs = self._before + status.songs_done
        self._bar.update(self._task, completed=self._before + share * status.songs_total, songs=songs)

    def done(self, songs: int) -> None:
        """Say that some songs are behind us."""
        self._before += songs
        self._bar.update(self._task, completed=self._before, songs=self._before)
