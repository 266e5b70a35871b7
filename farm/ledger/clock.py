"""The database's own clock: the only clock that the ledger compares times with."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Double
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class db_now(FunctionElement[float]):  # noqa: N801 - reads as a function of SQL
    """Seconds since 1970-01-01 UTC by the database's clock; at least milliseconds fine on both databases."""

    type = Double()
    inherit_cache = True


@compiles(db_now, "postgresql")
def _postgres(_element: db_now, _compiler: SQLCompiler, **_kw: Any) -> str:
    # clock_timestamp() goes on inside a transaction; now() would stand still at its start.
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"


@compiles(db_now, "sqlite")
def _sqlite(_element: db_now, _compiler: SQLCompiler, **_kw: Any) -> str:
    # 2440587.5 is the Julian day of 1970-01-01 00:00 UTC.
    return "((julianday('now') - 2440587.5) * 86400.0)"
