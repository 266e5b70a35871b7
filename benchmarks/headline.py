"""How long would Slakh2100 take on this machine, and how large would it be?

python -m benchmarks.headline                     36 whole songs, in the farm's default form and in Slakh's
python -m benchmarks.headline --songs 120 --json

A sample of whole songs is made: every song of the corpus in several keys and tempi, so that no two share a stem. One `farm run`
turns it into a verified dataset; time and size per second of stem, the start taken in, are scaled to the stems of Slakh2100.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.table import Table

from benchmarks.farmrun import BenchError, busy_line, cores, run_farm
from benchmarks.screen import console
from benchmarks.songs import originals, variant, write_songs
from benchmarks.watch import folder_size
from schemas.dataset import DATASET, FARM_FOLDER
from schemas.errors import FarmError

#: Slakh2100 (Manilow et al., 2019, and its released metadata): songs, stems, hours of mixtures. Stems are as long as their song.
SONGS: Final = 2_100
STEMS: Final = 22_090
MIXTURE_H: Final = 145.0
STEM_H: Final = MIXTURE_H * STEMS / SONGS
#: What the farm is asked for: everything by default, and Slakh2100's own form (mono, 16 bits), without its choice of bands.
FORMS: Final = {
    "24-bit stereo FLAC": (),
    "Slakh's own form, 16-bit mono FLAC": ("--bits", 16, "--channels", 1),
}


@dataclass(frozen=True)
class Sample:
    """What a sample took, and what Slakh2100 would."""

    form: str
    songs: int
    stems: int
    mixture_s: float
    stem_audio_s: float
    wall_s: float
    dataset_mb: float
    others_share: float

    @property
    def slakh_h(self) -> float:
        """Hours for Slakh2100."""
        return self.wall_s / self.stem_audio_s * STEM_H

    @property
    def slakh_gb(self) -> float:
        """Size of Slakh2100 on disk, GB."""
        return self.dataset_mb / 1e3 / self.stem_audio_s * STEM_H * 3600


def main() -> int:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.headline", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=36, help="in the sample")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="farm-headline-") as folder:
            corpus = _corpus(Path(folder), arguments.songs)
            samples = [_measure(Path(folder), corpus, form) for form in FORMS]
    except FarmError as error:
        sys.stderr.write(f"benchmarks: {error}\n")
        return 1
    if arguments.json:
        rows = [{**asdict(sample), "slakh_h": sample.slakh_h, "slakh_gb": sample.slakh_gb} for sample in samples]
        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
    else:
        _print(samples)
    return 0


def _corpus(folder: Path, count: int) -> Path:
    whole = originals()
    rounds = -(-count // len(whole))
    songs = {f"{name}-{number:03d}": variant(midi, number) for number in range(rounds) for name, midi in whole.items()}
    return write_songs(folder / "corpus", dict(list(songs.items())[:count]))


def _measure(folder: Path, corpus: Path, form: str) -> Sample:
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    run = run_farm("run", corpus, "--out", out, *FORMS[form])
    report = run.report
    if report["songs"]["published"] != len(list(corpus.iterdir())):
        raise BenchError(f"only {report['songs']['published']} songs were published: {report['rejected']}")
    verdict = run_farm("verify", out)
    size, _ = folder_size(out, leave_out=FARM_FOLDER)
    return Sample(
        form=form,
        songs=report["songs"]["published"],
        stems=report["stems"],
        mixture_s=json.loads((out / DATASET).read_bytes())["duration_s"],
        stem_audio_s=round(report["stem_audio_s"], 1),
        wall_s=round(run.wall_s, 2),
        dataset_mb=round(size / 1e6, 1),
        others_share=round(max(run.others_share, verdict.others_share), 3),
    )


def _print(samples: list[Sample]) -> None:
    first = samples[0]
    title = (
        f"{first.songs} whole songs, {first.stems} stems, {first.mixture_s / 3600:.2f} h of mixtures on {len(cores())} cores; "
        f"Slakh2100 has {SONGS:,} songs, {STEMS:,} stems, {MIXTURE_H:g} h"
    )
    table = Table(title=title, title_justify="left")
    for head in ("", "wall s", "× real time", "dataset MB", "Slakh2100 h", "Slakh2100 GB"):
        table.add_column(head, justify="right" if head else "left")
    for sample in samples:
        table.add_row(
            sample.form,
            f"{sample.wall_s:.1f}",
            f"{sample.stem_audio_s / sample.wall_s:,.0f}",
            f"{sample.dataset_mb:,.0f}",
            f"{sample.slakh_h:.2f}",
            f"{sample.slakh_gb:.0f}",
        )
    screen = console()
    screen.print(table)
    screen.print(
        "Time and size are scaled by seconds of stem. `farm verify` found nothing wrong; its time is not counted."
    )
    busy = busy_line(sample.others_share for sample in samples)
    if busy is not None:
        screen.print(busy)


if __name__ == "__main__":
    sys.exit(main())
