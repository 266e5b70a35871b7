"""Slakh's list of MIDI files: one path a line."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.errors import PlanError

ROLE: Final = "the MIDI list"


@dataclass(frozen=True, slots=True)
class SongList:
    """The files that a list names, with their places on this machine."""

    path: Path
    files: tuple[Path, ...]  #: in the order of the list, each once
    blank: int  #: lines that are empty: Slakh tries to read each of them as a file
    repeated: int  #: lines that name a file again: Slakh makes a song of each
    absent: int  #: files that are not there


def read_songs(root: Path, named: str) -> SongList:
    """Read a list of MIDI files; relative paths in it count from `root`, where Slakh is started.

    Raises:
        PlanError: unreadable, or it names no file.
    """
    path = root / Path(named).expanduser()
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"cannot read {ROLE} {path}: {error}", hint="It must be UTF-8 text, one path a line") from error
    listed = [Path(os.path.normpath(root / Path(line).expanduser())) for line in lines if line]
    if not listed:
        raise PlanError(f"{ROLE} {path} names no file", hint="Write one path a line, or set the key to null")
    files = tuple(dict.fromkeys(listed))
    return SongList(
        path=path,
        files=files,
        blank=len(lines) - len(listed),
        repeated=len(listed) - len(files),
        absent=sum(not file.is_file() for file in files),
    )
