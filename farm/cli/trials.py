"""`farm eval`: try the audio score on songs that are good and on songs that are spoilt."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from farm.cli.output import answer, counted
from farm.cli.scores import show_progress
from farm.cli.screens import show, table
from farm.dataset.evaluating import evaluate
from farm.dataset.records import check_there
from farm.planning.genres import genre_names
from farm.planning.plans import build_plan
from schemas.errors import PlanError
from schemas.evaluation import (
    LEAST_AUROC,
    MOST_DEVIATION,
    MOST_VOID,
    EvalOrder,
    Interval,
    ReliabilityReport,
    ValidityReport,
    most_render_deviation,
)

_INTERRUPTED: Final = 130
#: Length of the songs that are composed for it, seconds.
_LENGTH_S: Final = 20
_DEMO: Final = Path(__file__).resolve().parents[1] / "_presets" / "demo"


def validity_command(
    dataset: Path | None, *, songs: int, genres: Sequence[str], bootstrap: int, seed: int, as_json: bool
) -> int:
    """Try validity; returns 0, or 1 where the score does not tell good from bad."""
    order = _order(dataset, genres, trial="validity", songs=songs, bootstrap=bootstrap, seed=seed)
    try:
        report = evaluate(order, show_progress("song", quiet=as_json)).validity
    except KeyboardInterrupt:
        return _INTERRUPTED
    if report is None:
        raise PlanError("the trial has no report of validity", hint="Give the same command again")
    if as_json:
        answer(report.model_dump(mode="json"), "", as_json=True)
    else:
        _show_validity(report)
    return 0 if report.passed else 1


def reliability_command(
    dataset: Path | None, *, songs: int, genres: Sequence[str], repeats: int, seed: int, as_json: bool
) -> int:
    """Try reliability; returns 0, or 1 where the same gets other scores."""
    order = _order(dataset, genres, trial="reliability", songs=songs, repeats=repeats, seed=seed)
    try:
        report = evaluate(order, show_progress("song", quiet=as_json)).reliability
    except KeyboardInterrupt:
        return _INTERRUPTED
    if report is None:
        raise PlanError("the trial has no report of reliability", hint="Give the same command again")
    if as_json:
        answer(report.model_dump(mode="json"), "", as_json=True)
    else:
        _show_reliability(report)
    return 0 if report.passed else 1


def _order(dataset: Path | None, genres: Sequence[str], *, songs: int, seed: int, **values: Any) -> EvalOrder:
    if dataset is not None:
        if genres:
            raise PlanError("--genre is for songs that are composed", hint="Leave it out, or leave the folder out")
        folder = dataset.expanduser()
        check_there(folder)
        return EvalOrder(plan=None, folder=str(folder.resolve()), songs=songs, seed=seed, **values)
    compose = {"genres": list(genres) or genre_names(), "together": False, "count": songs, "length_s": _LENGTH_S}
    plan = build_plan({"compose": compose, "seed": seed}, folder=Path.cwd())
    midi = [] if genres else [str(path) for path in sorted(_DEMO.glob("*.mid"))]
    return EvalOrder(plan=plan, midi=midi, songs=songs, seed=seed, **values)


def _interval(figure: Interval) -> str:
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


def _show_validity(report: ValidityReport) -> None:
    rows: list[list[object]] = [
        [
            fault.name, "yes" if fault.judged else "", _interval(fault.auroc),
            "–" if fault.effect is None else f"{fault.effect:.1f}", f"{fault.mean:.3f}", f"{fault.most:.3f}",
            f"{100 * fault.rejected_share:.0f} %",
        ]
        for fault in report.faults
    ]  # fmt: skip
    columns = ["fault", "judged", "AUROC [95 %]", "effect", "mean", "most", "below 0.5"]
    show(table(f"{counted(report.songs, 'good song')} and their faults", columns, rows))
    _say(
        f"good songs: mean {report.good_mean:.3f}, deviation {report.good_deviation:.3f}, least {report.good_least:.3f}",
        f"the eight judged: {_interval(report.eight)}, at least {LEAST_AUROC:g} is asked",
        f"the ten of the study: {_interval(report.ten)}",
        f"no music at all: {report.void_most:.3f} at most, less than {MOST_VOID:g} is asked",
        "the score is valid" if report.passed else "the score is NOT valid",
    )


def _show_reliability(report: ReliabilityReport) -> None:
    rows: list[list[object]] = [
        [item.genre, item.songs, f"{item.mean:.3f}", f"{item.deviation:.3f}", f"{item.render_deviation:.3f}"]
        for item in report.genres
    ]
    show(table("scores by genre", ["genre", "songs", "mean", "between songs", "between ways to play"], rows))
    most = most_render_deviation(report.songs)
    ways = ", ".join(f"{way} {moved:.3f}" for way, moved in report.by_way.items())
    _say(
        f"the same audio: deviation {report.deviation:.1e}, less than {MOST_DEVIATION:g} is asked",
        f"the same song, played otherwise: {report.render_deviation:.3f}, less than {most:.2g} is asked of {report.songs} songs",
        f"by way: {ways}",
        "the score is reliable" if report.passed else "the score is NOT reliable",
    )


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
