"""`farm stats`: count what a dataset holds, as text, JSON, a page, or pictures."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from farm.cli.output import counted, print_json
from farm.dataset.catalogue import read_catalogue
from farm.dataset.page import html_page, text_page
from farm.dataset.plots import draw
from farm.dataset.stats import Statistics, count
from schemas.errors import PlanError

_PAGES: dict[str, Callable[[Statistics], str]] = {"text": text_page, "html": html_page}


def stats_command(dataset: Path, *, form: str, plots: Path | None, plot_format: str, as_json: bool) -> int:
    """Print the statistics in one form, and draw them where that was asked."""
    form = "json" if as_json else form
    if form not in {*_PAGES, "json"}:
        raise PlanError(f"--format {form}: there is no such form", hint="It is text, json or html")
    if plot_format not in {"png", "svg"}:
        raise PlanError(f"--plot-format {plot_format}: there is no such form", hint="It is png or svg")
    found = count(*read_catalogue(dataset.expanduser()))
    if plots is not None:
        files = draw(found, plots.expanduser(), plot_format)
        sys.stderr.write(f"{counted(len(files), 'picture')} in {plots}\n")
    if form == "json":
        print_json(found.model_dump(mode="json"))
    else:
        sys.stdout.write(_PAGES[form](found))
    return 0
