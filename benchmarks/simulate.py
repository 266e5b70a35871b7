"""Simulate a farm of many patches in virtual time, by the decisions that the ledger and the reconciler really take.

python -m benchmarks.simulate                         300 patches, 64 slots, 200,000 stems
python -m benchmarks.simulate --windows 20 40 80 --seeds 5
python -m benchmarks.simulate --picture affinity.svg
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.simulation import Book, LeaseBook, Outcome, QueueBook, SimFarm
from benchmarks.worlds import World, make_world
from farm.scheduling.admission import WINDOW_PER_SLOT
from workers.config import WorkerSettings

#: Forecasts that are asked for during a run.
_FORECASTS = 40
QUEUE = "first come, first served"
ALL = "patch by patch, all songs open"
HALVES = "patch by patch, in two halves"
#: The second half is opened when this share of the first is left: it keeps all slots busy. What is left still counts as
#: open, so that the window is a little more than half of the songs.
_HALVES_REFILL = 0.03


@dataclass(frozen=True, slots=True)
class Setting:
    """What is simulated."""

    patches: int = 300
    stems: int = 200_000
    slots: int = 64
    zipf: float = 1.0
    batch: int = WorkerSettings.model_fields["batch"].default
    tick_s: float = 0.5
    windows: tuple[int, ...] = (WINDOW_PER_SLOT,)


def window_name(window: int) -> str:
    """Return what the policy with an admission window is called."""
    return f"patch by patch, window {window}"


def simulate(setting: Setting, seed: int) -> dict[str, Outcome]:
    """Run every policy over one dataset; returns outcomes by the policy's name."""
    world = make_world(stems=setting.stems, patches=setting.patches, seed=seed, zipf=setting.zipf)
    books: dict[str, Callable[[], Book]] = {
        QUEUE: lambda: QueueBook(world),
        ALL: lambda: LeaseBook(world, limit=setting.batch, window_per_slot=None),
        HALVES: lambda: LeaseBook(
            world,
            limit=setting.batch,
            window_per_slot=math.ceil(len(world.songs) / (2 - _HALVES_REFILL) / setting.slots),
            refill=_HALVES_REFILL,
        ),
    }
    for window in setting.windows:
        books[window_name(window)] = lambda window=window: LeaseBook(  # type: ignore[misc]
            world, limit=setting.batch, window_per_slot=window
        )
    return {name: _run(world, make(), setting, forecasts=name != QUEUE) for name, make in books.items()}


def _run(world: World, book: Book, setting: Setting, *, forecasts: bool) -> Outcome:
    every_s = world.render_s / setting.slots / _FORECASTS if forecasts else 0.0
    return SimFarm(world, book, slots=setting.slots, tick_s=setting.tick_s, forecast_every_s=every_s).run()


def figures(outcome: Outcome) -> dict[str, float | None]:
    """Return the figures of a run."""
    end_s = outcome.makespan_s
    errors = [abs(when + p50_s - end_s) / end_s for when, p50_s, _ in outcome.forecasts]
    kept = [when + p90_s >= end_s for when, _, p90_s in outcome.forecasts]
    return {
        "efficiency": outcome.efficiency,
        "cold_loads": outcome.cold_loads,
        "loads_per_patch": outcome.loads_per_patch,
        "makespan_s": end_s,
        "first_song_s": outcome.finished_s[0],
        "done_at_half": outcome.done_at(0.5),
        "most_waiting": outcome.most_waiting,
        "leases": outcome.leases,
        "eta_error": statistics.fmean(errors) if errors else None,
        "eta_kept": statistics.fmean(kept) if kept else None,
    }


def means(runs: Sequence[dict[str, Outcome]]) -> dict[str, dict[str, float | None]]:
    """Return the mean figures over several datasets."""
    table: dict[str, dict[str, float | None]] = {}
    for name in runs[0]:
        rows = [figures(run[name]) for run in runs]
        table[name] = {key: _mean([row[key] for row in rows]) for key in rows[0]}
    return table


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, and print a table or JSON."""
    options = _parse(arguments)
    setting = Setting(
        patches=options.patches, stems=options.stems, slots=options.slots, zipf=options.zipf, batch=options.batch,
        tick_s=options.tick, windows=tuple(options.windows),
    )  # fmt: skip
    runs = [simulate(setting, options.seed + offset) for offset in range(options.seeds)]
    table = means(runs)
    if options.json:
        record = {"setting": {name: getattr(setting, name) for name in Setting.__slots__}, "policies": table}
        record["setting"].update(seed=options.seed, seeds=options.seeds)
        sys.stdout.write(json.dumps(record, indent=1) + "\n")
    else:
        _print(setting, table, options.seeds)
    if options.picture is not None:
        _draw(runs[0], options.picture)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    default = Setting()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patches", type=_positive, default=default.patches)
    parser.add_argument("--stems", type=_positive, default=default.stems)
    parser.add_argument("--slots", type=_positive, default=default.slots)
    parser.add_argument("--zipf", type=float, default=default.zipf, help="patch k is 1/k**ZIPF as popular as the first")
    parser.add_argument("--batch", type=_positive, default=default.batch, help="most stems in a lease")
    parser.add_argument("--tick", type=float, default=default.tick_s, help="seconds between two looks of the scheduler")
    parser.add_argument("--windows", type=_positive, nargs="+", default=default.windows, help="open songs per slot")
    parser.add_argument("--seed", type=int, default=1, help="of the first dataset")
    parser.add_argument("--seeds", type=_positive, default=1, help="datasets; means are printed")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--picture", type=Path, help="draw songs over time into this file (needs matplotlib)")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is below 1")
    return value


def _print(setting: Setting, table: dict[str, dict[str, float | None]], seeds: int) -> None:
    title = (
        f"{setting.patches} patches (Zipf {setting.zipf:g}), {setting.stems:,} stems, {setting.slots} slots, "
        f"{seeds} dataset{'s' if seeds > 1 else ''}"
    )
    shown = Table(title=title, title_justify="left")
    shown.add_column("")
    columns: list[tuple[str, str, Callable[[Any], str]]] = [
        ("efficiency", "efficiency", _percent),
        ("cold loads", "cold_loads", lambda value: f"{value:,.0f}"),
        ("per patch", "loads_per_patch", lambda value: f"{value:.2f}"),
        ("hours", "makespan_s", lambda value: f"{value / 3600:.2f}"),
        ("first song s", "first_song_s", lambda value: f"{value:.0f}"),
        ("done at half-time", "done_at_half", _percent),
        ("stems on disk", "most_waiting", lambda value: f"{value:,.0f}"),
        ("leases", "leases", lambda value: f"{value:,.0f}"),
        ("p50 off by", "eta_error", _percent),
        ("p90 kept", "eta_kept", _percent),
    ]
    for heading, _, _ in columns:
        shown.add_column(heading, justify="right")
    for name, row in table.items():
        shown.add_row(name, *("–" if row[key] is None else say(row[key]) for _, key, say in columns))
    Console(width=180 if not sys.stdout.isatty() else None).print(shown)


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _draw(run: dict[str, Outcome], path: Path) -> None:
    """Draw the share of finished songs over time, one line for each policy."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for name, outcome in run.items():
        hours = [outcome.finished_s[percent * (len(outcome.finished_s) - 1) // 100] / 3600 for percent in range(101)]
        axes.plot(hours, range(101), label=name)
    axes.set_xlabel("hours")
    axes.set_ylabel("songs finished, %")
    axes.set_ylim(0, 100)
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path)


if __name__ == "__main__":
    sys.exit(main())
