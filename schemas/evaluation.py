"""Trials of the audio score: what is ordered, and what came out."""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal

from pydantic import Field

from schemas.base import FarmModel
from schemas.plan import DatasetPlan

#: What the scores must do: tell good songs from the eight faults, give next to nothing to what is no music, give the same
#: to the same audio, and nearly the same to the same song played otherwise.
LEAST_AUROC: Final = 0.97
MOST_VOID: Final = 0.1
MOST_DEVIATION: Final = 1e-6
MOST_RENDER_DEVIATION: Final = 0.05
#: Songs of which that is asked, at least; see `most_render_deviation`.
_FULL_TRIAL: Final = 18
#: A song below is said to be rejected.
THRESHOLD: Final = 0.5


def most_render_deviation(songs: int) -> float:
    """Return what the mean deviation of so many songs must stay below: the mean of few is spread as their root is small."""
    return MOST_RENDER_DEVIATION * max(1.0, math.sqrt(_FULL_TRIAL / songs))


class EvalOrder(FarmModel):
    """One trial."""

    trial: Literal["validity", "reliability"]
    plan: DatasetPlan | None  #: composes the songs; None where they are those of a folder
    midi: list[str] = []  #: files that are played beside them
    folder: str | None = None  #: of a dataset whose mixes are the songs
    songs: Annotated[int, Field(ge=2, le=10_000)]
    repeats: Annotated[int, Field(ge=2, le=1000)] = 5  #: times that each is scored, and ways in which it is played
    bootstrap: Annotated[int, Field(ge=10, le=100_000)] = 200
    seed: Annotated[int, Field(ge=0)] = 0


class Interval(FarmModel):
    """A figure with its 95 % interval, from samples drawn with replacement."""

    value: float
    low: float
    high: float


class FaultReport(FarmModel):
    """How far one fault is told from good songs."""

    name: str
    judged: bool  #: one of the eight that decide
    auroc: Interval
    effect: float | None  #: difference of the means over the common deviation (Cohen's d); None where nothing varies
    rejected_share: float  #: below `THRESHOLD`
    mean: float
    most: float


class ValidityReport(FarmModel):
    """Whether the score tells good from bad."""

    songs: int
    seconds: float
    good_mean: float
    good_deviation: float
    good_least: float
    good_rejected_share: float
    faults: list[FaultReport]
    eight: Interval  #: AUROC of good songs against the eight faults together
    ten: Interval
    void_most: float  #: of what is no music, the highest score
    passed: bool


class GenreSpread(FarmModel):
    """Scores of the songs of one genre."""

    genre: str
    songs: int
    mean: float
    deviation: float  #: between songs
    render_deviation: float  #: of one song played in several ways, mean


class ReliabilityReport(FarmModel):
    """Whether the score is the same for the same."""

    songs: int
    repeats: int
    deviation: float  #: of scores of the same audio, the largest
    render_deviation: float  #: of scores of one song played in several ways, mean over songs
    by_way: dict[str, float]  #: how far each way of playing moves a score, mean
    genres: list[GenreSpread]
    passed: bool


class EvalAnswer(FarmModel):
    """One line of the process: progress (songs done, songs), a report, or the error that ended it."""

    progress: tuple[int, int] | None = None
    validity: ValidityReport | None = None
    reliability: ReliabilityReport | None = None
    error: dict[str, str] | None = None
