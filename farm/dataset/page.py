"""The statistics of a dataset as text, and as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from farm.dataset.stats import Chart, Spread, Statistics, charts

#: Bars of a chart that are shown; the rest is summed up in one line.
SHOWN: Final = 24
_WIDTH: Final = 40
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"

_STYLE: Final = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #222; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .1rem .8rem .1rem 0; font-weight: normal; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
td.bar { width: 26rem; } td.bar div { background: #2f6f9f; height: .8rem; border-radius: 2px; }
""".strip()


def headlines(found: Statistics) -> list[tuple[str, str]]:
    """Return the sums, each with its name."""
    lines = [
        (
            "songs",
            f"{found.songs:,}" + (f" ({found.clusters:,} without versions)" if found.clusters < found.songs else ""),
        ),
        ("stems", f"{found.stems:,}, {found.rendered:,} of them as audio"),
    ]
    if found.duration_s:
        lines += [("mixtures", hours(found.duration_s)), ("stem audio", hours(found.stem_audio_s))]
    if found.mixes:
        lines.append(("other mixes", ", ".join(f"{count:,} × {name}" for name, count in found.mixes.items())))
    if found.notes:
        lines += [
            ("sounding", hours(found.active_s)),
            ("notes", f"{found.notes:,}"),
            ("stems with bends", f"{found.bent:,}"),
            ("silent stems", f"{found.silent:,}"),
        ]
    if found.size_bytes:
        lines.append(
            (
                "on disk",
                f"{found.size_bytes / 1e9:,.1f} GB" if found.size_bytes >= 1e9 else f"{found.size_bytes / 1e6:,.1f} MB",
            )
        )
    if found.failed:
        lines.append(("failed songs", f"{found.failed:,}"))
    if found.rejected:
        reasons = ", ".join(f"{count:,} × {reason}" for reason, count in found.rejected.items())
        lines.append(("rejected files", reasons))
    if found.leak_free is not None:
        lines.append(("leak-free splits", "yes" if found.leak_free else "no: some songs have versions in two splits"))
    return lines


def hours(seconds: float) -> str:
    """Return a length in hours, or in minutes where that says more."""
    return f"{seconds / 3600:,.1f} h" if seconds >= 3600 else f"{seconds / 60:,.1f} min"


def figures(spread: Spread) -> list[str]:
    """Return least, median, mean and most; of what is counted, least and most are whole numbers."""
    counted = spread.least.is_integer() and spread.most.is_integer()
    ends = [f"{value:,.0f}" if counted else f"{value:,.1f}" for value in (spread.least, spread.most)]
    return [ends[0], f"{spread.median:,.1f}", f"{spread.mean:,.1f}", ends[1]]


def _length(found: Statistics, seconds: float) -> str:
    return hours(seconds) if found.duration_s else "unknown"


def text_page(found: Statistics) -> str:
    """Return the statistics for a terminal."""
    width = max(len(name) for name, _ in headlines(found))
    parts = [found.name, *(f"  {name:<{width}}  {value}" for name, value in headlines(found))]
    if any(split.name for split in found.splits):
        parts += ["", f"{'split':<14} {'songs':>7} {'stems':>8} {'mixtures':>12}"]
        parts += [
            f"  {split.name or '(no split)':<12} {split.songs:>7,} {split.stems:>8,} {_length(found, split.duration_s):>12}"
            for split in found.splits
        ]
    for name, spread in found.spreads.items():
        least, median, mean, most = figures(spread)
        parts += ["", f"{name}: {least} to {most}, median {median}, mean {mean}"]
    for chart in _below_the_sums(found):
        parts += ["", chart.title, *_text_bars(chart)]
    return "\n".join(parts) + "\n"


def _below_the_sums(found: Statistics) -> list[Chart]:
    """Return what a page draws; its table of splits has the numbers of songs."""
    return [chart for chart in charts(found) if chart.key != "splits"]


def _text_bars(chart: Chart) -> list[str]:
    bars = shortened(chart.bars)
    most, width = max(size for _, size in bars), max(len(name) for name, _ in bars)
    return [f"  {name:<{width}} {size:>9,.0f}  {_bar(size / most)}".rstrip() for name, size in bars]


def _bar(share: float) -> str:
    whole, part = divmod(round(share * _WIDTH * 8), 8)
    return "█" * whole + _EIGHTHS[part].strip()


def shortened(bars: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return the first bars, and the sum of all others as one."""
    if len(bars) <= SHOWN:
        return list(bars)
    rest = bars[SHOWN - 1 :]
    return [*bars[: SHOWN - 1], (f"{len(rest)} others", sum(size for _, size in rest))]


def html_page(found: Statistics) -> str:
    """Return the statistics as a page of HTML, without script, picture or anything from elsewhere."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in headlines(found))
    body = [f"<h1>{escape(found.name)}</h1>", f"<table>{rows}</table>", _html_splits(found), _html_spreads(found)]
    body += [_html_chart(chart) for chart in _below_the_sums(found)]
    head = f'<meta charset="utf-8"><title>{escape(found.name)}</title><style>{_STYLE}</style>'
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n'
        + "\n".join(filter(None, body))
        + "\n</body></html>\n"
    )


def _html_splits(found: Statistics) -> str:
    if not any(split.name for split in found.splits):
        return ""
    rows = [
        [
            split.name or "(no split)",
            f"{split.songs:,}",
            f"{split.clusters:,}",
            f"{split.stems:,}",
            _length(found, split.duration_s),
        ]
        for split in found.splits
    ]
    return "<h2>splits</h2>" + _html_table(["split", "songs", "without versions", "stems", "mixtures"], rows)


def _html_spreads(found: Statistics) -> str:
    rows = [[name, *figures(spread)] for name, spread in found.spreads.items()]
    return "<h2>from least to most</h2>" + _html_table(["", "least", "median", "mean", "most"], rows) if rows else ""


def _html_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    lines = [
        f"<tr><th>{escape(row[0])}</th>"
        + "".join(f'<td class="number">{escape(cell)}</td>' for cell in row[1:])
        + "</tr>"
        for row in rows
    ]
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _html_chart(chart: Chart) -> str:
    bars = shortened(chart.bars)
    most = max(size for _, size in bars)
    rows = "".join(
        f'<tr><th>{escape(name)}</th><td class="number">{size:,.0f}</td>'
        f'<td class="bar"><div style="width:{100 * size / most:.2f}%"></div></td></tr>'
        for name, size in bars
    )
    return f"<h2>{escape(chart.title)}</h2><table>{rows}</table>"
