"""`python -m workers.verifying DIR`: exit code 0 when the dataset is as it claims, 1 when not, 2 when it is none."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
from pathlib import Path

from schemas.errors import DatasetError
from schemas.words import counted
from workers.verifying.dataset import verify_dataset
from workers.verifying.report import report_text


def main(argv: list[str] | None = None) -> int:
    """Verify a dataset and write what is wrong with it, one finding a line or as JSON."""
    parser = argparse.ArgumentParser(prog="python -m workers.verifying", description=__doc__)
    parser.add_argument("dataset", type=Path, help="folder of a finished dataset")
    parser.add_argument("--json", action="store_true", help="write the report as JSON")
    parser.add_argument("--fast", action="store_true", help="leave the audio undecoded")
    parser.add_argument("--processes", type=int, default=None, help="tracks at a time; one per core if left out")
    arguments = parser.parse_args(argv)
    progress = _show if sys.stderr.isatty() else None
    try:
        report = verify_dataset(
            arguments.dataset, fast=arguments.fast, processes=arguments.processes, progress=progress
        )
    except DatasetError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(report.model_dump_json(indent=1) + "\n" if arguments.json else report_text(report))
    return 0 if report.ok else 1


def _show(done: int, tracks: int) -> None:
    sys.stderr.write(f"\r{done} of {counted(tracks, 'track')}" + ("\n" if done == tracks else ""))
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
