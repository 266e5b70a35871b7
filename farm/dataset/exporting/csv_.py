"""Tables as CSV (RFC 4180) with a line of names: UTF-8, lists joined by `;`, nothing for what is not known."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterator

from farm.dataset.exporting.base import HashedFile, Source, Target
from farm.dataset.exporting.columns import Row, Value
from farm.dataset.exporting.tables import Columns, write_tables


def write_csv(source: Source, target: Target) -> None:
    """Write `songs.csv` and `stems.csv`."""
    write_tables(source, target, _opened)


class _Sheet:
    def __init__(self, handle: HashedFile, columns: Columns) -> None:
        self._handle = handle
        self._write([column.name for column in columns])

    def add(self, row: Row) -> None:
        """Append a row."""
        self._write([_cell(value) for value in row.values()])

    def _write(self, cells: list[str]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerow(cells)
        self._handle.write(text.getvalue().encode())


@contextlib.contextmanager
def _opened(target: Target, name: str, columns: Columns, facts: dict[str, str]) -> Iterator[_Sheet]:  # noqa: ARG001  `export.json` says it
    with target.create(f"{name}.csv") as handle:
        yield _Sheet(handle, columns)


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ";".join(value) if isinstance(value, list) else str(value)
