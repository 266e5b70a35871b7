"""Find the stems, or the songs, of a dataset of which something is true."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

from farm.dataset.catalogue import FIELDS, SONG_FIELDS, Entry
from farm.dataset.query import Facts, Row, Value, parse
from schemas.errors import QueryError

#: What is shown of a stem and of a song, unless fields are named.
STEM_COLUMNS: Final = ("track", "stem", "split", "class", "program", "instrument", "notes", "lufs", "duration", "patch")
SONG_COLUMNS: Final = ("track", "split", "duration", "stems", "found", "tempo", "mix_lufs", "source")

Found = dict[str, Value]


def find(entries: Iterable[Entry], query: str, *, songs: bool = False, fields: Sequence[str] = ()) -> list[Found]:
    """Return what passes the test of `query`, sorted by track and stem.

    Args:
        entries: the catalogue.
        query: see `farm.dataset.query`.
        songs: one line for each song that has such a stem, with the number of them as `found`, not one for each stem.
        fields: what is wanted of each; everything if left out.

    Raises:
        QueryError: the query or a field cannot be understood.
    """
    test = parse(query, FIELDS)
    known = (*SONG_FIELDS, "found") if songs else tuple(FIELDS)
    wanted = [_checked(field, known) for field in fields] or list(known)
    lines: list[Found] = []
    for entry in entries:
        rows: list[Facts] = [{**entry.song, **stem} for stem in entry.stems]
        hits = [row for row in rows if test(Row(row, rows))]
        if songs and hits:
            hits = [{**entry.song, "found": len(hits)}]
        lines += [{field: hit.get(field) for field in wanted} for hit in hits]
    return lines


def _checked(field: str, known: Sequence[str]) -> str:
    if field in known:
        return field
    close = difflib.get_close_matches(field, known, n=1, cutoff=0.5)
    hint = f"Did you mean `{close[0]}`?" if close else f"Fields: {', '.join(sorted(known))}"
    raise QueryError(f"there is no field `{field}`", hint=hint)
