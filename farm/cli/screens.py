"""What a person sees: the live progress (on standard error), the summary of a run, tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import progress
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table

from farm.ledger import SubmissionStatus
from schemas.dataset import ANNOTATION
from schemas.states import SubmissionState
from schemas.words import counted

#: Failed songs and stems that a summary names; `farm failures` has them all.
LISTED = 10
#: Columns of what is printed where there is no terminal.
PIPE_WIDTH = 160

_PHASES = {
    SubmissionState.SUBMITTING: "listing files",
    SubmissionState.SCANNING: "reading MIDI",
    SubmissionState.ACTIVE: "rendering",
    SubmissionState.PAUSING: "pausing",
    SubmissionState.PAUSED: "paused",
    SubmissionState.CANCELLING: "cancelling",
    SubmissionState.CANCELLED: "cancelled",
    SubmissionState.DONE: "done",
    SubmissionState.FAILED: "done, with failures",
}


class Progress:
    """The live line of a run: phase, bar over stems, songs published, speed, time left. Written to standard error."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._bar = progress.Progress(
            progress.TextColumn("{task.description:<13}"),
            progress.BarColumn(bar_width=32),
            progress.TextColumn("{task.fields[counts]}"),
            progress.TimeElapsedColumn(),
            progress.TextColumn("left"),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=quiet,
        )
        self._task = self._bar.add_task("starting", total=None, counts="")

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def say(self, line: str) -> None:
        """Print a line above the live one, on standard error too where that is not shown."""
        console = Console(stderr=True) if self.quiet else self._bar.console
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    def show(self, status: SubmissionStatus) -> None:
        """Bring the line up to date."""
        scanning = status.state in (SubmissionState.SUBMITTING, SubmissionState.SCANNING)
        done = status.files_scanned if scanning else status.work_done
        total = status.files_total if scanning else status.work_total
        self._bar.update(
            self._task,
            description=_PHASES.get(status.state, status.state.value),
            total=total or None,
            completed=done,
            counts=_counts(status, scanning),
        )


def _counts(status: SubmissionStatus, scanning: bool) -> str:
    if scanning:
        return f"{status.files_scanned} of {counted(status.files_total, 'file')}"
    return f"{status.songs_done} of {counted(status.songs_total, 'song')}, {counted(status.stems_done, 'stem')}"


def summary(report: Mapping[str, Any]) -> None:
    """Print what a run made, what it left out and why, and where to listen."""
    console = Console()
    songs = report["songs"]
    failed = f", [red]{songs['failed']} failed[/red]" if songs["failed"] else ""
    console.print(
        f"[bold]{songs['published']}[/bold] of {counted(songs['accepted'], 'song')} published{failed}", highlight=False
    )
    console.print(_made(report), highlight=False)
    if not report["did_anything"]:
        console.print("nothing to do: the dataset was finished before")
    for title in ("rejected", "rejected_tries", "warnings"):
        if report[title]:
            found = ", ".join(f"{count} × {reason}" for reason, count in report[title].items())
            console.print(f"{title.replace('_', ' ')}: {found}", highlight=False)
    if report["error"]:
        console.print(f"[red]{escape(report['error'])}[/red]", highlight=False)
    for failure in [item for item in report["failures"] if item["kind"] != "file"][:LISTED]:
        name = f"{failure['kind']} {failure['name']}: {failure['reason']}"
        console.print(f"[red]{escape(name)}[/red] {escape(failure['detail'])}", highlight=False)
    out = escape(_near(Path(report["out"])))
    if not report["songs"]["published"]:
        console.print(f"every file and song, with its reason: farm failures {out}", highlight=False, soft_wrap=True)
        return
    patterns = ("Track*", "*/Track*", "*", "*/*")  # in folders of splits or shards, by number in the layout musicgen
    tracks = next((some for some in patterns if any(Path(report["out"]).glob(f"{some}/{ANNOTATION}"))), "Track*")
    heard = {"stems": "listen: {}/stems/*", "midi": "look: {}/all_stems.mid"}.get(report["parts"], "listen: {}/mix.*")
    console.print(f"{heard.format(f'{out}/{tracks}')}   check: farm verify {out}", highlight=False, soft_wrap=True)
    if report["rejected"]:
        console.print(f"every rejected file: farm failures {out}", highlight=False, soft_wrap=True)


def _made(report: Mapping[str, Any]) -> str:
    if report["parts"] == "midi":
        return "no audio: MIDI files and labels" + (f", in {report['wall_s']:.1f} s" if report["did_anything"] else "")
    speed = (
        f", {report['times_real_time']:,.0f} × real time in {report['wall_s']:.1f} s" if report["did_anything"] else ""
    )
    return f"{counted(report['stems'], 'stem')}, {report['stem_audio_s']:,.0f} s of stem audio{speed}"


def _near(path: Path) -> str:
    """Return a path as a person would type it here: relative where it lies below the working folder."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def show(*parts: RenderableType) -> None:
    """Print to standard output; into a pipe or a file in lines wide enough that nothing is cut or folded."""
    console = Console()
    (console if console.is_terminal else Console(width=max(console.width, PIPE_WIDTH))).print(*parts)


def table(title: str, columns: list[str], rows: list[list[object]]) -> Table:
    """Return a plain table; cells are shown as text, never as markup."""
    built = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        built.add_column(column)
    for row in rows:
        built.add_row(*(escape(str(cell)) for cell in row))
    return built
