"""Draw the statistics of a dataset with matplotlib: a file for each chart; the same numbers make the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from farm.dataset.folder import translated_os_errors
from farm.dataset.page import shortened
from farm.dataset.stats import Chart, Statistics, charts
from schemas.errors import MissingDependencyError

#: What a picture says of its making; matplotlib would add its version and the date.
_NO_DATE: Final[dict[str, dict[str, Any]]] = {"png": {"Software": None}, "svg": {"Date": None}}
_COLOUR: Final = "#2f6f9f"


def draw(found: Statistics, folder: Path, file_format: str) -> list[Path]:
    """Draw every chart into `folder`, as `png` or `svg`; return the files.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        OutputError: the folder cannot be written.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "pictures are drawn by matplotlib, and it is not installed",
            hint="pip install 'stemfarm[plots]', or in a checkout: pip install -e '.[plots]'",
        ) from error
    files = []
    with translated_os_errors(folder), mpl.rc_context({"svg.hashsalt": "stemfarm", "font.size": 9}):
        folder.mkdir(parents=True, exist_ok=True)
        for chart in charts(found):
            path = folder / f"{chart.key}.{file_format}"
            figure = Figure(figsize=(8, 1.0 + 0.24 * min(len(chart.bars), 24)), layout="constrained")
            _draw(figure.subplots(), chart)
            figure.savefig(path, format=file_format, dpi=120, metadata=_NO_DATE[file_format])
            files.append(path)
    return files


def _draw(axes: Any, chart: Chart) -> None:
    bars = shortened(chart.bars)
    shown = axes.barh([name for name, _ in bars], [size for _, size in bars], color=_COLOUR)
    axes.bar_label(shown, labels=[f"{size:,.0f}" for _, size in bars], padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_title(chart.title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
