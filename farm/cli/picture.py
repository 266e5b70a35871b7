"""The picture of a submission: progress, when it will be done, what holds it up, and what failed, by fingerprint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from farm.cli.eta import lines
from farm.cli.output import counted, duration
from farm.cli.patches import KEY_LENGTH, condition, speed
from farm.cli.screens import table
from farm.ledger import FailureGroup, PatchReport, SubmissionStatus
from farm.ledger.stages import StageCost
from farm.scheduling.eta import Eta
from schemas.states import SUBMISSION_ENDS, SubmissionState

#: Rows of each table; `farm patches` and `farm failures` have them all.
LISTED = 8
#: Columns of the head and its bar, where the terminal has as many.
WIDTH = 100


@dataclass(frozen=True, slots=True)
class View:
    """What a picture shows of one moment."""

    status: SubmissionStatus
    eta: Eta | None = None  #: None when there is nothing left to forecast
    patches: Sequence[PatchReport] = ()
    failures: Sequence[FailureGroup] = ()
    pace: float | None = None  #: seconds of stem audio rendered per second, lately


def picture(view: View) -> Group:
    """Return the picture of a moment."""
    status = view.status
    parts: list[RenderableType] = [_head(status), _bar(status), _figures(view), *_unserved(status)]
    if view.eta is not None:
        parts += [Text(line) for line in lines(view.eta)]
    parts += [*_patches(view.patches), *_failures(view.failures)]
    parts += [*_counts("rejected", status.rejected), *_counts("rejected tries at songs", status.rejected_tries)]
    parts += _counts("warnings", status.warnings)
    return Group(*parts)


def listing(rows: Sequence[SubmissionStatus]) -> Table:
    """Return one line for each submission."""
    cells: list[list[object]] = [
        [
            r.submission_id,
            r.name,
            ", nobody serves ".join([r.state.value, *r.unserved]),
            r.priority,
            f"{r.songs_done}/{r.songs_total}",
            r.songs_failed,
            r.stems_done,
        ]
        for r in rows
    ]
    return table("submissions", ["id", "name", "state", "priority", "songs", "failed", "stems"], cells)


def share_done(status: SubmissionStatus) -> float:
    """Return how much of a submission is behind it, 0 to 1."""
    if status.state in (SubmissionState.SUBMITTING, SubmissionState.SCANNING):
        return 0.0
    if status.state is SubmissionState.DONE:
        return 1.0
    if status.state in SUBMISSION_ENDS:
        return status.songs_done / max(1, status.songs_total)
    return min(1.0, status.work_done / status.work_total) if status.work_total else 0.0


def _head(status: SubmissionStatus) -> RenderableType:
    line = Table.grid(expand=True)
    line.add_column()
    line.add_column(justify="right")
    title = Text.assemble((f"submission {status.submission_id}", "bold"), f"  {status.name}")
    line.add_row(title, Text(_state(status), style=_STYLES.get(status.state, "")))
    head = Constrain(line, WIDTH)
    return head if not status.error else Group(head, Text(status.error, style="red"))


def _state(status: SubmissionStatus) -> str:
    return status.state.value + (f", priority {status.priority}" if status.priority else "")


def _unserved(status: SubmissionStatus) -> list[Text]:
    """Say which engine classes nobody serves: without this a submission would stand still in silence."""
    return [
        Text(
            f"{counted(stems, 'stem')} for {engine}, and no live slot serves it: "
            f"`farm worker --engines {engine}` on a host that has it; `farm doctor` there says what is missing",
            style="bold red",
        )
        for engine, stems in status.unserved.items()
    ]


_STYLES = {
    SubmissionState.ACTIVE: "bold cyan",
    SubmissionState.DONE: "bold green",
    SubmissionState.FAILED: "bold red",
    SubmissionState.PAUSING: "bold yellow",
    SubmissionState.PAUSED: "bold yellow",
    SubmissionState.CANCELLING: "bold magenta",
    SubmissionState.CANCELLED: "bold magenta",
}


def _bar(status: SubmissionStatus) -> RenderableType:
    share = share_done(status)
    line = Table.grid(expand=True)
    line.add_column(ratio=1)
    line.add_column(justify="right", width=9)
    line.add_row(ProgressBar(total=1.0, completed=share), f"{100 * share:.1f} %")
    return Constrain(line, WIDTH)


def _figures(view: View) -> Text:
    status = view.status
    if status.state in (SubmissionState.SUBMITTING, SubmissionState.SCANNING):
        return Text(f"{status.files_scanned:,} of {counted(status.files_total, 'file')} read")
    words = [
        f"{status.songs_done:,} of {counted(status.songs_total, 'song')} published",
        f"{status.songs_failed:,} failed" if status.songs_failed else "",
        f"{counted(status.stems_done, 'stem')} rendered, {duration(status.stem_audio_s)} of audio",
        f"{counted(status.stems_held, 'stem')} held" if status.stems_held else "",
        f"{view.pace:,.0f} × real time" if view.pace else "",
        counted(status.live_slots, "slot"),
        f"{duration(status.elapsed_s)} so far"
        if status.state not in SUBMISSION_ENDS
        else f"in {duration(status.elapsed_s)}",
    ]
    return Text(" · ".join(filter(None, words)))


def _patches(reports: Sequence[PatchReport]) -> list[Table]:
    waiting = [
        report for report in reports if report.ready or report.leased or report.quarantined or report.held_patches
    ]
    if not waiting:
        return []
    waiting.sort(key=lambda report: (not report.quarantined, not report.held_patches, -report.est_s, report.load_key))
    rows: list[list[object]] = [
        [
            r.load_key[:KEY_LENGTH], r.label, r.ready, r.leased, r.done, r.failed, duration(r.est_s), speed(r.rtf),
            condition(r),
        ]
        for r in waiting[:LISTED]
    ]  # fmt: skip
    title = f"\npatches with work left: {len(waiting)}"
    columns = ["patch", "label", "ready", "leased", "done", "failed", "left", "speed", ""]
    return [table(title, columns, rows)]


def stages(costs: Sequence[StageCost]) -> list[Table]:
    """Return a table of what each stage has done and what that cost."""
    if not costs:
        return []
    total_s = sum(cost.wall_s for cost in costs) or 1.0
    rows: list[list[object]] = [
        [
            cost.stage, counted(cost.done, cost.unit), cost.failed or "", duration(cost.wall_s),
            f"{100 * cost.wall_s / total_s:.0f} %", duration(cost.cpu_s),
        ]
        for cost in costs
    ]  # fmt: skip
    return [
        table("\ntime of all slots by stage", ["stage", "done", "tries failed", "time", "share", "processor"], rows)
    ]


def _failures(groups: Sequence[FailureGroup]) -> list[Table]:
    if not groups:
        return []
    largest = sorted(groups, key=lambda group: (-group.count, group.fingerprint))
    rows: list[list[object]] = [
        [g.count, g.reason, g.fingerprint, _some(g.patches), _some(g.hosts), g.sample] for g in largest[:LISTED]
    ]
    columns = ["tries", "reason", "fingerprint", "patches", "hosts", "for example"]
    return [table(f"\nfailures by fingerprint: {len(groups)}", columns, rows)]


def _some(names: Sequence[str]) -> str:
    """Return up to two names and how many more there are."""
    shown = ", ".join(names[:2])
    return shown if len(names) <= 2 else f"{shown} and {len(names) - 2} more"


def _counts(title: str, counts: dict[str, int]) -> list[Table]:
    if not counts:
        return []
    return [table("", [title, "count"], [[reason, count] for reason, count in sorted(counts.items())])]
