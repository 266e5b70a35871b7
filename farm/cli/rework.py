"""`farm convert` and `farm submix`: hand a finished dataset to the process of the data plane that reworks it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from farm.cli.output import answer, counted
from farm.dataset.reworking import rework
from farm.planning.submixes import read_recipe
from schemas.convert import ConvertOrder, ReworkReport, SubmixOrder
from schemas.errors import PlanError
from schemas.machine import usable_cores
from schemas.plan import OutputPlan

#: Some tracks could not be reworked; the others are.
_SOME_FAILED: Final = 3
_INTERRUPTED: Final = 130


def convert_command(
    source: Path,
    target: Path | None,
    *,
    in_place: bool,
    file_format: str | None,
    rate_hz: int | None,
    bits: int | None,
    mono: bool,
    dither: bool,
    jobs: int | None,
    as_json: bool,
) -> int:
    """Convert a dataset; returns 0, or 3 if some tracks failed."""
    if (target is None) != in_place:
        raise PlanError(
            "name either a folder for the copy or --in-place", hint="farm convert SRC DST, or SRC --in-place"
        )
    _check(format=file_format, rate_hz=rate_hz, bits=bits)
    order = _order(
        source=str(source), target=None if target is None else str(target), format=file_format, rate_hz=rate_hz,
        bits=bits, mono=mono, dither=dither, jobs=jobs or usable_cores(),
    )  # fmt: skip
    return _do(order, "converted", as_json=as_json)


def submix_command(
    folder: Path, recipes: Sequence[str], *, tracks: Sequence[str], jobs: int | None, as_json: bool
) -> int:
    """Make submixes in a dataset; returns 0, or 3 if some tracks failed."""
    read = [read_recipe(recipe) for recipe in recipes]
    twice = [recipe.folder for recipe in read if sum(other.folder == recipe.folder for other in read) > 1]
    if twice:
        raise PlanError(f"two recipes would have the folder {twice[0]}", hint="Rename one of the files")
    order = SubmixOrder(folder=str(folder), recipes=read, tracks=list(tracks), jobs=jobs or usable_cores())
    return _do(order, "submixed", as_json=as_json)


def _check(**values: object) -> None:
    """See to it that the dataset could have been made in such a form."""
    for key, value in values.items():
        if value is None:
            continue
        try:
            OutputPlan.model_validate({key: value, "format": "wav"} if key != "format" else {key: value})
        except ValidationError as error:
            option = {"rate_hz": "--rate"}.get(key, f"--{key}")
            raise PlanError(
                f"{option} {value}: {error.errors()[0]['msg']}", hint="See `farm convert --help`"
            ) from error


def _order(**values: Any) -> ConvertOrder:
    return ConvertOrder.model_validate(values)


def _show(*, quiet: bool) -> Any:
    """Return what shows progress: nothing for machines and where nobody looks."""

    def show(done: int, tracks: int) -> None:
        sys.stderr.write(f"\r{done} of {counted(tracks, 'track')}" + ("\n" if done == tracks else ""))
        sys.stderr.flush()

    def ignore(done: int, tracks: int) -> None:
        """Keep still."""

    return ignore if quiet or not sys.stderr.isatty() else show


def _do(order: ConvertOrder | SubmixOrder, what: str, *, as_json: bool) -> int:
    try:
        report = rework(order, _show(quiet=as_json))
    except KeyboardInterrupt:
        sys.stderr.write("farm: interrupted; run the same command to go on\n")
        return _INTERRUPTED
    answer(report.model_dump(mode="json"), _text(report, what), as_json=as_json)
    return _SOME_FAILED if report.failed else 0


def _text(report: ReworkReport, what: str) -> str:
    lines = [f"{item.track}: failed: {item.code}: {item.message}" for item in report.failed]
    lines += [": ".join(filter(None, (note.track, note.code, note.message))) for note in report.notes]
    before = report.tracks - report.reworked - len(report.failed)
    counts = [f"{counted(report.reworked, 'track')} {what}"]
    counts += [f"{before} as ordered before"] if before else []
    counts += [f"{len(report.failed)} failed"] if report.failed else []
    return "\n".join([*lines, f"{_shown(Path(report.folder))}: {', '.join(counts)}"])


def _shown(folder: Path) -> Path:
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
