"""Starts and repetitions: the command itself, one short song from cold, the same submission again, shared stems.

python -m benchmarks.again
python -m benchmarks.again --cold                     also with the caches of the files that it reads emptied
python -m benchmarks.again -- --option value          with an option of `farm run` for the repeated submissions
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table
from sqlalchemy import create_engine, select

from benchmarks.farmrun import ROOT, BenchError, Run, busy_line, run_farm
from benchmarks.screen import console
from benchmarks.songs import SONGS, originals, piece, write_songs
from farm.ledger.models import AttemptRow, SubmissionRow
from schemas.dataset import FARM_FOLDER
from schemas.errors import FarmError
from workers.engines.soundfonts import default_soundfont

HELP_LIMIT_S = 0.3
SONG_LIMIT_S = 3.0
#: Length of the short song, seconds.
SONG_S = 30.0
#: Folders of the checkout that a run of the farm reads.
_READ = ("farm", "workers", "schemas", "presets", "migrations")


@dataclass(frozen=True)
class Line:
    """One measurement: what it was, what came out, and the limit where there is one."""

    what: str
    wall_s: float
    limit_s: float | None = None
    rendered: int | None = None  #: stems that an engine played, by the ledger
    cached: int | None = None  #: stems that were found in the store
    may_render: int | None = None
    others_share: float = 0.0  #: most that other programs took of the cores

    @property
    def is_met(self) -> bool:
        """Whether time and renders are within their limits."""
        in_time = self.limit_s is None or self.wall_s <= self.limit_s
        return in_time and (self.may_render is None or (self.rendered or 0) <= self.may_render)


def main() -> int:
    """Measure everything; the exit code is 1 where a limit is passed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.again", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=Path, default=SONGS)
    parser.add_argument("--length", type=float, default=60.0, help="of each song of the repeated submission, seconds")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cold", action="store_true", help="also empty the caches of the files that a run reads")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("options", nargs="*", help="of `farm run`, for the repeated submissions")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="farm-again-") as folder:
            lines = [*_starts(Path(folder), arguments), *_repeats(Path(folder), arguments)]
    except FarmError as error:
        sys.stderr.write(f"benchmarks: {error}\n")
        return 1
    if arguments.json:
        sys.stdout.write(json.dumps([asdict(line) | {"is_met": line.is_met} for line in lines], indent=1) + "\n")
    else:
        _print(lines)
    return 0 if all(line.is_met for line in lines) else 1


def renders(ledger: Path, submission: int) -> tuple[int, int]:
    """Return how many stems of a submission an engine played and how many were found in the store, by the ledger.

    Both count tries that ended well; a stem that was only adopted has no try that took render time.
    """
    tries = select(AttemptRow.cached, AttemptRow.render_s).where(
        AttemptRow.submission_id == submission, AttemptRow.stem_id.is_not(None), AttemptRow.outcome == "done"
    )
    engine = create_engine(f"sqlite:///{ledger}")
    with engine.connect() as conn:
        rows = conn.execute(tries).all()
    engine.dispose()
    cached = sum(bool(row.cached) for row in rows)
    return len(rows) - cached, cached


def last_submission(ledger: Path) -> int:
    """Return the number of the newest submission of a ledger."""
    engine = create_engine(f"sqlite:///{ledger}")
    with engine.connect() as conn:
        number = conn.execute(select(SubmissionRow.id).order_by(SubmissionRow.id.desc()).limit(1)).scalar_one()
    engine.dispose()
    return int(number)


