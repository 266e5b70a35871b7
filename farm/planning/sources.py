"""Find the MIDI files of a source: a folder of any depth, one file, or a text list of paths."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.compose import COMPOSED, path_of
from schemas.errors import SourceError
from schemas.plan import DatasetPlan

MIDI_SUFFIXES = frozenset({".mid", ".midi", ".smf"})
LIST_SUFFIXES = frozenset({".txt", ".list", ".lst"})


@dataclass(frozen=True, slots=True)
class Source:
    """A root folder and the paths below it, relative with forward slashes, sorted and without repeats."""

    root: Path
    paths: list[str]


def source_of(plan: DatasetPlan) -> Source:
    """List the songs of a plan: the MIDI files of its source, or the numbers of those that are composed.

    Raises:
        SourceError: see `find_source`.
    """
    if plan.compose is None:
        return find_source(Path(plan.source))
    numbers = range(plan.compose.first, plan.compose.first + plan.compose.count)
    return Source(Path(COMPOSED), [path_of(number) for number in numbers])


def find_source(path: Path) -> Source:
    """List the MIDI files that `path` stands for.

    A listed path that does not exist is kept: the scan rejects it by name.

    Raises:
        SourceError: nothing at `path`, no MIDI in it, or a file that is neither MIDI nor a list.
    """
    path = path.expanduser()
    if not path.exists():
        raise SourceError(
            f"there is nothing at {path}", hint="Name a folder of MIDI files, one MIDI file, a list or a plan"
        )
    if path.is_dir():
        return _folder(path.resolve())
    if path.suffix.lower() in MIDI_SUFFIXES:
        return Source(path.resolve().parent, [path.name])
    if path.suffix.lower() in LIST_SUFFIXES:
        return _list(path)
    raise SourceError(
        f"{path} is neither MIDI ({', '.join(sorted(MIDI_SUFFIXES))}), a list (.txt) nor a plan (.yaml)",
        hint="Rename it or name the folder it lies in",
    )


def _folder(root: Path) -> Source:
    paths = sorted(_walk(root))
    if not paths:
        raise SourceError(
            f"no MIDI file below {root}", hint=f"It needs files ending in {', '.join(sorted(MIDI_SUFFIXES))}"
        )
    return Source(root, paths)


def _walk(root: Path) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise SourceError(f"cannot read the folder {error.filename}: {error.strerror}", hint="Check its permissions")

    for folder, folders, files in os.walk(root, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if Path(name).suffix.lower() in MIDI_SUFFIXES and not name.startswith("."):
                yield Path(folder, name).relative_to(root).as_posix()


def _list(path: Path) -> Source:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"cannot read the list {path}: {error}", hint="It must be UTF-8 text, one path a line"
        ) from error
    folder = path.resolve().parent
    entries = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not entries:
        raise SourceError(f"the list {path} names no file", hint="Write one path a line")
    absolute = {Path(os.path.normpath(folder / Path(entry).expanduser())) for entry in entries}
    root = Path(os.path.commonpath([str(item.parent) for item in absolute]))
    return Source(root, sorted(item.relative_to(root).as_posix() for item in absolute))
