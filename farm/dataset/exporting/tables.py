"""Tables of a dataset: a row for each song and one for each stem, in whatever a form of file holds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from farm.dataset.exporting.base import Source, Target
from farm.dataset.exporting.columns import SONG_COLUMNS, STEM_COLUMNS, Column, Row, row, wanted
from farm.dataset.exporting.song import Part

#: The columns of a table.
Columns = Sequence[Column[Any]]


class Table(Protocol):
    """A table that grows by rows."""

    def add(self, row: Row) -> None:
        """Append a row that has every column."""


#: Begins a table: target, name without what it ends with, columns, and what is said of the whole.
Opener = Callable[[Target, str, Columns, dict[str, str]], AbstractContextManager[Table]]


def write_tables(source: Source, target: Target, opened: Opener) -> None:
    """Write the tables `songs` and `stems`, in one go through the songs."""
    songs, stems = wanted(SONG_COLUMNS, source.order), wanted(STEM_COLUMNS, source.order)
    facts = {
        "dataset": source.record.name, "plan_sha256": source.record.plan_sha256, "farm_version": source.record.farm_version,
    }  # fmt: skip
    begins = source.paths_from
    with opened(target, "songs", songs, facts) as of_songs, opened(target, "stems", stems, facts) as of_stems:
        for track in source.tracks:
            song = source.song(track)
            of_songs.add(row(songs, song, paths_from=begins))
            for stem in song.annotation.stems:
                of_stems.add(row(stems, Part(song, stem), paths_from=begins))
            source.tick()
