"""The files of the checkout, for tests that look at the tree as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Folders that tools and runs make, and the hidden ones but `.ci`.
_MADE = {"out", "build", "dist", "__pycache__"}


def files(*suffixes: str) -> Iterator[Path]:
    """Yield the project's files with these suffixes (all without any), never those that tools made."""
    for folder, names, found in os.walk(ROOT):
        names[:] = sorted(name for name in names if name not in _MADE and (name[0] != "." or name == ".ci"))
        for name in sorted(found):
            path = Path(folder) / name
            if not suffixes or path.suffix in suffixes:
                yield path


def shown(path: Path) -> str:
    """Return a path as a person reads it in the tree."""
    return path.relative_to(ROOT).as_posix()
