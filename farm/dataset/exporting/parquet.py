"""Tables as Apache Parquet, with types, and with the meaning of every column in the schema."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from farm.dataset.exporting.base import Source, Target
from farm.dataset.exporting.columns import Row, Type
from farm.dataset.exporting.tables import Columns, write_tables
from schemas.errors import MissingDependencyError

#: Rows that are gathered before they are written as one row group.
_GROUP: Final = 10_000


def write_parquet(source: Source, target: Target) -> None:
    """Write `songs.parquet` and `stems.parquet`.

    Raises:
        MissingDependencyError: pyarrow is not installed.
    """
    write_tables(source, target, parquet_table)


class ParquetTable:
    """A table that is being written, one row group after the other."""

    def __init__(self, arrow: Any, writer: Any, schema: Any) -> None:
        self._arrow = arrow
        self._writer = writer
        self._schema = schema
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        """Append a row."""
        self._rows.append(row)
        if len(self._rows) == _GROUP:
            self.flush()

    def flush(self) -> None:
        """Write what is gathered."""
        if self._rows:
            self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
            self._rows = []


@contextlib.contextmanager
def parquet_table(target: Target, name: str, columns: Columns, facts: dict[str, str]) -> Iterator[ParquetTable]:
    """Open a table; it is whole when the block ends well.

    Args:
        target: where it is written.
        name: its path without `.parquet`.
        columns: of every row.
        facts: what the schema says of the whole.

    Raises:
        MissingDependencyError: pyarrow is not installed.
    """
    pa, parquet = _libraries()
    types = {
        Type.TEXT: pa.string(), Type.WHOLE: pa.int64(), Type.NUMBER: pa.float64(), Type.FLAG: pa.bool_(),
        Type.TEXTS: pa.list_(pa.string()),
    }  # fmt: skip
    fields = [pa.field(column.name, types[column.type], metadata={"meaning": column.meaning}) for column in columns]
    schema = pa.schema(fields, metadata=facts)
    with (
        target.create(f"{name}.parquet") as handle,
        parquet.ParquetWriter(handle, schema, compression="zstd") as writer,
    ):
        table = ParquetTable(pa, writer, schema)
        yield table
        table.flush()


def _libraries() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingDependencyError(
            "Parquet is written by pyarrow, and it is not installed",
            hint="pip install 'stemfarm[export]', or in a checkout: pip install -e '.[export]'",
        ) from error
    return pa, parquet