def _starts(folder: Path, arguments: argparse.Namespace) -> list[Line]:
    runs = range(arguments.runs)
    song = next(iter(originals(arguments.songs).values()))
    corpus = write_songs(folder / "one", {"song": piece(song, SONG_S)})
    lines = [
        _line("farm --help", (run_farm("--help", as_json=False) for _ in runs), HELP_LIMIT_S),
        _line(f"farm run, one song of {SONG_S:g} s", (_fresh(corpus, folder / "short") for _ in runs), SONG_LIMIT_S),
    ]
    if arguments.cold:
        files = [default_soundfont(), *_files([Path(sys.prefix), *(ROOT / name for name in _READ)])]
        lines.append(_line("the same from cold caches", (_cold(files, corpus, folder / "cold") for _ in runs), None))
    return lines


def _repeats(folder: Path, arguments: argparse.Namespace) -> list[Line]:
    """Submit songs, submit them again, and submit them with another mix, which needs the same stems."""
    songs = {name: piece(midi, arguments.length) for name, midi in originals(arguments.songs).items()}
    corpus = write_songs(folder / "songs", songs)
    louder = folder / "louder.yaml"
    louder.write_text(f"source: {corpus}\nmix: {{stem_lufs: -16}}\n", encoding="utf-8")
    kept = ("run", corpus, "--out", folder / "first", "--keep-store", *arguments.options)
    first, told = run_farm(*kept), _told(folder / "first")
    again = run_farm(*kept)
    other = run_farm("run", louder, "--out", folder / "other", *arguments.options)
    return [
        _told_line(f"{len(songs)} songs of {arguments.length:g} s, the first time", first, told, None),
        _told_line("the same command again", again, _difference(_told(folder / "first"), told), 0),
        _told_line("the same songs, another mix and folder", other, _told(folder / "other"), 0),
    ]


def _told_line(what: str, run: Run, told: tuple[int, int], may_render: int | None) -> Line:
    return Line(what, round(run.wall_s, 3), None, *told, may_render, run.others_share)


def _line(what: str, runs: Iterable[Run], limit_s: float | None) -> Line:
    """Return the median of some runs."""
    done = list(runs)
    wall_s = round(statistics.median(run.wall_s for run in done), 3)
    return Line(what, wall_s, limit_s, others_share=max(run.others_share for run in done))


def _told(out: Path) -> tuple[int, int]:
    ledger = out / FARM_FOLDER / "ledger.sqlite"
    if not ledger.is_file():
        raise BenchError(f"the run left no ledger in {FARM_FOLDER}: nothing says what was rendered")
    return renders(ledger, last_submission(ledger))


def _difference(after: tuple[int, int], before: tuple[int, int]) -> tuple[int, int]:
    return after[0] - before[0], after[1] - before[1]


def _fresh(corpus: Path, out: Path) -> Run:
    """Run into a new folder."""
    shutil.rmtree(out, ignore_errors=True)
    return run_farm("run", corpus, "--out", out)


def _cold(files: list[Path], corpus: Path, out: Path) -> Run:
    """Run after the cache has let go of `files`, as far as nobody else has them mapped."""
    if not hasattr(os, "posix_fadvise"):
        raise BenchError("this system cannot empty the cache of single files; leave out --cold")
    os.sync()
    for path in files:
        try:
            handle = os.open(path, os.O_RDONLY)
        except OSError:
            continue  # gone since it was listed
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)
    return _fresh(corpus, out)


def _files(folders: Iterable[Path]) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def _print(lines: list[Line]) -> None:
    table = Table(title="Starts and repetitions, medians", title_justify="left")
    for head in ("", "wall s", "limit s", "stems rendered", "found in the store", ""):
        table.add_column(head, justify="right" if head else "left")
    for line in lines:
        numbers = ["" if value is None else str(value) for value in (line.limit_s, line.rendered, line.cached)]
        verdict = "" if line.is_met else "TOO SLOW" if line.may_render is None else "RENDERED AGAIN"
        table.add_row(line.what, f"{line.wall_s:.3f}", *numbers, verdict)
    screen = console()
    screen.print(table)
    busy = busy_line(line.others_share for line in lines)
    if busy is not None:
        screen.print(busy)


if __name__ == "__main__":
    sys.exit(main())
