"""Which files of a source become songs: the rules of a plan, and what becomes of files that hold the same music."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.band import Band
from schemas.base import FarmModel


class Filters(FarmModel):
    """Which songs are taken; each rule rejects by a name of its own."""

    #: Shorter songs are rejected as `too_short`; the end of the last note counts, seconds.
    min_duration_s: Annotated[float, Field(ge=0)] = 5.0
    #: Longer songs are rejected as `too_long`, seconds.
    max_duration_s: Annotated[float, Field(gt=0)] = 1200.0
    #: Songs with fewer parts are rejected as `too_few_parts`; a part is a program on a channel of a track.
    min_parts: Annotated[int, Field(ge=1)] = 2
    #: Songs with more parts are rejected as `too_many_parts`.
    max_parts: Annotated[int, Field(ge=1, le=999)] = 64
    #: Songs with fewer notes are rejected as `too_few_notes`.
    min_notes: Annotated[int, Field(ge=1)] = 1
    #: Songs with fewer notes per second, over all parts and from first to last, are rejected as `too_sparse`.
    min_notes_per_s: Annotated[float, Field(ge=0)] = 0.0
    #: Songs with more notes per second are rejected as `too_dense`.
    max_notes_per_s: Annotated[float, Field(gt=0)] | None = None
    #: Songs in which no part plays for longer than this, seconds, are rejected as `long_rest`; the time before the first
    #: note counts.
    max_rest_s: Annotated[float, Field(gt=0)] | None = None
    #: Slowest and fastest tempo that a song may have anywhere, quarter notes per minute; others are rejected as `odd_tempo`.
    #: Files whose time is not counted in beats have no tempo, and pass.
    tempo_bpm: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] | None = None
    #: The band that a song must have: classes, each at least once (Slakh's band definition); the name of a band of the
    #: farm, such as `rock_band`; the path of a band file, relative to the plan; or a band written out.
    band: list[str] | Band | str = []

    @model_validator(mode="after")
    def _ordered(self) -> Filters:
        if self.min_duration_s >= self.max_duration_s:
            raise ValueError("min_duration_s must be below max_duration_s")
        if self.min_parts > self.max_parts:
            raise ValueError("min_parts must not exceed max_parts")
        if self.max_notes_per_s is not None and self.min_notes_per_s > self.max_notes_per_s:
            raise ValueError("min_notes_per_s must not exceed max_notes_per_s")
        if self.tempo_bpm is not None and self.tempo_bpm[0] > self.tempo_bpm[1]:
            raise ValueError("tempo_bpm: the slowest tempo must not exceed the fastest")
        return self


class DuplicatePlan(FarmModel):
    """What becomes of files that hold the same music."""

    #: Files with the same bytes (the same MD5): all but the first are rejected as `duplicate`.
    exact: Literal["reject"] = "reject"
    #: Files with other bytes that play the same notes: all but the first are rejected as `same_notes`, or kept.
    notes: Literal["reject", "keep"] = "reject"
    #: Versions of one song (transposed, cut, faster, by other instruments): kept, or all but one rejected as `same_song`.
    versions: Literal["keep", "reject"] = "keep"
