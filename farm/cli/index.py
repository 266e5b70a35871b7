"""`farm index`: what other programs need to find their way in a dataset."""

from __future__ import annotations

import sys
from pathlib import Path

from farm.cli.output import counted, print_json
from farm.dataset.folder import translated_os_errors
from farm.dataset.mirdata import mirdata_indexes, write_index
from schemas.errors import PlanError

_KINDS = ("mirdata",)


def index_command(kind: str, dataset: Path, out: Path | None, *, as_json: bool) -> int:
    """Write the indexes of a finished dataset; returns 0."""
    if kind not in _KINDS:
        raise PlanError(f"there is no index for {kind!r}", hint=f"One of: {', '.join(_KINDS)}")
    indexes, why_not = mirdata_indexes(dataset)
    target = (dataset if out is None else out).expanduser().resolve()
    with translated_os_errors(target):
        target.mkdir(parents=True, exist_ok=True)
        paths = [write_index(index, target) for index in indexes]
    home = str(dataset.expanduser().resolve().parent)
    if as_json:
        written = [
            {"version": index.version, "path": str(path), "stems": index.tracks, "songs": index.multitracks}
            for index, path in zip(indexes, paths, strict=True)
        ]
        print_json({"data_home": home, "indexes": written, "not_written": why_not})
        return 0
    for index, path in zip(indexes, paths, strict=True):
        songs = counted(index.multitracks, "song")
        sys.stdout.write(f"{path}: version {index.version}, {songs}, {counted(index.tracks, 'stem')}\n")
    sys.stdout.write(f"mirdata's data_home is {home}\n")
    if why_not:
        sys.stdout.write(f"no index of version 2100-redux: {why_not}\n")
    return 0
