"""Convert a whole dataset, into a copy or in place, song by song."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from schemas.convert import ConvertedForm, ConvertOrder, Note, NoteCode, ReworkReport
from schemas.dataset import DATASET, FARM_FOLDER, MANIFEST, DatasetRecord, TrackRecord
from schemas.errors import DatasetError, FarmError, OutputError, PlanError
from workers.audio.files import disk_errors
from workers.reworking.convert import Converted, convert_track, target_form
from workers.reworking.dataset import Found, find_dataset, locked, remove_indexes, write_dataset
from workers.reworking.journal import DoneTrack, Journal
from workers.reworking.pool import each_track
from workers.reworking.track import Track, conversions_of, read_track

Progress = Callable[[int, int], None]
#: Papers of a dataset that go along with a copy; what else lies on top may be about the old files.
_PAPERS: Final = ("LICENSE", "LICENCE", "NOTICE", "README")


def convert_dataset(order: ConvertOrder, progress: Progress) -> ReworkReport:
    """Convert a dataset; killed and ordered again, it goes on with the songs that are not converted.

    Raises:
        DatasetError: the source is no finished dataset.
        DiskFullError, OutputError: the target cannot be written, or holds something else.
        PlanError: nothing was asked, or something that there is not.
    """
    source, target = Path(order.source).resolve(), Path(order.target or order.source).resolve()
    in_place = order.target is None
    order = order.model_copy(update={"source": str(source), "target": None if in_place else str(target)})
    if (order.format, order.bits, order.rate_hz, order.mono) == (None, None, None, False):
        raise PlanError("no new form is named", hint="Add --format, --rate, --bits or --mono")
    if order.dither and order.bits != 16:
        raise PlanError(
            "dither is for samples that are rounded to 16 bits", hint="Add --bits 16, or leave --dither out"
        )
    if not in_place and (target.is_relative_to(source) or source.is_relative_to(target)):
        raise PlanError(
            f"{target} and {source} lie in each other", hint="Name another folder, or convert with --in-place"
        )
    is_new = not (target / FARM_FOLDER).is_dir()
    found = find_dataset(source, top=_resumed(source) if in_place else None)
    if in_place and found.record is not None and target_form(found.record.form, order) == found.record.form:
        return _report(target, found, reworked=0)
    with locked(target):
        report = _convert(order, found, target, progress)
    if is_new and not report.failed:
        shutil.rmtree(target / FARM_FOLDER, ignore_errors=True)
    return report


def _resumed(source: Path) -> Path | None:
    """Put songs in their places whose conversion was cut off; return where the record of the dataset lies meanwhile."""
    journal = Journal(source)
    if not journal.is_open():
        return None
    with locked(source):
        for track in journal.known():
            journal.settled(track)
    return journal.top if journal.top.is_file() else None


def _convert(order: ConvertOrder, found: Found, target: Path, progress: Progress) -> ReworkReport:
    journal, in_place = Journal(target), order.target is None
    if not in_place and not journal.is_open():
        if _is_done(order, found, target):
            return _report(target, found, reworked=0)
        _claim(target)
    journal.open(order)
    general: list[Note] = []
    if in_place and found.record is not None:
        general = remove_indexes(target)
        journal.put_top_aside()
    done = {track: settled for track in found.tracks if (settled := journal.settled(track)) is not None}
    left = [track for track in found.tracks if track not in done]
    ceiling_db = None if found.record is None else found.record.plan.mix.ceiling_db
    calls = {
        track: partial(
            convert_track, found.root / track, journal.part(track), order,
            record=found.tracks[track], name=track, ceiling_db=ceiling_db,
        )
        for track in left
    }  # fmt: skip
    failed: list[Note] = []
    reworked = 0
    progress(len(done), len(found.tracks))
    for track, result in each_track(calls, order.jobs):
        if isinstance(result, FarmError):
            failed.append(Note(track=track, code=result.reason, message=str(result)))
            continue
        if result.changed:
            done[track] = _done(result)
            journal.commit(track, done[track])
            reworked += 1
        progress(len(found.tracks) - len(left) + reworked, len(found.tracks))
    if not failed:
        _finish(order, found, target, done)
        journal.close()
    notes = general + [note for track in found.tracks if track in done for note in done[track].notes]
    return _report(target, found, reworked=reworked, notes=notes, failed=failed)


def _done(converted: Converted) -> DoneTrack:
    return DoneTrack(
        duration_s=converted.duration_s, stem_audio_s=round(sum([converted.duration_s] * converted.stems), 6),
        files=sorted(converted.files, key=lambda file: file.path), notes=converted.notes,
    )  # fmt: skip


def _finish(order: ConvertOrder, found: Found, target: Path, done: dict[str, DoneTrack]) -> None:
    """Write manifest and record of a dataset of ours, and take a copy's papers along."""
    if order.target is not None:
        for path in sorted(found.root.iterdir()):
            if path.is_file() and path.name.upper().startswith(_PAPERS):
                with disk_errors(target / path.name):
                    shutil.copyfile(path, target / path.name)
    if found.record is None:
        return
    tracks = [_line(record, done[folder]) for folder, record in found.tracks.items() if record is not None]
    write_dataset(target, _converted(found.record, order), tracks)


def _line(record: TrackRecord, done: DoneTrack) -> TrackRecord:
    update = {"duration_s": done.duration_s, "stem_audio_s": done.stem_audio_s, "files": done.files}
    return record.model_copy(update=update)


def _converted(record: DatasetRecord, order: ConvertOrder) -> DatasetRecord:
    form = target_form(record.form, order)
    if form == record.form:
        return record
    done = ConvertedForm(**form.model_dump(), dither=order.dither and not form.keeps(record.form))
    return record.model_copy(update={"conversions": [*record.conversions, done]})


def _claim(target: Path) -> None:
    """See to it that a copy goes into a folder of its own."""
    if any(path.name != FARM_FOLDER for path in target.iterdir()) or any(
        path.name not in ("lock", "convert") for path in (target / FARM_FOLDER).iterdir()
    ):
        raise OutputError(f"{target} is not empty", hint="Name a new or empty folder, or remove what is there")


def _is_done(order: ConvertOrder, found: Found, target: Path) -> bool:
    """Whether the target is what the order asks for: the same songs, each in its new form."""
    try:
        there = find_dataset(target)
        if list(there.tracks) != list(found.tracks) or (there.record is None) != (found.record is None):
            return False
        if found.record is not None and there.record is not None:
            wanted = _converted(found.record, order)
            return (there.record.plan, there.record.conversions) == (found.record.plan, wanted.conversions)
        return all(
            _is_converted(read_track(target / track), read_track(found.root / track), order) for track in found.tracks
        )
    except DatasetError:
        return False


def _is_converted(new: Track, old: Track, order: ConvertOrder) -> bool:
    form, before = new.form()[0], old.form()[0]
    done = conversions_of(new.metadata)
    if order.dither and not form.keeps(before) and done and not done[-1].get("dither"):
        return False
    return form == target_form(before, order)


def _report(
    target: Path, found: Found, *, reworked: int, notes: list[Note] | None = None, failed: list[Note] | None = None
) -> ReworkReport:
    notes = list(notes or [])
    if found.record is None:
        message = f"there is no {DATASET} and no {MANIFEST}, so that `farm verify` has nothing to compare it with"
        notes.append(Note(track="", code=NoteCode.NOT_VERIFIABLE, message=message))
    return ReworkReport(
        folder=str(target), tracks=len(found.tracks), reworked=reworked, verifiable=found.record is not None, notes=notes,
        failed=failed or [],
    )  # fmt: skip
