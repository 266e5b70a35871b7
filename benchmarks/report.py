"""The figures of a comparison as a table for the terminal, as pictures, and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.breakdown import IDLE, INSTRUMENT, OTHERS, Breakdown
from benchmarks.contest import FARM, FLOOR, Comparison
from benchmarks.farmrun import busy_line
from benchmarks.peers import Missing
from benchmarks.stages import OTHER, STARTUP

#: What each row of the breakdown covers.
TEXTS = {
    "scan": "read, check and count the files",
    "split": "split songs, read stems into messages",
    "load": "find engine and soundfont, load it",
    "synth": "libfluidsynth and the loop that drives it",
    "levels": "peaks, sums, flat tops, verdict",
    "loudness": "BS.1770 of stems and mix",
    "store": "raw stems: chunks, hashes, files",
    "mix": "gains, rounding, sums",
    "encode": "FLAC",
    "write": "published audio: files and SHA-256",
    "annotate": "labels",
    "publish": "documents, renames, manifest",
    "ledger": "queue and record",
    "schedule": "the driver's looks",
    "hand-over": "slot to engine process and back",
    STARTUP: "interpreters and imports of all processes",
    OTHER: "slots, drivers, ends of processes",
    INSTRUMENT: "the timers of this table",
    OTHERS: "and the kernel's own threads",
    IDLE: "cores with nothing to do",
}
_GREY = {STARTUP, OTHER, INSTRUMENT, OTHERS, IDLE}


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print walls and ratios, a line for every peer that is not installed, and the ratio against its goal."""
    title = ", ".join(f"{key} {value}" for key, value in comparison.setting.items())
    table = Table(title=title, title_justify="left")
    for column in ("", "median s", "min", "max", "× bare", "× real time", "CPU s", "× bare (CPU)"):
        table.add_column(column, justify="right" if column else "left")
    for name, figures in comparison.figures.items():
        table.add_row(name, *(str(value) for value in figures.values()))
    for missing in comparison.missing:
        table.add_row(missing.name, "not installed")
    console.print(table)
    for missing in comparison.missing:
        console.print(_missing_line(missing), soft_wrap=True)
    console.print(
        f"{FARM}: {comparison.ratio:.2f} × {FLOOR}, {'within' if comparison.is_met else 'above'} the goal of "
        f"{comparison.goal:g}",
    )
    busy = busy_line([comparison.others])
    if busy is not None:
        console.print(busy)


def _missing_line(missing: Missing) -> str:
    return f"{missing.name} needs {missing.needs}: sh deploy/install-peers, or {missing.command}"


def print_breakdown(breakdown: Breakdown, median_s: float, console: Console) -> None:
    """Print where the time of the whole job goes; the rows add up to cores x wall."""
    table = Table(
        title=f"One more run with timers: {breakdown.wall_s:.2f} s ({_overhead(breakdown, median_s)}), on "
        f"{breakdown.cores} cores {breakdown.whole_s:.2f} s in all",
        title_justify="left",
    )
    for column in ("stage", "s", "share", "waits s", "entered", ""):
        table.add_column(column, justify="left" if column in ("stage", "") else "right")
    for name, seconds in breakdown.rows.items():
        waits = f"{breakdown.waits[name]:.2f}" if name in breakdown.waits else ""
        calls = str(breakdown.calls[name]) if name in breakdown.calls else ""
        table.add_row(name, f"{seconds:.2f}", f"{seconds / breakdown.whole_s:.1%}", waits, calls, TEXTS[name])
    table.add_section()
    table.add_row("all", f"{sum(breakdown.rows.values()):.2f}", "100.0%", "", "", "cores × wall")
    console.print(table)
    console.print(
        f"A border costs {breakdown.border_us:.2f} µs; seconds are CPU time; waits are wall less CPU time within a "
        "stage (locks, disks, the other side of a pipe, turns of other processes) and are in no sum.",
    )


