"""Make submixes of songs that are published: groups of stems, summed exactly, and what is left as residuals."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from schemas.convert import Note, NoteCode, ReworkReport, SubmixOrder
from schemas.dataset import ANNOTATION, DATASET, FARM_FOLDER, MANIFEST, PAPERS, FileRecord, TrackRecord
from schemas.errors import DatasetError, FarmError, UnknownIdError
from schemas.submix import SUBMIXES, Submix, SubmixGroup, SubmixRecipe, Value
from workers.audio.files import disk_errors
from workers.mixing.gains import decibels
from workers.publishing.publish import write_documents
from workers.reworking.dataset import Found, find_dataset, locked, remove_indexes, write_manifest
from workers.reworking.documents import documents
from workers.reworking.passes import Lane, Sound, Sum, run_pass
from workers.reworking.pool import each_track
from workers.reworking.recipes import check_keys, said_of_stems, unknown_values
from workers.reworking.track import Track, file_record, read_track

Progress = Callable[[int, int], None]
_PART: Final = ".part"


@dataclass(frozen=True)
class Mixed:
    """A song with its submixes."""

    changed: bool
    files: list[FileRecord]
    seen: dict[str, list[Value]] = field(default_factory=dict)  #: recipe -> what the stems say of its key


def submix_dataset(order: SubmixOrder, progress: Progress) -> ReworkReport:
    """Make the submixes of a dataset's songs; those that are there already are left as they are.

    Raises:
        DatasetError: it is no finished dataset.
        PlanError: a recipe mixes by a key that no stem has.
        UnknownIdError: a song that was named is not in it.
        DiskFullError, OutputError: it cannot be written.
    """
    root = Path(order.folder).resolve()
    found = find_dataset(root)
    is_new = not (root / FARM_FOLDER).is_dir()
    wanted = _chosen(found, order.tracks)
    check_keys(order.recipes, [root / track for track in wanted])
    calls = {track: partial(submix_track, root / track, order.recipes, record=found.tracks[track]) for track in wanted}
    mixed: dict[str, Mixed] = {}
    failed: list[Note] = []
    notes: list[Note] = []
    with locked(root):
        for track, result in each_track(calls, order.jobs):
            if isinstance(result, FarmError):
                failed.append(Note(track=track, code=result.reason, message=str(result)))
            else:
                mixed[track] = result
            progress(len(mixed) + len(failed), len(wanted))
        if found.record is not None and any(result.changed for result in mixed.values()):
            lines = [_line(record, mixed.get(track)) for track, record in found.tracks.items() if record is not None]
            write_manifest(root, lines)  # the sums of the dataset stay what they are
            notes += remove_indexes(root)
    if is_new:
        shutil.rmtree(root / FARM_FOLDER, ignore_errors=True)
    for recipe in order.recipes if mixed else ():
        notes += unknown_values(recipe, [value for done in mixed.values() for value in done.seen.get(recipe.name, [])])
    if found.record is None:
        message = f"there is no {DATASET} and no {MANIFEST}, so that `farm verify` has nothing to compare it with"
        notes.append(Note(track="", code=NoteCode.NOT_VERIFIABLE, message=message))
    return ReworkReport(
        folder=str(root), tracks=len(wanted), reworked=sum(result.changed for result in mixed.values()),
        verifiable=found.record is not None, notes=notes, failed=failed,
    )  # fmt: skip


def submix_track(folder: Path, recipes: list[SubmixRecipe], *, record: TrackRecord | None) -> Mixed:
    """Make the submixes of one song in its folder; the files of the song itself are only read.

    Raises:
        DatasetError: stems are missing, damaged or unequal; no stem has the key; or a group would pass full scale.
        DiskFullError, OutputError: the folder cannot be written.
    """
    sound = _without_submixes(record)
    track = read_track(folder, sound)
    form, frames = track.form()
    made = {submix.recipe: submix for submix in (track.annotation.submixes if track.annotation is not None else [])}
    changed, seen = False, {}
    for recipe in recipes:
        groups, seen[recipe.name] = _groups(track, recipe)
        if _is_made(track, recipe, groups, form.format, made.get(recipe.name), record):
            continue
        lanes = [Lane(folder / file, None) for file in track.stems.values()]
        names = list(track.stems)
        sums = [
            Sum(f"{group}.{form.format}", frozenset(names.index(stem) for stem in stems))
            for group, stems in groups.items()
        ]
        part = folder / SUBMIXES / f"{recipe.folder}{_PART}"
        shutil.rmtree(part, ignore_errors=True)
        sounds = run_pass(lanes, sums, part, form, frames)
        _check_full_scale(folder, recipe, sounds, part, bits=form.bits)
        made[recipe.name] = _submix(recipe, groups, sounds, form.format)
        _put(part, folder / SUBMIXES / recipe.folder)
        changed = True
    if changed or _is_behind(track, made):
        song = track.annotation
        if song is not None:
            song = song.model_copy(update={"submixes": list(made.values())})
            papers = documents(track, song, None)
            write_documents(folder, dict(sorted(papers.items(), key=lambda item: item[0] == ANNOTATION)))
        changed = True
    if sound is None:
        return Mixed(changed, [], seen)
    checked = {file.path: file for file in sound.files}
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return Mixed(changed, [checked.get(file) or file_record(folder, file) for file in files], seen)


def _chosen(found: Found, names: list[str]) -> list[str]:
    """Return the folders of the songs that are meant, by their names or folders; all if none is named."""
    if not names:
        return list(found.tracks)
    by_name = {Path(folder).name: folder for folder in found.tracks} | {folder: folder for folder in found.tracks}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise UnknownIdError(
            f"there is no track {unknown[0]} in {found.root}", hint="`farm find` lists those there are"
        )
    return sorted({by_name[name] for name in names})


def _without_submixes(record: TrackRecord | None) -> TrackRecord | None:
    """Return a record without what this command writes, which a killed one may have left half-done."""
    if record is None:
        return None
    own = set(PAPERS)
    kept = [file for file in record.files if file.path not in own and not file.path.startswith(f"{SUBMIXES}/")]
    return record.model_copy(update={"files": kept})


def _groups(track: Track, recipe: SubmixRecipe) -> tuple[dict[str, list[str]], list[Value]]:
    """Assign the stems that have audio, and return what all stems say of the key.

    What the metadata does not know of a stem is no value, and so residual.
    """
    said = said_of_stems(track)
    about = {name: said[name] for name in track.stems if name in said}
    keys = sorted({key for values in about.values() for key in values})
    if recipe.key not in keys:
        raise DatasetError(
            f"no stem of {track.folder} has the key {recipe.key!r} that the recipe {recipe.name!r} mixes by",
            hint=f"Its metadata has {', '.join(keys) or 'no keys'}",
        )
    groups = recipe.partition({name: about.get(name, {}).get(recipe.key) for name in track.stems})
    values = [stem[recipe.key] for stem in said.values() if recipe.key in stem]
    return groups, [value for value in values if isinstance(value, bool | int | float | str)]


def _is_made(
    track: Track, recipe: SubmixRecipe, groups: dict[str, list[str]], file_format: str, made: Submix | None,
    record: TrackRecord | None,
) -> bool:  # fmt: skip
    """Whether the submix is there as the recipe wants it, its files those of the manifest."""
    if made is None or record is None:
        return False
    if made.key != recipe.key or {group.name: group.stems for group in made.groups} != groups:
        return False
    known = {file.path: file for file in record.files}
    paths = [recipe.audio(group, file_format) for group in groups]
    return all(path in track.files and known.get(path) == file_record(track.folder, path) for path in paths)


def _is_behind(track: Track, made: dict[str, Submix]) -> bool:
    """Whether the metadata does not list all submixes, as where a command was killed before it wrote that."""
    if track.annotation is None:
        return False
    if track.metadata is None:
        return {submix.recipe for submix in track.annotation.submixes} != set(made)
    own = track.metadata.get("stemfarm", {})
    return isinstance(own, dict) and set(own.get("submixes", {})) != set(made)


def _check_full_scale(folder: Path, recipe: SubmixRecipe, sounds: dict[str, Sound], part: Path, *, bits: int) -> None:
    """Refuse a group that is louder than its integers can say, where the song as a whole is not."""
    loud = [] if bits == 32 else [file for file, sound in sounds.items() if sound.peak > 1.0 - 2.0 ** (1 - bits)]
    if loud:
        shutil.rmtree(part, ignore_errors=True)
        raise DatasetError(
            f"{folder}: the group {Path(loud[0]).stem} of {recipe.name} would reach {decibels(sounds[loud[0]].peak)} dB "
            "over full scale and cannot be the exact sum of its stems",
            hint="Name the recipe in the plan (output.submixes) when the dataset is made: its gains leave room then",
        )


def _submix(recipe: SubmixRecipe, groups: dict[str, list[str]], sounds: dict[str, Sound], file_format: str) -> Submix:
    def group(name: str, stems: list[str]) -> SubmixGroup:
        sound = sounds[f"{name}.{file_format}"]
        return SubmixGroup(
            name=name, audio=recipe.audio(name, file_format), stems=stems, peak_dbfs=decibels(sound.peak),
            loudness_lufs=sound.loudness_lufs,
        )  # fmt: skip

    return Submix(recipe=recipe.name, key=recipe.key, groups=[group(name, stems) for name, stems in groups.items()])


def _put(part: Path, target: Path) -> None:
    with disk_errors(target):
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)


def _line(record: TrackRecord, mixed: Mixed | None) -> TrackRecord:
    return record if mixed is None else record.model_copy(update={"files": mixed.files})
