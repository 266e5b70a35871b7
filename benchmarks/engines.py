"""How fast each engine plays each of the farm's patches, and what it saves to keep a patch loaded.

python -m benchmarks.engines
python -m benchmarks.engines --stems 4 --seconds 20 --patch mda-piano --patch grand-piano

Every patch plays the same parts of the shared songs (drum kits the drums), rendered as a slot does: in an engine process,
into a file of the store's form, measured on the way. Once with one process that stays, once with a process for every stem.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from benchmarks.screen import console
from benchmarks.songs import SONGS, originals, piece, write_songs
from farm.planning.patchfiles import load_patch, patch_names
from schemas.errors import FarmError
from schemas.job import RenderJob
from schemas.patch import FaustSettings, Patch
from schemas.patchfile import PatchFile
from workers.engines.client import EngineProcess, RenderOutcome
from workers.engines.fluidsynth import FluidSynthEngine
from workers.engines.patchprobe import probe_patches
from workers.engines.soundfonts import default_soundfont, describe
from workers.midi.split import split_song

#: Instruments that every soundfont of General MIDI has: grand piano, finger bass, strings; 128 is its drum kit.
_PRESETS = (0, 33, 48, 128)


@dataclass(frozen=True)
class Figures:
    """What was measured of one patch."""

    engine: str
    patch: str
    stems: int
    audio_s: float  #: seconds of audio that were rendered
    load_s: float  #: start of the process and load of the patch, median
    real_time_factor: float  #: seconds of rendering for a second of audio, by the warm process
    kept_s: float  #: all stems, one process
    reloaded_s: float  #: all stems, each by a process of its own
    memory_mb: float  #: of the engine process, at most

    @property
    def times_real_time(self) -> float:
        """Seconds of audio in a second of rendering."""
        return 1 / self.real_time_factor

    @property
    def saved(self) -> float:
        """Share of the time that keeping the patch loaded saves."""
        return 1 - self.kept_s / self.reloaded_s


@dataclass(frozen=True)
class Stem:
    """A part of a song on disk."""

    midi: Path
    sha256: str
    is_drum: bool


def main() -> int:
    """Measure and print; exit code 1 where a patch cannot be played."""
    arguments = _arguments()
    try:
        with tempfile.TemporaryDirectory(prefix="farm-bench-") as folder:
            stems = _stems(Path(folder), arguments.songs, arguments.seconds)
            figures = list(_measured(_patches(arguments.patch), stems, arguments.stems, Path(folder), arguments.runs))
    except FarmError as error:
        sys.stderr.write(f"benchmarks: {error}\n")
        return 1
    if arguments.json:
        lines = [{**asdict(line), "times_real_time": line.times_real_time, "saved": line.saved} for line in figures]
        sys.stdout.write(json.dumps(lines, indent=1) + "\n")
    else:
        _print(figures)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.engines", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=Path, default=SONGS, help="folder of MIDI files")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each song, from its first note")
    parser.add_argument("--stems", type=int, default=6, help="for each patch")
    parser.add_argument("--runs", type=int, default=3, help="of every patch, with and without a process that stays")
    parser.add_argument("--patch", action="append", help="only this patch; may be repeated")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


def _patches(names: Sequence[str] | None) -> list[Patch]:
    """Return the patches to measure: presets of the default soundfont, and patch files that can be played here."""
    if names:
        return list(probe_patches({name: load_patch(name) for name in names}).values())
    found = _presets()
    for file in _one_of_each(load_patch(name) for name in patch_names()):
        try:
            found += probe_patches({file.name: file}).values()
        except FarmError as error:
            sys.stderr.write(f"left out: {error}\n")
    return found


def _one_of_each(files: Iterable[PatchFile]) -> Iterator[PatchFile]:
    """Yield the patch files, of those that share a Faust source the first: they cost the same."""
    sources = set()
    for file in files:
        source = file.settings.source if isinstance(file.settings, FaustSettings) else file.name
        if source not in sources:
            yield file
        sources.add(source)


def _presets() -> list[Patch]:
    engine = FluidSynthEngine()
    version = engine.version
    engine.close()
    font = describe(default_soundfont())
    return [
        Patch(
            engine="fluidsynth", engine_version=version, asset=font, bank=128 if program == 128 else 0,
            program=program % 128,
        )
        for program in _PRESETS
    ]  # fmt: skip


def _stems(folder: Path, songs: Path, seconds: float) -> list[Stem]:
    """Return the parts of the songs with the most notes, of one song after the other in turn."""
    cut = {name: piece(midi, seconds) for name, midi in originals(songs).items()}
    found: list[list[Stem]] = []
    for path in sorted(write_songs(folder / "songs", cut).iterdir()):
        result, files = split_song(path.read_bytes())
        parts = sorted(result.parts, key=lambda part: -part.notes)
        found.append([written(folder, files[part.name], part.is_drum) for part in parts])
    turns = max(map(len, found))
    return [stems[turn] for turn in range(turns) for stems in found if turn < len(stems)]


def written(folder: Path, midi: bytes, is_drum: bool) -> Stem:
    """Write a stem's MIDI into a folder."""
    sha256 = hashlib.sha256(midi).hexdigest()
    path = folder / f"{sha256}.mid"
    path.write_bytes(midi)
    return Stem(path, sha256, is_drum)


