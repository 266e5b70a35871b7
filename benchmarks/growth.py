"""Does a song cost the same among 600 as among 6? And how large do the store and the dataset get?

What counts is what each song more costs: the time between two numbers of songs, over the songs between them. The start of
the processes, which every run pays once and which partly runs beside the first songs, is in neither.

python -m benchmarks.growth
python -m benchmarks.growth --counts 6 60 --stages      also which stage it is that grows
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from rich.table import Table

from benchmarks.breakdown import IDLE, OTHERS, profiled
from benchmarks.farmrun import BenchError, Run, busy_line, cores, run_farm
from benchmarks.screen import console
from benchmarks.songs import SONGS, crowd, write_songs
from benchmarks.watch import FolderWatch, folder_size
from schemas.dataset import FARM_FOLDER
from schemas.errors import FarmError

#: How much dearer or cheaper a song may be than with the fewest songs.
TOLERANCE = 0.05
#: Runs shorter than this are repeated: their medians are as sure as one long run.
_LONG_S = 20.0


@dataclass(frozen=True)
class Size:
    """What one number of songs took, the start included."""

    songs: int
    runs: int
    wall_s: float
    cpu_s: float
    stem_audio_s: float
    store_mb: float  #: most that the store of raw stems held
    store_files: int
    staging_mb: float  #: most that the folder of unpublished songs held
    ledger_mb: float
    left_mb: float  #: what is left in the farm's own folder
    dataset_bytes_per_s: float  #: published bytes per second of stem audio
    others_share: float  #: most that other programs took of the cores in one run


def main() -> int:
    """Measure every number of songs; the exit code is 1 where a song gets dearer."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=Path, default=SONGS)
    parser.add_argument("--counts", type=int, nargs="+", default=[6, 60, 600])
    parser.add_argument("--length", type=float, default=15.0, help="of each song, seconds")
    parser.add_argument("--repeat", type=int, default=5, help="of runs shorter than 20 s")
    parser.add_argument("--stages", action="store_true", help="one more run of each, with timers at the stages")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="farm-growth-") as folder:
            counts = sorted(set(arguments.counts))
            if len(counts) < 2:
                parser.error("--counts needs two numbers of songs at least")
            sizes = [_measure(Path(folder), count, arguments) for count in counts]
            stages = {count: _stages(Path(folder), count) for count in counts} if arguments.stages else {}
    except FarmError as error:
        sys.stderr.write(f"benchmarks: {error}\n")
        return 1
    if arguments.json:
        record = {
            "sizes": [asdict(size) for size in sizes],
            "song_more_wall_s": song_more_s(sizes, "wall_s"),
            "song_more_cpu_s": song_more_s(sizes, "cpu_s"),
            "stages": stages,
        }
        sys.stdout.write(json.dumps(record, indent=1) + "\n")
    else:
        _print(sizes, arguments.length)
        if stages:
            _print_stages(stages)
    return 0 if growth(sizes, "wall_s") <= TOLERANCE else 1


def song_more_s(sizes: list[Size], figure: str) -> list[float]:
    """Return what each song more costs between one number of songs and the next, seconds."""
    return [
        (getattr(more, figure) - getattr(fewer, figure)) / (more.songs - fewer.songs) for fewer, more in pairwise(sizes)
    ]


def growth(sizes: list[Size], figure: str) -> float:
    """Return by which part a song gets dearer, at most: a song more against the first ones, and all against the fewest."""
    more = song_more_s(sizes, figure)
    each: list[float] = [getattr(size, figure) / size.songs for size in sizes]
    return max(*(cost / more[0] - 1 for cost in more), *(cost / each[0] - 1 for cost in each))


