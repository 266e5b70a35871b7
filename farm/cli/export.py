"""`farm export`: a finished dataset as tar shards, tables, or a folder for the Hugging Face libraries."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from farm.cli.output import answer, counted, size
from farm.dataset.exporting.export import Exported, export
from farm.dataset.exporting.order import USUAL, ExportFormat, ExportOrder, What
from schemas.errors import PlanError

_INTERRUPTED: Final = 130
_UNITS: Final = {"": 1, "B": 1, **{f"{letter}B": 1000**power for power, letter in enumerate("KMGT", 1)}}
_BINARY: Final = {f"{letter}IB": 1024**power for power, letter in enumerate("KMGT", 1)}


def export_command(
    dataset: Path,
    form: str,
    out: Path | None,
    *,
    what: str | None,
    no_midi: bool,
    split: str | None,
    shard_size: str | None,
    shuffle: int | None,
    relative: bool,
    as_json: bool,
) -> int:
    """Export a dataset and say what is there then; returns 0."""
    order = ExportOrder(
        format=_format(form),
        what=_what(what, no_midi=no_midi),
        split=split,
        shard_size_bytes=None if shard_size is None else size_bytes(shard_size),
        shuffle=shuffle,
        relative=relative,
    )
    _check(order)
    folder = dataset.expanduser().resolve()
    target = folder.with_name(f"{folder.name}-{order.format}") if out is None else out
    try:
        exported = export(folder, target, order, _ignore if as_json or not sys.stderr.isatty() else _show)
    except KeyboardInterrupt:
        sys.stderr.write("farm: interrupted; run the same command to begin again\n")
        return _INTERRUPTED
    return answer(_report(exported), _text(exported), as_json=as_json)


def size_bytes(text: str) -> int:
    """Return a size that a person wrote, `1GB` or `512MiB`, in bytes.

    Raises:
        PlanError: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT]?i?B?)", text.strip(), flags=re.IGNORECASE)
    unit = {**_UNITS, **_BINARY}.get(found[2].upper()) if found is not None else None
    if found is None or unit is None or (count := int(float(found[1]) * unit)) < 1:
        raise PlanError(f"--shard-size {text}: this is no size", hint="Such as 1GB, 500MB or 512MiB")
    return count


def _format(text: str) -> ExportFormat:
    try:
        return ExportFormat(text)
    except ValueError as error:
        raise PlanError(f"--format {text}: there is no such form", hint=f"One of {', '.join(ExportFormat)}") from error


def _what(text: str | None, *, no_midi: bool) -> tuple[What, ...]:
    named = [word.strip() for word in text.split(",") if word.strip()] if text is not None else list(USUAL)
    unknown = [word for word in named if word not in list(What)]
    if unknown or not named:
        raise PlanError(f"--what {text}: there is no such part of a song", hint=f"Some of {','.join(What)}")
    chosen = tuple(what for what in What if what in named and not (no_midi and what is What.MIDI))
    if not chosen:
        raise PlanError("--no-midi leaves nothing to export", hint="Name more with --what")
    return chosen


def _check(order: ExportOrder) -> None:
    """Refuse options that mean nothing for the form."""
    wrong = [
        option
        for option, given in (("--shard-size", order.shard_size_bytes), ("--shuffle", order.shuffle))
        if given is not None and order.format is not ExportFormat.WEBDATASET
    ]
    if wrong:
        raise PlanError(f"{wrong[0]} is of tar shards", hint="Give it with --format webdataset")
    if order.relative and not order.format.is_table:
        raise PlanError(
            "--relative is of tables; the other forms hold the files themselves",
            hint="Leave it out, or give it with --format parquet, jsonl or csv",
        )
    if order.format is ExportFormat.HUGGINGFACE and not {What.MIX, What.STEMS} & set(order.what):
        raise PlanError("there is no audio to load", hint="Name mix or stems with --what, or take --format parquet")


def _show(done: int, songs: int) -> None:
    sys.stderr.write(f"\r{done} of {counted(songs, 'song')}" + ("\n" if done == songs else ""))
    sys.stderr.flush()


def _ignore(done: int, songs: int) -> None:
    """Keep still: machines read along, or nobody looks."""


def _report(exported: Exported) -> dict[str, object]:
    record = exported.record
    return {
        "folder": str(exported.folder.resolve()),
        "format": record.order.format.value,
        "new": exported.is_new,
        "songs": record.songs,
        "stems": record.stems,
        "omitted": exported.omitted,
        "size_bytes": sum(file.size_bytes for file in record.files),
        "files": [file.model_dump() for file in record.files],
    }


def _text(exported: Exported) -> str:
    record = exported.record
    held = f"{counted(record.songs, 'song')}, {counted(record.stems, 'stem')}"
    files = f"{counted(len(record.files), 'file')}, {size(sum(file.size_bytes for file in record.files))}"
    lines = [f"{exported.folder}: {held} in {files}{'' if exported.is_new else ', as exported before'}"]
    if exported.omitted:
        lines.append(f"{counted(exported.omitted, 'song')} in `omitted` left out; `--split omitted` exports them")
    return "\n".join(lines)
