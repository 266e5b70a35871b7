"""Measure the farm beside the bare synthesiser and today's tools, in one run, alternating, medians of several.

python -m benchmarks                      the six shared songs, default soundfont, effects off
python -m benchmarks --effects --runs 7 --out out/bench
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.breakdown import check_hooks, profiled
from benchmarks.contest import Setting, compare, farm_job
from benchmarks.farmrun import ROOT
from benchmarks.report import as_record, draw, print_breakdown, print_comparison, save
from benchmarks.screen import console
from benchmarks.songs import SONGS
from schemas.errors import FarmError
from schemas.patch import FluidSettings
from workers.engines.soundfonts import default_soundfont, describe

#: Where the picture is kept that the documentation shows.
KEPT = ROOT / "docs" / "pictures" / "bench.svg"


def main() -> int:
    """Run the comparison and the profiled run, and print both tables."""
    arguments = _arguments()
    try:
        settings = FluidSettings(reverb=arguments.effects, chorus=arguments.effects)
        soundfont = Path(describe(arguments.soundfont or default_soundfont()).path)
        setting = Setting(arguments.songs.resolve(), soundfont.resolve(), settings, arguments.runs)
        if arguments.stages:
            check_hooks()  # before minutes have passed
        with tempfile.TemporaryDirectory(prefix="farm-bench-") as folder:
            comparison = compare(Path(folder), setting)
            os.sync()
            out = Path(folder, "profiled")
            breakdown = profiled(lambda env: farm_job(setting, out, env)) if arguments.stages else None
    except FarmError as error:
        sys.stderr.write(f"benchmarks: {error}\n")
        return 1
    if arguments.json:
        sys.stdout.write(json.dumps(as_record(comparison, breakdown), indent=1) + "\n")
    else:
        screen = console()
        print_comparison(comparison, screen)
        if breakdown is not None:
            print_breakdown(breakdown, comparison.farm_s, screen)
    if arguments.out is not None:
        save(comparison, breakdown, arguments.out)
    if arguments.keep:
        draw(comparison, breakdown, [KEPT])
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=Path, default=SONGS, help="folder of MIDI files")
    parser.add_argument("--soundfont", type=Path, help="default: as `farm run` finds it")
    parser.add_argument("--effects", action="store_true", help="reverb and chorus on, on both sides")
    parser.add_argument("--runs", type=int, default=5, help="of every contestant")
    parser.add_argument(
        "--stages", action=argparse.BooleanOptionalAction, default=True, help="one more run, with timers at the stages"
    )
    parser.add_argument("--out", type=Path, help="folder for bench.json, bench.png and bench.svg")
    parser.add_argument("--keep", action="store_true", help=f"draw {KEPT.relative_to(ROOT)} anew")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
