"""`farm find`: ask a dataset for the stems or songs of which something is true."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from farm.cli.output import counted, print_json
from farm.cli.screens import show, table
from farm.dataset.catalogue import SONG_FIELDS, STEM_FIELDS, read_catalogue
from farm.dataset.find import SONG_COLUMNS, STEM_COLUMNS, Found, find
from farm.dataset.query import Value
from schemas.errors import PlanError


def find_command(
    dataset: Path, query: str, *, songs: bool, fields: str | None, limit: int | None, as_csv: bool, as_json: bool
) -> int:
    """Print what was found: a table, JSON or CSV."""
    if as_csv and as_json:
        raise PlanError("--csv and --json exclude one another", hint="Give one of them")
    _, entries = read_catalogue(dataset.expanduser())
    named = [] if fields is None else [field.strip() for field in fields.split(",") if field.strip()]
    shown = named or list(SONG_COLUMNS if songs else STEM_COLUMNS)
    found = find(entries, query, songs=songs, fields=named if as_csv or as_json else shown)
    listed = found[:limit]
    if as_json:
        print_json(listed)
    elif as_csv:
        _print_csv(listed, named or [*SONG_FIELDS, *(["found"] if songs else STEM_FIELDS)])
    else:
        _print_table(listed, shown, total=len(found), what="song" if songs else "stem")
    return 0


def fields_command(*, as_json: bool) -> int:
    """Print every field with its kind and meaning."""
    rows = [
        {"field": name, "of": of, "kind": kind.value, "meaning": meaning}
        for of, fields in (("song", SONG_FIELDS), ("stem", STEM_FIELDS))
        for name, (kind, meaning) in fields.items()
    ]
    if as_json:
        print_json(rows)
    else:
        show(table("fields", ["field", "of", "kind", "meaning"], [list(row.values()) for row in rows]))
    return 0


def _print_csv(found: list[Found], columns: list[str]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns if not found else found[0])
    writer.writerows([_plain(value) for value in line.values()] for line in found)


def _plain(value: Value) -> str | float | int:
    """Return a cell: lists joined by `;`, flags as true and false, nothing for what is not known."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ";".join(value) if isinstance(value, list) else value


def _print_table(found: list[Found], columns: list[str], *, total: int, what: str) -> None:
    if not found:
        sys.stdout.write(f"no {what} is like that\n")
        return
    more = f", the first {len(found)}" if len(found) < total else ""
    show(table(f"{counted(total, what)}{more}", columns, [[_cell(line[name]) for name in columns] for line in found]))


def _cell(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    return str(_plain(value))
