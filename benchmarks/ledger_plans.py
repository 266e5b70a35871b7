"""What the ledger asks its database: statements are overheard, counted, and explained by the database itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

from farm.ledger.database import parse_url

#: What begins a statement that reads or changes rows.
_VERBS = ("SELECT", "UPDATE", "INSERT", "DELETE", "WITH")


@dataclass(frozen=True, slots=True)
class Overheard:
    """A statement as it went to the database."""

    statement: str
    parameters: Any  #: of one execution
    executions: int  #: rows of parameters; 1 unless it was executed many times over


@contextmanager
def overhear() -> Iterator[list[Overheard]]:
    """Collect every statement of this process while the block lasts."""
    heard: list[Overheard] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.lstrip().upper().startswith(_VERBS):
            several = many and not isinstance(parameters, dict)  # in a dictionary are the values of one long statement
            heard.append(
                Overheard(statement, parameters[0] if several else parameters, len(parameters) if several else 1)
            )

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield heard
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def scans_of(url: str, heard: list[Overheard], table: str, *, forbid: bool = False) -> list[str]:
    """Return the statements for which the database would read the whole of a table, or the whole of an index of it.

    Args:
        url: of the ledger.
        heard: what was overheard.
        table: its name.
        forbid: whether PostgreSQL is told to avoid it wherever it can: a table of a few rows is read whole otherwise.
    """
    engine = create_engine(parse_url(url))
    try:
        with engine.connect() as conn:
            if forbid and conn.dialect.name == "postgresql":
                conn.exec_driver_sql("SET enable_seqscan = off")
            partial = _partial_indexes(conn)
            distinct = {one.statement: one for one in heard if table in one.statement}
            return [one.statement for one in distinct.values() if _reads_all(conn, one, table, partial)]
    finally:
        engine.dispose()


def _partial_indexes(conn: Connection) -> set[str]:
    """Return the names of indexes that hold some of their table's rows only."""
    query = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'"
    if conn.dialect.name == "postgresql":
        query = "SELECT indexrelid::regclass::text FROM pg_index WHERE indpred IS NOT NULL"
    return set(conn.exec_driver_sql(query).scalars())


def _reads_all(conn: Connection, one: Overheard, table: str, partial: set[str]) -> bool:
    if conn.dialect.name == "postgresql":
        found = conn.exec_driver_sql("EXPLAIN (FORMAT JSON) " + one.statement, one.parameters).scalar_one()
        plan = json.loads(found) if isinstance(found, str) else found
        nodes = [node for node in _nodes(plan[0]["Plan"]) if node.get("Relation Name", table) == table]
        return any(node["Node Type"] == "Seq Scan" or _is_whole(node, partial) for node in nodes)
    for row in conn.exec_driver_sql("EXPLAIN QUERY PLAN " + one.statement, one.parameters):
        words = row.detail.split()
        if words[:2] == ["SCAN", table] and words[-1] not in partial:
            return True
    return False


def _is_whole(node: dict[str, Any], partial: set[str]) -> bool:
    """Whether PostgreSQL reads all of an index that has all rows of its table."""
    return "Index Name" in node and "Index Cond" not in node and node["Index Name"] not in partial


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)
