"""What is asked of an export, and the record that it leaves."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from schemas.base import FarmModel
from schemas.dataset import FileRecord

#: The record of an export, written last.
EXPORT: Final = "export.json"


class ExportFormat(StrEnum):
    """Forms of an export."""

    WEBDATASET = "webdataset"  #: tar shards
    PARQUET = "parquet"  #: tables
    JSONL = "jsonl"
    CSV = "csv"
    HUGGINGFACE = "huggingface"  #: a folder that `datasets` loads

    @property
    def is_table(self) -> bool:
        """Whether it holds tables alone, and no audio."""
        return self in {ExportFormat.PARQUET, ExportFormat.JSONL, ExportFormat.CSV}


class What(StrEnum):
    """Files of a song, in the order in which they are written."""

    ANNOTATION = "annotation"
    MIDI = "midi"
    MIX = "mix"
    STEMS = "stems"
    MIXES = "mixes"  #: further mixes
    SUBMIXES = "submixes"


#: What is exported unless something else is asked for.
USUAL: Final = (What.ANNOTATION, What.MIDI, What.MIX, What.STEMS)


class ExportOrder(FarmModel):
    """What is asked."""

    format: ExportFormat
    what: tuple[What, ...] = USUAL
    split: str | None = None  #: only this one; None for all but `omitted`
    shard_size_bytes: Annotated[int, Field(gt=0)] | None = None  #: of tar shards, at most
    shuffle: int | None = None  #: seed of the order of the songs; None keeps that of their names
    relative: bool = False  #: paths of tables begin at the tables, not at the dataset


class ExportRecord(FarmModel):
    """What an export holds, and of what it was made: the same again is the same bytes."""

    schema_version: int = 1
    order: ExportOrder
    paths_from: str = ""  #: what stands before the paths of tables: the way from the tables to the dataset
    dataset: str  #: its name
    plan_sha256: str
    dataset_sha256: str  #: of `dataset.json`
    manifest_sha256: str
    farm_version: str  #: that made the dataset
    songs: int
    stems: int
    files: list[FileRecord]
