"""`farm score` and `farm filter`: rate the mixes of a dataset, and move those out that are rated low."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Final

from farm.cli.output import answer, counted
from farm.dataset.filtering import Filtered, filter_tracks, undo
from farm.dataset.records import check_there, check_whole
from farm.dataset.reworking import rework
from schemas.convert import ReworkReport, ScoreFilesOrder, ScoreOrder
from schemas.errors import PlanError
from schemas.machine import usable_cores

#: Some tracks could not be scored; the others are.
_SOME_FAILED: Final = 3
_INTERRUPTED: Final = 130
#: Tracks that are named one by one.
_LISTED: Final = 10
#: What a score of audio consists of, as it is shown.
_PARTS: Final = ("tempo", "harmony", "rhythm", "noise", "spectrum")


def score_command(folder: Path, *, force: bool, jobs: int | None, as_json: bool) -> int:
    """Score a dataset; returns 0, or 3 if some tracks failed."""
    folder = folder.expanduser()
    check_there(folder)
    check_whole(folder)
    order = ScoreOrder(folder=str(folder), force=force, jobs=jobs or usable_cores())
    try:
        report = rework(order, show_progress("track", quiet=as_json))
    except KeyboardInterrupt:
        sys.stderr.write("farm: interrupted; run the same command to go on\n")
        return _INTERRUPTED
    answer(report.model_dump(mode="json"), _scored(report), as_json=as_json)
    return _SOME_FAILED if report.failed else 0


def score_files_command(files: list[Path], *, jobs: int | None, as_json: bool) -> int:
    """Score audio files, and write nothing; returns 0, or 3 if some could not be read."""
    order = ScoreFilesOrder(files=[str(file.expanduser()) for file in files], jobs=jobs or usable_cores())
    try:
        report = rework(order, show_progress("file", quiet=as_json))
    except KeyboardInterrupt:
        sys.stderr.write("farm: interrupted\n")
        return _INTERRUPTED
    lines = [f"{item.track}: failed: {item.message}" for item in report.failed]
    for file, score in report.parts.items():
        parts = ", ".join(f"{name} {getattr(score, name):.2f}" for name in _PARTS)
        lines.append(f"{file}: {score.score:.2f} ({parts})")
    answer(report.model_dump(mode="json"), "\n".join(lines), as_json=as_json)
    return _SOME_FAILED if report.failed else 0


def filter_command(
    out: Path, min_score: float | None, reject_dir: Path | None, *, dry_run: bool, take_back: bool, as_json: bool
) -> int:
    """Move low scores out, or bring them back."""
    out = out.expanduser()
    if take_back == (min_score is not None):
        raise PlanError("farm filter needs --min-score, or --undo alone", hint="Such as --min-score 0.6")
    if take_back and (dry_run or reject_dir is not None):
        raise PlanError("--undo excludes --dry-run and --reject-dir", hint="It knows where the tracks are")
    done = undo(out) if min_score is None else filter_tracks(out, min_score, reject_dir, dry_run=dry_run)
    record = {**done.model_dump(mode="json"), "dry_run": dry_run, "undone": take_back}
    return answer(record, _filtered(out, done, dry_run=dry_run, take_back=take_back), as_json=as_json)


class show_progress:  # noqa: N801  read as what it does
    """Shows how far it is: nothing for machines and where nobody looks."""

    def __init__(self, what: str, *, quiet: bool) -> None:
        self._what = what
        self._shown = not quiet and sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        """Write the line anew."""
        if self._shown:
            sys.stderr.write(f"\r{done} of {counted(total, self._what)}" + ("\n" if done == total else ""))
            sys.stderr.flush()


def shown(folder: str) -> Path:
    """Return a folder as people write it: relative where it lies below the working folder."""
    path, here = Path(folder), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _scored(report: ReworkReport) -> str:
    lines = [f"{item.track}: failed: {item.code}: {item.message}" for item in report.failed]
    lines += [": ".join(filter(None, (note.track, note.code, note.message))) for note in report.notes]
    scores = sorted(report.scores.values())
    if scores:
        lines.append(f"scores from {scores[0]:.2f} to {scores[-1]:.2f}, median {statistics.median(scores):.2f}")
    before = report.tracks - report.reworked - len(report.failed)
    counts = [f"{counted(report.reworked, 'track')} scored"]
    counts += [f"{before} had their score"] if before else []
    counts += [f"{len(report.failed)} failed"] if report.failed else []
    return "\n".join([*lines, f"{shown(report.folder)}: {', '.join(counts)}"])


def _filtered(out: Path, done: Filtered, *, dry_run: bool, take_back: bool) -> str:
    lines = []
    if done.resumed and not take_back:
        lines.append(f"a change of {counted(done.resumed, 'track')} had been broken off; it is finished")
    lowest = sorted(done.moved, key=lambda track: done.scores.get(track, 0.0))
    lines += [f"{track}: {done.scores.get(track, 0.0):.2f}" for track in lowest[:_LISTED]]
    if len(lowest) > _LISTED:
        lines.append(f"and {len(lowest) - _LISTED} more")
    verb = "moved back from" if take_back else "would be moved to" if dry_run else "moved to"
    if done.moved:
        lines.append(f"{counted(len(done.moved), 'track')} {verb} {shown(done.folder)}, {done.kept} in the dataset")
    else:
        lines.append("nothing to bring back" if take_back else f"no track scores so low, {done.kept} in the dataset")
    if done.removed_indexes:
        names = ", ".join(done.removed_indexes)
        lines.append(f"removed {names}, which named the old places: `farm index mirdata {out}` writes it anew")
    return "\n".join(lines)
