"""How much memory the farm's own processes have at most: on a song of twelve minutes, and mixing forty such stems.

python -m benchmarks.memory
python -m benchmarks.memory --minutes 3 --stems 10
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from benchmarks.farmrun import ROOT, BenchError, environment, run_farm
from benchmarks.screen import console
from benchmarks.songs import SONGS, lengthened, many_parts, originals, write_songs
from benchmarks.watch import FolderWatch, MemoryWatch
from schemas.dataset import FARM_FOLDER
from schemas.errors import FarmError
from workers.engines.soundfonts import default_soundfont
from workers.midi.model import MidiFile

#: Most that a slot may have beside its soundfont, and a mix, MB.
SLOT_LIMIT_MB = 400.0
MIX_LIMIT_MB = 1000.0

#: Loads a soundfont in a process of its own and prints by how much the process grew, bytes.
_LOAD = """
import sys, psutil
from schemas.patch import FluidSettings
from workers.engines.fluidlib import load_library
from workers.engines.fluidsynth import new_settings
library = load_library()
synth = library.new_fluid_synth(new_settings(library, FluidSettings(), 44100))
before = psutil.Process().memory_info().rss
library.fluid_synth_sfload(synth, sys.argv[1].encode(), 0)
print(psutil.Process().memory_info().rss - before)
"""


@dataclass(frozen=True)
class Figures:
    """Most memory, MB; `..._own_mb` leaves out pages of files, which the cache can take back."""

    what: str
    stems: int
    wall_s: float
    soundfont_mb: float
    slot_mb: float
    slot_own_mb: float
    engine_mb: float
    engine_own_mb: float
    pair_mb: float  #: a slot and its engine at one time, less the soundfont
    pair_own_mb: float
    driver_mb: float
    store_mb: float


def main() -> int:
    """Run both songs and print the figures; the exit code is 1 where a limit is passed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=Path, default=SONGS)
    parser.add_argument("--soundfont", type=Path, help="default: as `farm run` finds it")
    parser.add_argument("--minutes", type=float, default=12.0)
    parser.add_argument("--stems", type=int, default=40)
    parser.add_argument("--only", choices=["slot", "mix"])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    seconds = 60 * arguments.minutes
    try:
        soundfont = arguments.soundfont or default_soundfont()
        figures = []
        if arguments.only != "mix":
            longest = max(originals(arguments.songs).items(), key=lambda item: len(item[1].events))
            song = lengthened(longest[1], seconds)
            figures.append(_measure(f"{longest[0]}, {arguments.minutes:g} min", song, soundfont))
        if arguments.only != "slot":
            song = many_parts(arguments.stems, seconds)
            figures.append(_measure(f"{arguments.stems} stems, {arguments.minutes:g} min", song, soundfont))
    except FarmError as error:
        sys.stderr.write(f"benchmarks: {error}\n")
        return 1
    findings = [finding for figure in figures for finding in over_limits(figure)]
    if arguments.json:
        sys.stdout.write(json.dumps([asdict(figure) for figure in figures], indent=1) + "\n")
    else:
        _print(figures, findings)
    return 1 if findings else 0


def over_limits(figures: Figures) -> list[str]:
    """Say which limits are passed, and by how much. They are about resident memory, pages of mapped files included."""
    checks = (
        ("a slot beside its soundfont", figures.pair_mb, figures.pair_own_mb, SLOT_LIMIT_MB),
        ("the process that mixed", figures.slot_mb, figures.slot_own_mb, MIX_LIMIT_MB),
    )
    return [
        f"{figures.what}: {name} had {taken:.0f} MB, {taken - limit:.0f} MB more than {limit:.0f} "
        f"({own:.0f} MB without pages of files)"
        for name, taken, own, limit in checks
        if taken > limit
    ]


def _measure(what: str, song: MidiFile, soundfont: Path) -> Figures:
    with tempfile.TemporaryDirectory(prefix="farm-memory-") as folder:
        corpus, out = write_songs(Path(folder, "corpus"), {"song": song}), Path(folder, "out")
        with MemoryWatch() as memory, FolderWatch(out / FARM_FOLDER / "store") as store:
            run = run_farm("run", corpus, "--out", out, "--soundfont", soundfont)
        if run.report["songs"]["published"] != 1:
            raise BenchError(f"the song was not published: {run.report['rejected'] or run.report['failures']}")
        shutil.rmtree(out)
    font_mb = _soundfont_mb(soundfont)
    slot, engine = memory.most("slot"), memory.most("engine")
    if not slot.rss_mb:
        raise BenchError("no slot with an engine was seen: the farm starts its processes in another way now")
    return Figures(
        what=what,
        stems=run.report["stems"],
        wall_s=round(run.wall_s, 1),
        soundfont_mb=round(font_mb, 1),
        slot_mb=round(slot.rss_mb, 1),
        slot_own_mb=round(slot.anonymous_mb, 1),
        engine_mb=round(engine.rss_mb, 1),
        engine_own_mb=round(engine.anonymous_mb, 1),
        pair_mb=round(memory.pair_mb - font_mb, 1),
        pair_own_mb=round(memory.pair_anonymous_mb - font_mb, 1),
        driver_mb=round(memory.most("driver").rss_mb, 1),
        store_mb=round(store.bytes / 1e6, 1),
    )


def _soundfont_mb(soundfont: Path) -> float:
    """Return what a loaded soundfont takes."""
    command = [sys.executable, "-c", _LOAD, str(soundfont)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment({"PYTHONPATH": str(ROOT)})
    )
    if done.returncode:
        raise BenchError(f"the soundfont {soundfont.name} could not be loaded: {done.stderr[-1000:]}")
    return int(done.stdout) / 1e6


def _print(figures: list[Figures], findings: list[str]) -> None:
    table = Table(title="Most memory, MB (in brackets: without pages of files)", title_justify="left")
    heads = (
        "",
        "stems",
        "wall s",
        "slot",
        "engine",
        "slot + engine - soundfont",
        "soundfont",
        "driver",
        "store on disk",
    )
    for head in heads:
        table.add_column(head, justify="right" if head else "left")
    for item in figures:
        table.add_row(
            item.what, str(item.stems), f"{item.wall_s:.1f}", f"{item.slot_mb:.0f} ({item.slot_own_mb:.0f})",
            f"{item.engine_mb:.0f} ({item.engine_own_mb:.0f})", f"{item.pair_mb:.0f} ({item.pair_own_mb:.0f})",
            f"{item.soundfont_mb:.0f}", f"{item.driver_mb:.0f}", f"{item.store_mb:.0f}",
        )  # fmt: skip
    screen = console()
    screen.print(table)
    for finding in findings:
        screen.print(f"OVER THE LIMIT: {finding}")
    if not findings:
        screen.print(f"Within {SLOT_LIMIT_MB:.0f} MB a slot beside its soundfont, and {MIX_LIMIT_MB:.0f} MB a mix.")


if __name__ == "__main__":
    sys.exit(main())