def _measure(folder: Path, count: int, arguments: argparse.Namespace) -> Size:
    corpus = write_songs(folder / f"corpus-{count}", crowd(count, arguments.length, arguments.songs))
    out = folder / f"out-{count}"
    farm = out / FARM_FOLDER
    runs: list[Run] = []
    with FolderWatch(farm / "store") as store, FolderWatch(farm / "staging") as staging:
        while not runs or (runs[0].wall_s < _LONG_S and len(runs) < arguments.repeat):
            shutil.rmtree(out, ignore_errors=True)
            os.sync()
            runs.append(run_farm("run", corpus, "--out", out))
    report = runs[-1].report
    if report["songs"]["published"] != count:
        raise BenchError(f"{count} songs were given and {report['songs']['published']} published: {report['rejected']}")
    published, _ = folder_size(out, leave_out=FARM_FOLDER)
    left, _ = folder_size(farm)
    ledger = sum(path.stat().st_size for path in farm.glob("ledger.sqlite*"))
    shutil.rmtree(out)
    wall_s, cpu_s = statistics.median(run.wall_s for run in runs), statistics.median(run.cpu_s for run in runs)
    return Size(
        songs=count,
        runs=len(runs),
        wall_s=round(wall_s, 2),
        cpu_s=round(cpu_s, 2),
        stem_audio_s=round(report["stem_audio_s"], 1),
        store_mb=round(store.bytes / 1e6, 1),
        store_files=store.files,
        staging_mb=round(staging.bytes / 1e6, 1),
        ledger_mb=round(ledger / 1e6, 2),
        left_mb=round(left / 1e6, 2),
        dataset_bytes_per_s=round(published / report["stem_audio_s"]),
        others_share=round(max(run.others_share for run in runs), 3),
    )


def _stages(folder: Path, count: int) -> dict[str, float]:
    """Return the CPU seconds of each stage per song, the start included."""
    out = folder / f"stages-{count}"
    breakdown = profiled(lambda env: run_farm("run", folder / f"corpus-{count}", "--out", out, env=env))
    shutil.rmtree(out)
    return {stage: seconds / count for stage, seconds in breakdown.rows.items() if stage not in (OTHERS, IDLE)}


def _print_stages(stages: dict[int, dict[str, float]]) -> None:
    table = Table(title="CPU ms of each stage per song, the start included", title_justify="left")
    for head in ("songs", *map(str, stages)):
        table.add_column(head, justify="left" if head == "songs" else "right")
    for stage in next(iter(stages.values())):
        table.add_row(stage, *(f"{1000 * rows[stage]:.1f}" for rows in stages.values()))
    table.add_section()
    table.add_row("all", *(f"{1000 * sum(rows.values()):.1f}" for rows in stages.values()))
    console().print(table)


def _print(sizes: list[Size], length_s: float) -> None:
    table = Table(title=f"Songs of {length_s:g} s on {len(cores())} cores", title_justify="left")
    for head in ("songs", *(str(size.songs) for size in sizes)):
        table.add_column(head, justify="left" if head == "songs" else "right")
    rows = {
        "runs": [str(size.runs) for size in sizes],
        "wall s": [f"{size.wall_s:.2f}" for size in sizes],
        "a song, start included, wall s": [f"{size.wall_s / size.songs:.4f}" for size in sizes],
        "a song more, wall s": ["", *(f"{cost:.4f}" for cost in song_more_s(sizes, "wall_s"))],
        "a song, start included, CPU s": [f"{size.cpu_s / size.songs:.4f}" for size in sizes],
        "a song more, CPU s": ["", *(f"{cost:.4f}" for cost in song_more_s(sizes, "cpu_s"))],
        "raw stems in the store, at most": [f"{size.store_mb:.0f} MB, {size.store_files} files" for size in sizes],
        "songs under way, at most": [f"{size.staging_mb:.0f} MB" for size in sizes],
        "ledger": [f"{size.ledger_mb:.1f} MB" for size in sizes],
        "left in the farm's folder": [f"{size.left_mb:.1f} MB" for size in sizes],
        "dataset, bytes a second of stem": [f"{size.dataset_bytes_per_s:,.0f}" for size in sizes],
    }
    for name, cells in rows.items():
        table.add_row(name, *cells)
    screen = console()
    screen.print(table)
    for name, figure in (("wall", "wall_s"), ("CPU", "cpu_s")):
        change = growth(sizes, figure)
        words = "within" if change <= TOLERANCE else "DEARER than"
        screen.print(f"{name}: at most {1 + change:.3f} of what the first songs cost: {words} 1.0 + {TOLERANCE:g}")
    busy = busy_line(size.others_share for size in sizes)
    if busy is not None:
        screen.print(busy)


if __name__ == "__main__":
    sys.exit(main())
