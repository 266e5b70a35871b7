"""Numbers that are written down, or drawn: evenly, normally, or from a list."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Annotated, Any, Final

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from schemas.base import FarmModel, draw

#: Decimals of a number that was drawn.
DIGITS: Final = 4
_FORMS: Final = "a number, {uniform: [A, B]}, {normal: [MEAN, SD], within: [A, B]} or {choice: [A, B, ...]}"
#: What a draw may come to at its ends, so that a normal distribution has a value there.
_LEAST_CHANCE: Final = 1e-12

Range = tuple[float, float]


class Uniform(FarmModel):
    """A number between two others, all alike."""

    uniform: Range

    @field_validator("uniform")
    @classmethod
    def _rising(cls, value: Range) -> Range:
        return _rising(value)

    def at(self, chance: float) -> float:
        """Return the number below which lies this share of all."""
        low, high = self.uniform
        return low + (high - low) * chance

    @property
    def bounds(self) -> Range:
        """The least and the greatest number."""
        return self.uniform


class Normal(FarmModel):
    """A normally distributed number; `within` cuts the distribution off, so that none beyond is drawn."""

    normal: tuple[float, Annotated[float, Field(gt=0)]]
    within: Range | None = None

    @model_validator(mode="after")
    def _mean_is_within(self) -> Normal:
        if self.within is not None:
            low, high = _rising(self.within)
            if not low <= self.normal[0] <= high:
                raise ValueError(f"the mean {self.normal[0]:g} is not within {low:g} and {high:g}")
        return self

    def at(self, chance: float) -> float:
        """Return the number below which lies this share of all."""
        bell = NormalDist(*self.normal)
        low, high = (0.0, 1.0) if self.within is None else (bell.cdf(self.within[0]), bell.cdf(self.within[1]))
        share = min(max(low + (high - low) * chance, _LEAST_CHANCE), 1.0 - _LEAST_CHANCE)
        least, most = self.bounds
        return min(max(bell.inv_cdf(share), least), most)

    @property
    def bounds(self) -> Range:
        """The least and the greatest number."""
        return (-math.inf, math.inf) if self.within is None else self.within


class Choice(FarmModel):
    """One of some numbers, all alike; one that stands twice is drawn twice as often."""

    choice: Annotated[list[float], Field(min_length=1)]

    def at(self, chance: float) -> float:
        """Return the number at this share of the list."""
        return self.choice[int(chance * len(self.choice))]

    @property
    def bounds(self) -> Range:
        """The least and the greatest number."""
        return min(self.choice), max(self.choice)


def _form(value: Any) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return "number"
    names = value if isinstance(value, dict) else type(value).model_fields if isinstance(value, FarmModel) else ()
    return next((name for name in ("uniform", "normal", "choice") if name in names), None)


#: A number, or how one is drawn.
Drawn = Annotated[
    Annotated[float, Tag("number")]
    | Annotated[Uniform, Tag("uniform")]
    | Annotated[Normal, Tag("normal")]
    | Annotated[Choice, Tag("choice")],
    Discriminator(_form, custom_error_type="drawn", custom_error_message=f"it must be {_FORMS}"),
]


def bounds_of(value: float | Uniform | Normal | Choice) -> Range:
    """Return the least and the greatest that a number may be."""
    return (value, value) if isinstance(value, int | float) else value.bounds


def number_of(value: float | Uniform | Normal | Choice, *key: object) -> float:
    """Return a number, drawn by `key` where it is to be drawn; a multiple of 0.0001."""
    found = float(value) if isinstance(value, int | float) else value.at(draw(*key))
    return round(found, DIGITS) + 0.0


def _rising(value: Range) -> Range:
    if value[0] >= value[1]:
        raise ValueError(f"[{value[0]:g}, {value[1]:g}] must rise: the least first, then the greatest")
    return value
