"""Tables as lines of JSON, one record a line."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from farm.dataset.exporting.base import HashedFile, Source, Target
from farm.dataset.exporting.columns import Row
from farm.dataset.exporting.tables import Columns, write_tables


def write_jsonl(source: Source, target: Target) -> None:
    """Write `songs.jsonl` and `stems.jsonl`."""
    write_tables(source, target, _opened)


class _Lines:
    def __init__(self, handle: HashedFile) -> None:
        self._handle = handle

    def add(self, row: Row) -> None:
        """Append a line."""
        self._handle.write((json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n").encode())


@contextlib.contextmanager
def _opened(target: Target, name: str, columns: Columns, facts: dict[str, str]) -> Iterator[_Lines]:  # noqa: ARG001  keys and `export.json` say it
    with target.create(f"{name}.jsonl") as handle:
        yield _Lines(handle)
