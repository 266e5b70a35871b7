"""How fast is a composed dataset made: composing, rendering, effects, limiter, labels and score of 20 songs of four minutes?

python -m benchmarks.composer                         medians of three runs
python -m benchmarks.composer --songs 4 --runs 1 --json

The songs have four layers (beat, melody, harmony, bassline), each with effects, and are published whole: stems, mix and MIDI.
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
from typing import Final

from rich.table import Table

from benchmarks.farmrun import BenchError, busy_line, cores, run_farm
from benchmarks.screen import console
from benchmarks.watch import MemoryWatch
from schemas.dataset import DATASET
from schemas.errors import FarmError

SONGS: Final = 20
LENGTH: Final = "4m"
#: What the generator with the same task reached on two such cores: seconds of mixture a second, samples an hour, and the most
#: memory of a process (version 0.5, four samples of 965 s in all, FluidR3_GM, two processes, measured once).
BEFORE_REAL_TIME: Final = 11.2
BEFORE_SONGS_PER_HOUR: Final = 167
#: Goals: seconds of mixture a second, and the most memory of any process, MB.
GOAL_REAL_TIME: Final = 100.0
GOAL_MB: Final = 600.0
#: Between two looks at memory; the most that a process had is kept by the kernel, so that few looks are enough.
_LOOK_S: Final = 0.5
_ROLES: Final = ("driver", "slot", "engine", "effects", "helper")


@dataclass(frozen=True)
class Figures:
    """What some runs took; walls are seconds, memory is MB."""

    songs: int
    stems: int
    mixture_s: float
    wall_s: float  #: median
    walls_s: list[float]
    cpu_s: float  #: median
    most_mb: dict[str, float]  #: of any process of each role, in any run
    others_share: float

    @property
    def real_time(self) -> float:
        """Seconds of mixture a second."""
        return self.mixture_s / self.wall_s

    @property
    def songs_per_hour(self) -> float:
        """Songs published an hour."""
        return self.songs / self.wall_s * 3600


def main() -> int:
    """Measure, and print a table or JSON; the exit code is 1 where a goal is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.composer", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=SONGS)
    parser.add_argument("--length", default=LENGTH, help="of each song")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--soundfont", type=Path, help="default: as `farm run` finds it")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        figures = measured(arguments.songs, arguments.length, arguments.runs, arguments.soundfont)
    except FarmError as error:
        sys.stderr.write(f"benchmarks: {error}\n")
        return 1
    missed = goals_missed(figures)
    if arguments.json:
        record = {**asdict(figures), "times_real_time": figures.real_time, "songs_per_hour": figures.songs_per_hour}
        sys.stdout.write(json.dumps(record, indent=1) + "\n")
    else:
        _print(figures, missed)
    return 1 if missed else 0


def goals_missed(figures: Figures) -> list[str]:
    """Say which goals are missed, and by how much."""
    missed = []
    if figures.real_time < GOAL_REAL_TIME:
        missed.append(f"{figures.real_time:.0f} × real time, and {GOAL_REAL_TIME:.0f} are wanted")
    for role, most_mb in figures.most_mb.items():
        if most_mb > GOAL_MB:
            missed.append(f"a process ({role}) had {most_mb:.0f} MB, and {GOAL_MB:.0f} are allowed")
    return missed


def measured(songs: int, length: str, runs: int, soundfont: Path | None = None) -> Figures:
    """Run the job some times.

    Raises:
        BenchError: it failed, or published fewer songs than were asked for.
    """
    walls, cpus, shares, most, stems = [], [], [], dict.fromkeys(_ROLES, 0.0), 0
    command = ["compose", "--count", songs, "--length", length, "--seed", 42]
    command += [] if soundfont is None else ["--soundfont", soundfont]
    with tempfile.TemporaryDirectory(prefix="farm-composer-") as folder:
        out = Path(folder, "out")
        for _ in range(runs):
            shutil.rmtree(out, ignore_errors=True)
            os.sync()  # what the run before has written slows nobody
            with MemoryWatch(_LOOK_S) as memory:
                run = run_farm(*command, "--out", out)
            if run.report["songs"]["published"] != songs:
                raise BenchError(
                    f"only {run.report['songs']['published']} songs were published: {run.report['failures']}"
                )
            stems = run.report["stems"]
            walls.append(run.wall_s)
            cpus.append(run.cpu_s)
            shares.append(run.others_share)
            most = {role: max(before, memory.most(role).rss_mb) for role, before in most.items()}
        mixture_s = json.loads((out / DATASET).read_bytes())["duration_s"]
    return Figures(
        songs=songs,
        stems=stems,
        mixture_s=round(mixture_s, 1),
        wall_s=round(statistics.median(walls), 2),
        walls_s=[round(wall, 2) for wall in walls],
        cpu_s=round(statistics.median(cpus), 2),
        most_mb={role: round(mb, 1) for role, mb in most.items()},
        others_share=round(max(shares), 3),
    )


def _print(figures: Figures, missed: list[str]) -> None:
    table = Table(
        title=f"{figures.songs} composed songs, {figures.stems} stems, {figures.mixture_s / 60:.0f} min of mixture, effects and "
        f"limiter on, stems and mix and MIDI published, {len(cores())} cores",
        title_justify="left",
    )
    for head in ("", "wall s", "runs", "CPU s", "× real time of mixture", "songs an hour"):
        table.add_column(head, justify="right" if head else "left")
    table.add_row(
        "farm compose", f"{figures.wall_s:.1f}", " ".join(f"{wall:.1f}" for wall in figures.walls_s),
        f"{figures.cpu_s:.1f}", f"{figures.real_time:.0f}", f"{figures.songs_per_hour:.0f}",
    )  # fmt: skip
    table.add_row("before, on two cores", "", "", "", f"{BEFORE_REAL_TIME:.1f}", str(BEFORE_SONGS_PER_HOUR))
    screen = console()
    screen.print(table)
    memory = ", ".join(f"{role} {mb:.0f}" for role, mb in figures.most_mb.items() if mb)
    screen.print(f"Most memory of one process, MB: {memory}.")
    for line in missed:
        screen.print(f"GOAL MISSED: {line}")
    busy = busy_line([figures.others_share])
    if busy is not None:
        screen.print(busy)


if __name__ == "__main__":
    sys.exit(main())
