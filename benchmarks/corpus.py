"""How long a large corpus takes to read and plan: `farm run --limit 1` over files that are derived from real songs.

Every file is a piece of a song in another key, at another tempo and played by other instruments, so that no two hold the
same notes, and all are versions of a few songs.

python -m benchmarks.corpus --files 20000
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.derive import write_corpus
from benchmarks.farmrun import BenchError, busy_line, cores, run_farm
from benchmarks.songs import SONGS
from benchmarks.watch import MemoryWatch
from farm.ledger import open_ledger
from schemas.dataset import FARM_FOLDER
from schemas.errors import FarmError
from schemas.states import FileState

#: Most seconds on two cores, and most memory of any process, MB.
WALL_LIMIT_S = 180.0
MEMORY_LIMIT_MB = 1000.0
_ROLES = ("driver", "slot", "engine", "helper")


@dataclass(frozen=True)
class Figures:
    """What it took, and what became of the files."""

    files: int
    mean_kb: float
    wall_s: float
    cpu_s: float  #: of all processes
    memory_mb: float  #: most of any process
    fates: dict[str, int]  #: files by `accepted` or by the reason of their rejection
    others_share: float  #: of the cores that other programs had meanwhile

    @property
    def took_s(self) -> float:
        """The wall time; where others had the cores, too, what their half of two cores would have done it in."""
        return self.wall_s if busy_line([self.others_share]) is None else self.cpu_s / 2


def main() -> int:
    """Make the corpus, run, and print the figures; the exit code is 1 where a limit is passed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.corpus", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=Path, default=SONGS)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        figures = measure(arguments.songs, arguments.files)
    except FarmError as error:
        sys.stderr.write(f"benchmarks: {error}\n")
        return 1
    findings = over_limits(figures)
    if arguments.json:
        sys.stdout.write(json.dumps(asdict(figures), indent=1) + "\n")
    else:
        sys.stdout.write("\n".join([*_lines(figures), *findings]) + "\n")
    return 1 if findings else 0


def measure(songs: Path, files: int) -> Figures:
    """Make a corpus of `files` files and run the farm over it.

    Raises:
        BenchError: the run failed, or a file has no fate in the ledger.
    """
    with tempfile.TemporaryDirectory(prefix="farm-corpus-") as folder:
        corpus, out = Path(folder, "corpus"), Path(folder, "out")
        size = write_corpus(corpus, songs, files)
        with MemoryWatch() as memory:
            run = run_farm("run", corpus, "--out", out, "--limit", 1)
        fates = fates_of(out)
    if sum(fates.values()) != files:
        raise BenchError(f"{files - sum(fates.values())} of {files} files have no fate in the ledger")
    return Figures(
        files=files,
        mean_kb=round(size / files / 1000, 1),
        wall_s=round(run.wall_s, 1),
        cpu_s=round(run.cpu_s, 1),
        memory_mb=round(max(memory.most(role).rss_mb for role in _ROLES), 1),
        fates=fates,
        others_share=round(run.others_share, 3),
    )


def fates_of(out: Path) -> dict[str, int]:
    """Count the files of a finished local run by their fates, from its ledger."""
    ledger = open_ledger(f"sqlite:///{out / FARM_FOLDER / 'ledger.sqlite'}")
    number = ledger.submissions()[-1].id
    rejected = [failure.reason or "" for failure in ledger.failures(number) if failure.kind == "file"]
    accepted = len(ledger.songs(number))
    ledger.close()
    return {FileState.ACCEPTED.value: accepted} | {reason: rejected.count(reason) for reason in sorted(set(rejected))}


def over_limits(figures: Figures) -> list[str]:
    """Say which limits are passed, and by how much."""
    found = []
    if figures.took_s > WALL_LIMIT_S:
        found.append(f"it took {figures.took_s:.0f} s, more than {WALL_LIMIT_S:.0f}")
    if figures.memory_mb > MEMORY_LIMIT_MB:
        found.append(f"a process had {figures.memory_mb:.0f} MB, more than {MEMORY_LIMIT_MB:.0f}")
    return found


def _lines(figures: Figures) -> list[str]:
    fates = ", ".join(f"{count} × {fate}" for fate, count in figures.fates.items())
    made = f"{figures.files} files of {figures.mean_kb:.0f} KB read, planned and one song of them published"
    lines = [
        f"{made} in {figures.wall_s:.1f} s on {len(cores())} cores",
        f"{figures.cpu_s:.1f} CPU seconds of all processes, at most {figures.memory_mb:.0f} MB of one",
        f"fates: {fates}",
    ]
    busy = busy_line([figures.others_share])
    return lines if busy is None else [*lines, busy]


if __name__ == "__main__":
    sys.exit(main())
