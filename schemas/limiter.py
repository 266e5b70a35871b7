"""What a limiter did to a mix: one gain curve, by which the mix and all of its stems were multiplied alike."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.base import FarmModel


class LimitedStretch(FarmModel):
    """A stretch in which the limiter took something off: it begins and ends with a gain of 0 dB."""

    start_s: Annotated[float, Field(ge=0)]
    #: One every `step_s`; from one to the next the factor (not the level) moves evenly.
    gains_db: list[Annotated[float, Field(le=0)]]


class Limiter(FarmModel):
    """The limiter of a mix that was brought to a loudness; outside its stretches it did nothing."""

    step_s: Annotated[float, Field(gt=0)]
    least_gain_db: Annotated[float, Field(le=0)]  #: where it took off most
    limited_s: Annotated[float, Field(ge=0)]  #: length of all stretches
    stretches: list[LimitedStretch]
