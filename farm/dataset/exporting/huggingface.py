"""A folder that `datasets.load_dataset` opens: audio and MIDI by split, and a table with the paths of each.

The table `metadata.parquet` has a row for each song, with its mix and the list of its stems; `stems.parquet` has one for
each stem. Columns whose names end in `file_name` or `file_names` are paths below the table's folder, which the library's
loader of audio folders opens as audio; those that end in `path` begin at the folder of the export.
(Hugging Face, Datasets: "Create an audio dataset", AudioFolder.)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeVar

from farm.dataset.exporting.base import Source, Target
from farm.dataset.exporting.card import SONGS, STEMS, card, folder_name
from farm.dataset.exporting.columns import SONG_COLUMNS, STEM_COLUMNS, Column, Type, row
from farm.dataset.exporting.order import What
from farm.dataset.exporting.parquet import ParquetTable, parquet_table
from farm.dataset.exporting.song import Part, Song
from schemas.annotation import StemAnnotation
from schemas.dataset import ANNOTATION, SLAKH_PATHS, TrackRecord

_Of = TypeVar("_Of")


def write_huggingface(source: Source, target: Target) -> None:
    """Write files and tables of every split, and the card.

    Raises:
        MissingDependencyError: pyarrow is not installed.
    """
    for split in source.splits:
        _write_split(source, target, [track for track in source.tracks if track.split == split], folder_name(split))
    target.write("README.md", card(source))


def _write_split(source: Source, target: Target, tracks: list[TrackRecord], folder: str) -> None:
    songs, stems = _song_columns(source), _stem_columns(source)
    with contextlib.ExitStack() as stack:
        of_songs = stack.enter_context(parquet_table(target, f"{folder}/{SONGS}", songs, {}))
        of_stems: ParquetTable | None = None
        if What.STEMS in source.order.what:
            of_stems = stack.enter_context(parquet_table(target, f"{folder}/{STEMS}", stems, {}))
        for track in tracks:
            song = source.song(track)
            _copy(source, target, track, folder)
            of_songs.add(row(songs, song))
            for stem in song.annotation.stems:
                if of_stems is not None and stem.audio is not None:
                    of_stems.add(row(stems, Part(song, stem)))
            source.tick()


def _copy(source: Source, target: Target, track: TrackRecord, folder: str) -> None:
    for copy in source.copies(track):
        with target.create(f"{folder}/{track.track}/{copy.file.path}") as handle:
            for piece in source.read(track, copy.file):
                handle.write(piece)


def _song_columns(source: Source) -> list[Column[Song]]:
    columns: dict[What, list[Column[Song]]] = {
        What.MIX: [Column("mix_file_name", Type.TEXT, "the mix", lambda song: _below(song, song.annotation.mix.audio))],
        What.STEMS: [
            Column("stems_file_names", Type.TEXTS, "the stems", lambda song: _each(song, lambda stem: _below(song, stem.audio))),
            Column("stems_names", Type.TEXTS, "their names", lambda song: _each(song, lambda stem: stem.name)),
            Column("stems_classes", Type.TEXTS, "their classes", lambda song: _each(song, lambda stem: stem.inst_class)),
        ],
        What.MIDI: [Column("midi_path", Type.TEXT, "the MIDI that sounds", lambda song: _placed(song, SLAKH_PATHS.all_stems))],
        What.ANNOTATION: [Column("annotation_path", Type.TEXT, "the annotation", lambda song: _placed(song, ANNOTATION))],
    }  # fmt: skip
    return [*_asked(source, columns), *_facts(SONG_COLUMNS)]


def _stem_columns(source: Source) -> list[Column[Part]]:
    columns: dict[What, list[Column[Part]]] = {
        What.STEMS: [Column("file_name", Type.TEXT, "the stem", lambda part: _below(part.song, part.stem.audio))],
        What.MIX: [
            Column("mix_file_name", Type.TEXT, "the mix", lambda part: _below(part.song, part.song.annotation.mix.audio))
        ],
        What.MIDI: [Column("midi_path", Type.TEXT, "the MIDI that sounds", lambda part: _placed(part.song, part.stem.midi))],
    }  # fmt: skip
    return [*_asked(source, columns), *_facts(STEM_COLUMNS)]


def _asked(source: Source, columns: dict[What, list[Column[_Of]]]) -> list[Column[_Of]]:
    return [column for what, found in columns.items() if what in source.order.what for column in found]


def _facts(columns: list[Column[_Of]]) -> list[Column[_Of]]:
    """Return the columns that are no paths."""
    return [column for column in columns if column.path is None]


def _each(song: Song, said: Callable[[StemAnnotation], str]) -> list[str]:
    """Return something of every stem that has audio."""
    return [said(stem) for stem in song.annotation.stems if stem.audio is not None]


def _below(song: Song, path: str | None) -> str:
    """Return the path of a file below the folder of its split."""
    return f"{song.track.track}/{path}"


def _placed(song: Song, path: str | None) -> str:
    """Return the path of a file below the folder of the export."""
    return f"{folder_name(song.track.split)}/{_below(song, path)}"
