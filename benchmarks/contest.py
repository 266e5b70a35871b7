"""The farm beside the bare synthesiser and today's tools: the same stems, one machine, the contestants taking turns."""

from __future__ import annotations

import json
import os
import shutil
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import bare, peers
from benchmarks.farmrun import Run, children_cpu_s, cores, run_farm
from benchmarks.peers import Missing
from schemas.patch import FluidSettings
from workers.midi.split import split_song

RATE_HZ = 44100
FLOOR = "bare synthesiser"
FARM = "farm run (whole job)"
#: What the whole job may take at most, in times of the bare synthesiser, with effects off and on.
GOALS = {False: 1.6, True: 1.3}


@dataclass(frozen=True)
class Setting:
    """What is rendered, and how."""

    songs: Path
    soundfont: Path
    settings: FluidSettings
    runs: int


@dataclass(frozen=True)
class Comparison:
    """Figures by contestant: median, least and most wall seconds, and the median as multiples."""

    setting: dict[str, Any]
    figures: dict[str, dict[str, float]]
    missing: list[Missing]
    goal: float
    others: float = 0.0  #: most that other programs took of the cores during a run of the farm, as a share

    @property
    def farm_s(self) -> float:
        """Wall time of the farm, median."""
        return self.figures[FARM]["median_s"]

    @property
    def ratio(self) -> float:
        """Wall time of the farm over that of the bare synthesiser, medians."""
        return self.farm_s / self.figures[FLOOR]["median_s"]

    @property
    def is_met(self) -> bool:
        """Whether the ratio is within the goal."""
        return self.ratio <= self.goal


def compare(folder: Path, setting: Setting) -> Comparison:
    """Measure every contestant `setting.runs` times, in turn, below `folder`.

    Raises:
        BenchError: a run of the farm failed.
    """
    warm = folder / "warm"
    farm_job(setting, warm)
    stems, bare_stems = _prepare(folder / "stems", setting.songs, warm)
    shutil.rmtree(warm)
    processes, missing = len(cores()), peers.missing()
    font, settings = setting.soundfont, setting.settings
    others: list[float] = []
    contestants: dict[str, Callable[[Path], tuple[float, float]]] = {
        FLOOR: lambda _: bare.measure(bare_stems, font, settings, RATE_HZ, processes),
        FARM: lambda out: _noted(farm_job(setting, out), others),
        peers.COMMAND: lambda _: _with_cpu(peers.fluidsynth_command, stems, font, settings, RATE_HZ, processes),
        peers.POOL: lambda _: _with_cpu(peers.pretty_midi_pool, stems, font, settings, RATE_HZ, processes),
    }
    for absent in missing:
        del contestants[absent.name]
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for _ in range(setting.runs):
        for name, measure in contestants.items():
            os.sync()  # what the one before has written is on disk, and its writing back slows nobody else
            times[name].append(measure(folder / "run"))
            shutil.rmtree(folder / "run", ignore_errors=True)
    audio_s = sum(stem.frames for stem in bare_stems) / RATE_HZ
    described = {
        "songs": len({stem.midi.name.rpartition("-")[0] for stem in bare_stems}),
        "stems": len(stems),
        "stem audio s": round(audio_s),
        "cores": processes,
        "runs": setting.runs,
        "rate_hz": RATE_HZ,
        "effects": settings.reverb,
        "soundfont": font.name,
    }
    return Comparison(described, summarise(times, audio_s), missing, GOALS[settings.reverb], max(others))


def summarise(times: Mapping[str, list[tuple[float, float]]], audio_s: float) -> dict[str, dict[str, float]]:
    """Return the figures of every contestant from wall and CPU seconds of its runs."""
    wall_s = {name: statistics.median(wall for wall, _ in runs) for name, runs in times.items()}
    cpu_s = {name: statistics.median(cpu for _, cpu in runs) for name, runs in times.items()}
    return {
        name: {
            "median_s": round(wall_s[name], 2),
            "min_s": round(min(wall for wall, _ in runs), 2),
            "max_s": round(max(wall for wall, _ in runs), 2),
            "times_bare": round(wall_s[name] / wall_s[FLOOR], 2),
            "times_real_time": round(audio_s / wall_s[name]),
            "cpu_s": round(cpu_s[name], 2),
            "times_bare_cpu": round(cpu_s[name] / cpu_s[FLOOR], 2),
        }
        for name, runs in times.items()
    }


def farm_job(setting: Setting, out: Path, env: Mapping[str, str] | None = None) -> Run:
    """Run the whole job into `out`."""
    effects = "--effects" if setting.settings.reverb else "--no-effects"
    return run_farm("run", setting.songs, "--out", out, "--soundfont", setting.soundfont, effects, env=env)


def _noted(run: Run, others: list[float]) -> tuple[float, float]:
    others.append(run.others_share)
    return run.wall_s, run.cpu_s


def _with_cpu(measure: Callable[..., float], *arguments: object) -> tuple[float, float]:
    """Return what `measure` returns, a wall time, and the CPU time of the processes that it started."""
    before = children_cpu_s()
    return measure(*arguments), children_cpu_s() - before


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
