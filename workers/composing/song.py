"""Composed songs by their number: the same bytes and labels wherever they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from schemas.compose import ComposePlan
from schemas.errors import PlanError, RefusedError
from schemas.genre import Genre
from schemas.plan import DatasetPlan
from schemas.quality import Flaw, Rejection, SymbolicScore, in_words
from schemas.score import Score
from workers.composing.base import Brief
from workers.composing.draws import Draws
from workers.composing.genre import GenreComposer
from workers.composing.samples import with_samples
from workers.composing.shares import genre_in_turn
from workers.composing.smf import to_midi
from workers.composing.theory import parse_key
from workers.scoring.symbolic import check_score

#: Songs that are kept, by plan, number and first try: scan, split and annotation of one often come soon after one another.
_kept: Final[dict[tuple[str, int, int], Composed]] = {}
_KEPT_AT_MOST: Final = 32


class Composed(NamedTuple):
    """A song, and what it took."""

    midi: bytes
    score: Score
    genre: Genre  #: that it was written from
    check: SymbolicScore
    rejected: list[Rejection]  #: tries before this one

    @property
    def attempt(self) -> int:
        """Number of the try that it is; 0 is the first."""
        return len(self.rejected)


def composed(plan: DatasetPlan, number: int, rejected: Sequence[Rejection] = ()) -> Composed:
    """Return song `number` of a plan: the first try that passes the check, after those that are rejected already.

    Args:
        plan: of the submission.
        number: of the song.
        rejected: every try that was thrown away so far, such as those whose mix scored too low, from the first on.

    Raises:
        PlanError: the plan composes nothing, its genres were never read, or what it asks cannot be written.
        RefusedError: every try had a flaw, or a lower score than the plan asks for.
    """
    plan_hash = plan.plan_hash
    key = (plan_hash, number, len(rejected))
    if key not in _kept:
        made = _compose(plan, number, list(rejected))
        while len(_kept) >= _KEPT_AT_MOST:
            _kept.pop(next(iter(_kept)))
        _kept[key] = _kept[plan_hash, number, made.attempt] = made
    return _kept[key]


def _compose(plan: DatasetPlan, number: int, rejected: list[Rejection]) -> Composed:
    asked = plan.compose
    if asked is None:
        raise PlanError("the plan composes nothing", hint="Give it `compose: {genres: [jazz], count: 10}`")
    genre = _genre(asked, Draws(plan.seed, number), plan.seed, number)
    for attempt in range(len(rejected), asked.tries):
        score = GenreComposer().compose(Brief(number, genre, asked), Draws(plan.seed, number, attempt))
        check = check_score(score, parse_key(score.key).scale)
        flaws = check.flaws or [Flaw.LOW_SCORE] * (check.score < asked.min_score)
        if not flaws:
            score = _with_recordings(score, plan, Draws(plan.seed, number, attempt))
            return Composed(to_midi(score), score, genre, check, rejected)
        rejected.append(Rejection(attempt=attempt, flaws=flaws, score=check.score, symbolic=check))
    raise _refused(number, asked, rejected)


def _with_recordings(score: Score, plan: DatasetPlan, draws: Draws) -> Score:
    """Return the song with the recordings that the plan asks for."""
    asked = plan.compose
    library = None if asked is None else asked.sample_library
    if asked is None or asked.samples is None or library is None:
        return score
    return with_samples(score, library, asked.samples.layers, draws)


def _refused(number: int, asked: ComposePlan, rejected: list[Rejection]) -> RefusedError:
    return RefusedError(
        f"song {number} was composed {len(rejected)} times and never well enough: {in_words(rejected)}",
        hint=f"Lower compose.min_score ({asked.min_score:g}), or raise compose.tries",
        rejected=rejected,
    )


def _genre(asked: ComposePlan, draws: Draws, seed: int, number: int) -> Genre:
    """Return the genre of a song: the only one, or one of several, drawn for it or in turn where they have shares."""
    genres = {genre.name: genre for genre in asked.genres if isinstance(genre, Genre)}
    if len(genres) < max(1, len(asked.genres)):
        raise PlanError("the genres of the plan were never read", hint="Read the plan with `farm.planning.plans`")
    if asked.shares:
        return genres[genre_in_turn(seed, number, asked.shares)]
    return genres[draws.stream("genre").pick(sorted(genres))]