def _overhead(breakdown: Breakdown, median_s: float) -> str:
    return f"{breakdown.wall_s / median_s - 1:+.1%} on the median without them"


def save(comparison: Comparison, breakdown: Breakdown | None, folder: Path) -> None:
    """Write `bench.json`, `bench.png` and `bench.svg` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(as_record(comparison, breakdown), indent=1) + "\n", encoding="utf-8")
    draw(comparison, breakdown, [folder / "bench.png", folder / "bench.svg"])


def as_record(comparison: Comparison, breakdown: Breakdown | None) -> dict[str, Any]:
    """Return everything that was measured as JSON values."""
    record: dict[str, Any] = {
        "setting": comparison.setting,
        "figures": comparison.figures,
        "ratio": round(comparison.ratio, 3),
        "goal": comparison.goal,
        "others_share": round(comparison.others, 3),
        "missing": [asdict(missing) for missing in comparison.missing],
    }
    if breakdown is not None:
        record["stages"] = {name: round(seconds, 3) for name, seconds in breakdown.rows.items()}
        record["profiled"] = {
            "wall_s": round(breakdown.wall_s, 3),
            "cores": breakdown.cores,
            "border_us": round(breakdown.border_us, 3),
        }
    return record


def draw(comparison: Comparison, breakdown: Breakdown | None, targets: list[Path]) -> None:
    """Draw wall times and, below them, where the farm's time goes; one file per target, its kind by its suffix."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "stemfarm"  # the same figures give the same file
    panels = 1 if breakdown is None else 2
    heights = [len(comparison.figures)] + ([] if breakdown is None else [len(breakdown.rows)])
    figure, axes = plt.subplots(
        panels, 1, figsize=(9, 1.2 * panels + 0.27 * sum(heights)), height_ratios=heights, layout="constrained",
        squeeze=False,
    )  # fmt: skip
    _draw_walls(axes[0, 0], comparison)
    if breakdown is not None:
        _draw_stages(axes[1, 0], breakdown)
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"Date": None} if target.suffix == ".svg" else {"Software": None}
        figure.savefig(target, dpi=130, metadata=metadata)
    plt.close(figure)


def _draw_walls(axis: Any, comparison: Comparison) -> None:
    names = list(comparison.figures)
    walls = [float(comparison.figures[name]["median_s"]) for name in names]
    bars = axis.barh(names, walls, color=["#3b6ea8" if name == FARM else "#b8b8b8" for name in names])
    labels = [
        f"{wall:.1f} s, {comparison.figures[name]['times_bare']} ×" for name, wall in zip(names, walls, strict=True)
    ]
    axis.bar_label(bars, labels=labels, padding=4, fontsize=8)
    setting = comparison.setting
    axis.set_title(
        f"{setting['songs']} songs, {setting['stems']} stems, {setting['cores']} cores, effects "
        f"{'on' if setting['effects'] else 'off'}, {setting['soundfont']}: wall time, median of {setting['runs']}",
        fontsize=9, loc="left",
    )  # fmt: skip
    _tidy(axis, max(walls))


def _draw_stages(axis: Any, breakdown: Breakdown) -> None:
    names = list(breakdown.rows)
    seconds = [breakdown.rows[name] for name in names]
    bars = axis.barh(names, seconds, color=["#b8b8b8" if name in _GREY else "#3b6ea8" for name in names])
    axis.bar_label(
        bars, labels=[f"{s:.2f}  {TEXTS[n]}" for n, s in zip(names, seconds, strict=True)], padding=4, fontsize=8
    )
    axis.set_title(
        f"Where {breakdown.cores} cores × {breakdown.wall_s:.1f} s of the farm go, seconds", fontsize=9, loc="left"
    )
    _tidy(axis, max(seconds))


def _tidy(axis: Any, longest: float) -> None:
    axis.invert_yaxis()
    axis.set_xlim(0, 1.45 * longest)
    axis.tick_params(labelsize=8)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
