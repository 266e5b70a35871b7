"""Does a song cost the same among 600 as among 6? And how large do the store and the dataset get?

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
    """What one number of songs took; per song without the start."""

    songs: int
    runs: int
    wall_s: float
    cpu_s: float
    wall_per_song_s: float
    cpu_per_song_s: float
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
            start_s, start_cpu_s = _start(Path(folder), arguments.songs, arguments.repeat)
            counts = sorted(arguments.counts)
            sizes = [_measure(Path(folder), count, arguments, start_s, start_cpu_s) for count in counts]
            stages = {count: _stages(Path(folder), count) for count in counts} if arguments.stages else {}
    except FarmError as error:
        sys.stderr.write(f"benchmarks: {error}\n")
        return 1
    if arguments.json:
        record = {
            "start_s": start_s,
            "start_cpu_s": start_cpu_s,
            "sizes": [asdict(size) for size in sizes],
            "stages": stages,
        }
        sys.stdout.write(json.dumps(record, indent=1) + "\n")
    else:
        _print(sizes, start_s, arguments.length)
        if stages:
            _print_stages(stages)
    return 0 if all(change <= TOLERANCE for change in changes(sizes)) else 1


def changes(sizes: list[Size], figure: str = "wall_per_song_s") -> list[float]:
    """Return by which part a song's time grows from the first number of songs to each."""
    return [getattr(size, figure) / getattr(sizes[0], figure) - 1 for size in sizes]


def _start(folder: Path, songs: Path, repeat: int) -> tuple[float, float]:
    """Return wall and CPU time of a run that has almost nothing to do, which every run pays once."""
    corpus = write_songs(folder / "start", crowd(1, 5.5, songs))
    runs = []
    for number in range(repeat):
        runs.append(run_farm("run", corpus, "--out", folder / f"start-{number}"))
        shutil.rmtree(folder / f"start-{number}")
    return statistics.median(run.wall_s for run in runs), statistics.median(run.cpu_s for run in runs)


def _measure(folder: Path, count: int, arguments: argparse.Namespace, start_s: float, start_cpu_s: float) -> Size:
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
        wall_per_song_s=round((wall_s - start_s) / count, 4),
        cpu_per_song_s=round((cpu_s - start_cpu_s) / count, 4),
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


def _print(sizes: list[Size], start_s: float, length_s: float) -> None:
    title = f"Songs of {length_s:g} s on {len(cores())} cores; a song's seconds are without the start ({start_s:.2f} s)"
    table = Table(title=title, title_justify="left")
    for head in ("songs", *(str(size.songs) for size in sizes)):
        table.add_column(head, justify="left" if head == "songs" else "right")
    wall, cpu = changes(sizes), changes(sizes, "cpu_per_song_s")
    rows = {
        "runs": [str(size.runs) for size in sizes],
        "wall s": [f"{size.wall_s:.2f}" for size in sizes],
        "a song, wall s": [f"{size.wall_per_song_s:.4f}" for size in sizes],
        "against the fewest": [f"{1 + change:.3f}" for change in wall],
        "a song, CPU s": [f"{size.cpu_per_song_s:.4f}" for size in sizes],
        "against the fewest ": [f"{1 + change:.3f}" for change in cpu],
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
    for name, change in (("wall", max(wall)), ("CPU", max(cpu))):
        words = "within" if change <= TOLERANCE else "DEARER than"
        screen.print(
            f"{name}: at most {1 + change:.3f} of what a song takes among the fewest: {words} 1.0 + {TOLERANCE:g}"
        )
    busy = busy_line(size.others_share for size in sizes)
    if busy is not None:
        screen.print(busy)


if __name__ == "__main__":
    sys.exit(main())
