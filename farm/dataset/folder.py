"""The folder of a dataset: claimed by one plan, worked on by one command at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from farm.dataset.places import track_folders
from schemas.dataset import DATASET, FARM_FOLDER, RESPLIT
from schemas.errors import DiskFullError, OutputError
from schemas.layouts import SAMPLE
from schemas.plan import DatasetPlan

_CLAIM = "plan.json"
#: Where songs go that were published before everything was made again, and have not come again.
REPLACED = "replaced"
#: Keys of a plan that change nothing in its dataset.
_ELSEWHERE = frozenset({"name", "source", "keep_store", "rerender_existing", "store.url", "store.endpoint", "corpus"})


def farm_folder(out: Path) -> Path:
    """Return the folder of the farm's own files inside the dataset `out`."""
    return out / FARM_FOLDER


def claim(out: Path, plan: DatasetPlan) -> None:
    """Make `out` the folder of `plan`, or check that it already is.

    Raises:
        OutputError: it holds something else, another plan's dataset, or cannot be written.
    """
    mark = farm_folder(out) / _CLAIM
    with translated_os_errors(out):
        if mark.exists():
            _check_same(mark, plan, out)
            return
        if out.exists() and not out.is_dir():
            raise OutputError(f"{out} is a file", hint="Name a folder with --out")
        if out.is_dir() and any(entry.name != FARM_FOLDER for entry in out.iterdir()):
            raise OutputError(
                f"{out} is not empty and is no dataset of the farm", hint="Name a new or empty folder with --out"
            )
        farm_folder(out).mkdir(parents=True, exist_ok=True)
        beside = mark.with_suffix(".part")
        beside.write_text(plan.model_dump_json(indent=1), encoding="utf-8")
        beside.replace(mark)


def claimed_plan(out: Path) -> DatasetPlan:
    """Return the plan that the folder of a dataset was claimed for.

    Raises:
        OutputError: it is no folder of a dataset, or what it says cannot be read.
    """
    mark = farm_folder(out) / _CLAIM
    try:
        return DatasetPlan.model_validate_json(mark.read_text(encoding="utf-8"))
    except OSError as error:
        raise OutputError(
            f"{out} is no folder of a dataset: there is no {mark.name} in {mark.parent}", hint="Name what --out named"
        ) from error
    except ValueError as error:
        raise OutputError(
            f"{mark} is damaged or of another version of the farm", hint="Submit the plan again with `farm submit`"
        ) from error


def published_tracks(out: Path) -> int:
    """Count the published songs in the folder of a dataset: songs appear there whole or not at all."""
    patterns = ("Track*", "[a-z]*/Track*", f"*/{SAMPLE}", f"*/*/{SAMPLE}")
    return sum(path.is_dir() or path.name == SAMPLE for pattern in patterns for path in out.glob(pattern))


def _check_same(mark: Path, plan: DatasetPlan, out: Path) -> None:
    try:
        other = DatasetPlan.model_validate_json(mark.read_text(encoding="utf-8"))
    except ValueError as error:
        raise OutputError(
            f"{mark} is damaged or of another version of the farm", hint="Name another folder with --out"
        ) from error
    differing = _differing(other.model_dump(), plan.model_dump())
    if not differing:
        return
    keys = ", ".join(differing)
    if not published_tracks(out):
        raise OutputError(
            f"{out} was begun for another plan (it differs in {keys}), and no song is in it",
            hint="Unless it is still being made, remove the folder; or name another with --out",
        )
    raise OutputError(
        f"{out} holds a dataset of another plan (it differs in {keys})",
        hint="Name another folder with --out, or give the same options as before",
    )


def _differing(one: dict[str, object], two: dict[str, object], prefix: str = "") -> list[str]:
    keys = []
    for key in dict.fromkeys((*one, *two)):
        value, other = one.get(key), two.get(key)
        if prefix + key in _ELSEWHERE:
            continue
        if isinstance(value, dict) and isinstance(other, dict):
            keys.extend(_differing(value, other, f"{prefix}{key}."))
        elif value != other:
            keys.append(prefix + key)
    return keys


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the folder's lock; it is released by the kernel when the process ends, however it ends.

    Raises:
        OutputError: another command holds it.
    """
    with translated_os_errors(out), open(farm_folder(out) / "lock", "a+b") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(f"another command is working on {out}", hint="Wait for it or stop it") from error
        yield


@contextlib.contextmanager
def translated_os_errors(out: Path) -> Iterator[None]:
    """Turn failures of the file system under `out` into errors that say what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                f"no room to write below {out}", hint="Free some space and run the same command again"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise OutputError(
                f"{out} cannot be written ({error.strerror})", hint="Name another folder with --out"
            ) from error
        raise OutputError(f"cannot use {out}: {error}", hint="Name another folder with --out") from error


def sweep(out: Path) -> None:
    """Remove what killed processes left half-done; call it with the lock held, when no slot runs."""
    for leftover in (farm_folder(out) / "store" / "tmp").glob("*"):
        leftover.unlink()
    for leftover in (farm_folder(out) / "staging").glob("*.part"):
        shutil.rmtree(leftover)


def set_aside(out: Path, keep: Collection[str]) -> None:
    """Move track folders that are not among `keep` into the farm's own folder: what an earlier run had published.

    Args:
        out: folder of the dataset.
        keep: paths of the dataset's track folders, relative to `out`. Where tracks were moved between splits afterwards,
            their names alone count.
    """
    by_name = (out / RESPLIT).is_dir()
    names = {PurePosixPath(place).name for place in keep}
    for _, folder in list(track_folders(out)):
        place = folder.relative_to(out)
        if place.name not in names if by_name else place.as_posix() not in keep:
            target = farm_folder(out) / REPLACED / place
            shutil.rmtree(target, ignore_errors=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(target)


def is_finished(out: Path) -> bool:
    """Whether the dataset's record, written last, is there."""
    return (out / DATASET).is_file()


def free_bytes(path: Path) -> int:
    """Return the free space of the file system that holds `path`, bytes."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize
