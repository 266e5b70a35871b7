"""Measure the farm beside the bare synthesiser and today's tools, in one run, alternating, medians of several.

python -m benchmarks                      the six shared songs, default soundfont, effects off
python -m benchmarks --effects --runs 5
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import bare, peers
from schemas.patch import FluidSettings
from workers.engines.soundfonts import default_soundfont, describe
from workers.midi.split import split_song

_HERE = Path(__file__).resolve().parents[1]
_SHARED = _HERE.parent / "shared" / "corpus" / "songs"
#: The real songs beside the checkout, else the demo songs.
SONGS = _SHARED if _SHARED.is_dir() else _HERE / "presets" / "demo"
RATE_HZ = 44100


def main() -> int:
    """Run the comparison and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--songs", type=Path, default=SONGS)
    parser.add_argument("--soundfont", type=Path, help="default: as `farm run` finds it")
    parser.add_argument("--effects", action="store_true", help="reverb and chorus on, on both sides")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    settings = FluidSettings(reverb=arguments.effects, chorus=arguments.effects)
    soundfont = describe(arguments.soundfont or default_soundfont())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="farm-bench-") as folder:
        figures = _compare(Path(folder), arguments.songs, Path(soundfont.path), settings, cores, arguments.runs)
    figures["setting"] = {
        "songs": len(list(arguments.songs.glob("*.mid"))), "cores": cores, "runs": arguments.runs, "rate_hz": RATE_HZ,
        "effects": arguments.effects, "soundfont": soundfont.name,
    }  # fmt: skip
    if arguments.json:
        sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    else:
        _print(figures)
    return 0


def _compare(
    folder: Path, songs: Path, soundfont: Path, settings: FluidSettings, cores: int, runs: int
) -> dict[str, dict[str, object]]:
    out = folder / "warm"
    _farm(songs, out, soundfont, settings)
    stems, bare_stems = _prepare(folder / "stems", songs, out)
    contestants: dict[str, Callable[[int], float | None]] = {
        "bare synthesiser": lambda _: bare.measure(bare_stems, soundfont, settings, RATE_HZ, cores),
        "farm run (whole job)": lambda run: _farm(songs, folder / f"run-{run}", soundfont, settings),
        "fluidsynth + xargs": lambda _: peers.fluidsynth_command(stems, soundfont, settings, RATE_HZ, cores),
        "pretty_midi pool": lambda _: (
            None if settings.reverb else peers.pretty_midi_pool(stems, soundfont, RATE_HZ, cores)
        ),
    }
    walls: dict[str, list[float]] = {name: [] for name in contestants}
    for run in range(runs):
        for name, measure in contestants.items():
            os.sync()  # what the one before has written is on disk, and its writing back slows nobody else
            wall = measure(run)
            shutil.rmtree(folder / f"run-{run}", ignore_errors=True)
            if wall is not None:
                walls[name].append(wall)
    audio_s = sum(stem.frames for stem in bare_stems) / RATE_HZ
    floor = statistics.median(walls["bare synthesiser"])
    return {
        name: {
            "median_s": round(statistics.median(values), 2),
            "min_s": round(min(values), 2),
            "max_s": round(max(values), 2),
            "times_bare": round(statistics.median(values) / floor, 2),
            "times_real_time": round(audio_s / statistics.median(values)),
        }
        for name, values in walls.items() if values
    }  # fmt: skip


def _farm(songs: Path, out: Path, soundfont: Path, settings: FluidSettings) -> float:
    effects = "--effects" if settings.reverb else "--no-effects"
    command = [
        sys.executable,
        "-m",
        "farm",
        "run",
        str(songs),
        "--out",
        str(out),
        "--soundfont",
        str(soundfont),
        effects,
        "--json",
    ]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _prepare(folder: Path, songs: Path, dataset: Path) -> tuple[list[Path], list[bare.BareStem]]:
    """Write every stem's MIDI with the frames that the farm published for it: both sides render the same."""
    folder.mkdir()
    annotations = [json.loads(path.read_text()) for path in sorted(dataset.glob("Track*/annotation.json"))]
    frames = {item["provenance"]["source"]: item["frames"] for item in annotations}
    files, stems = [], []
    for song in sorted(songs.glob("*.mid")):
        result, midis = split_song(song.read_bytes())
        for part in result.parts:
            path = folder / f"{song.stem}-{part.name}.mid"
            path.write_bytes(midis[part.name])
            files.append(path)
            stems.append(bare.BareStem(path, part.bank, part.program, frames[song.name]))
    return files, stems


def _print(figures: dict[str, dict[str, object]]) -> None:
    setting = figures.pop("setting")
    table = Table(title=", ".join(f"{key} {value}" for key, value in setting.items()), title_justify="left")
    for column in ("", "median s", "min", "max", "× bare", "× real time"):
        table.add_column(column, justify="right" if column else "left")
    for name, row in figures.items():
        table.add_row(name, *(str(value) for value in row.values()))
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