def _measured(
    patches: Sequence[Patch], stems: Sequence[Stem], count: int, folder: Path, runs: int
) -> Iterator[Figures]:
    for patch in patches:
        fitting = [stem for stem in stems if stem.is_drum == patch.is_drum][:count]
        yield measure(patch, fitting, folder, runs)


def measure(patch: Patch, stems: Sequence[Stem], folder: Path, runs: int = 1) -> Figures:
    """Render the stems with one process that stays, and again with a process for each, in turn; medians of the runs.

    Raises:
        EngineError: the patch cannot be played.
    """
    kept, reloaded = [], []
    for _ in range(runs):
        kept.append(run(patch, stems, folder, together=len(stems)))
        reloaded.append(run(patch, stems, folder, together=1))
    audio_s = sum(outcome.measured.frames / outcome.measured.rate_hz for outcome in kept[0].outcomes)
    renders = [sum(outcome.cost.render_s for outcome in run.outcomes) for run in kept]
    loads = [outcome.cost.load_s for run in (*kept, *reloaded) for outcome in run.outcomes if outcome.cost.cold]
    return Figures(
        engine=patch.engine,
        patch=patch.name,
        stems=len(stems),
        audio_s=round(audio_s, 1),
        load_s=round(statistics.median(loads), 3),
        real_time_factor=statistics.median(renders) / audio_s,
        kept_s=round(statistics.median(run.wall_s for run in kept), 2),
        reloaded_s=round(statistics.median(run.wall_s for run in reloaded), 2),
        memory_mb=max(outcome.cost.rss_mb for run in kept for outcome in run.outcomes),
    )


@dataclass(frozen=True)
class Run:
    """All stems once."""

    wall_s: float
    outcomes: list[RenderOutcome]


def run(patch: Patch, stems: Sequence[Stem], folder: Path, *, together: int) -> Run:
    """Render all stems, so many with each process; the end of a process is nobody's time."""
    part, wall_s = folder / "part", 0.0
    outcomes: list[RenderOutcome] = []
    for first in range(0, len(stems), together):
        began, process = time.perf_counter(), EngineProcess(patch.engine)
        outcomes += [
            process.render(RenderJob(midi_sha256=stem.sha256, patch=patch), stem.midi, part)
            for stem in stems[first : first + together]
        ]
        wall_s += time.perf_counter() - began
        process.close()
    return Run(wall_s, outcomes)


def _print(figures: Sequence[Figures]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in (
        "engine",
        "patch",
        "stems",
        "audio s",
        "load s",
        "× real time",
        "kept s",
        "reloaded s",
        "saved",
        "MB",
    ):
        table.add_column(column, justify="left" if column in ("engine", "patch") else "right")
    for line in figures:
        table.add_row(
            line.engine, line.patch, str(line.stems), f"{line.audio_s:.0f}", f"{line.load_s:.2f}",
            f"{line.times_real_time:,.0f}", f"{line.kept_s:.2f}", f"{line.reloaded_s:.2f}", f"{100 * line.saved:.0f} %",
            f"{line.memory_mb:.0f}",
        )  # fmt: skip
    console().print(table)


if __name__ == "__main__":
    sys.exit(main())
