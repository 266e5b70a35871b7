"""Where a song is put together before it is published: one folder per song beside the dataset."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from farm.ledger import SongWork, TaskRef
from schemas.dataset import ANNOTATION, FARM_FOLDER, RESPLIT
from schemas.splits import folder_of
from workers.audio.files import disk_errors


def staging_folder(work: SongWork) -> Path:
    """Return the staging folder of a song; on the dataset's filesystem, so that publishing is one rename.

    Each try at a composed song has one of its own: what a worker that was given up still writes of an earlier try never
    comes among the files of this one.
    """
    return _folder(work, len(work.song.rejected))


def _folder(work: SongWork, attempt: int) -> Path:
    name = f"{work.song.name}.try{attempt}" if attempt else work.song.name
    return Path(work.out_dir) / FARM_FOLDER / "staging" / name


def remove_earlier_tries(work: SongWork) -> None:
    """Remove what tries at a composed song that were thrown away have left to be published."""
    for attempt in range(len(work.song.rejected)):
        shutil.rmtree(_folder(work, attempt), ignore_errors=True)


def track_folder(work: SongWork) -> Path:
    """Return the folder that the song is published as, or was: another split may have been made of the dataset since."""
    out, name = Path(work.out_dir), work.song.name
    shard = work.plan.output.shard_of(name)
    planned = out / folder_of(name, shard or work.song.split)
    if planned.is_dir() or not (out / RESPLIT).is_dir():
        return planned
    moved = (place / name for place in (out, *sorted(out.iterdir())) if (place / name / ANNOTATION).is_file())
    return next(moved, planned)


@contextmanager
def staged(work: SongWork, task: TaskRef) -> Iterator[Path]:
    """Give a new folder that becomes the song's staging folder when the block succeeds, and is removed when it fails.

    Two workers at one song, one of them given up, write to folders of their own; what they write is the same.
    """
    target = staging_folder(work)
    own = target.with_name(f"{target.name}.{task.task_id}.{task.epoch}.part")
    with disk_errors(own):
        shutil.rmtree(own, ignore_errors=True)
        own.mkdir(parents=True)
    try:
        yield own
        with disk_errors(target):
            shutil.rmtree(target, ignore_errors=True)
            own.rename(target)
    finally:
        shutil.rmtree(own, ignore_errors=True)
