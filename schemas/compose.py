"""What a plan asks of the genre composer."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Final

from pydantic import Field, field_validator, model_validator

from schemas.base import FarmModel
from schemas.genre import Genre

#: Root of the sources of composed songs: no folder, and no name of one.
COMPOSED: Final = "composed:"


def path_of(number: int) -> str:
    """Return the name under which a composed song stands where others have the path of their file."""
    return f"{number:06d}.mid"


def number_of(path: str) -> int:
    """Return the number of the composed song that `path_of` gave this name."""
    return int(PurePosixPath(path).stem)


class ComposePlan(FarmModel):
    """Songs that are composed instead of read from files: number `i` is the same wherever and however it is made."""

    #: Genres to draw from: names of the farm's own (`farm genres`), paths of genre folders, or genres written out. Each
    #: song is of all of them at once (`merge`), or of one that is drawn for it (`mixed`).
    genres: list[Genre | str] = []
    together: bool = True
    #: First index.
    first: Annotated[int, Field(ge=0)] = 0
    #: Songs.
    count: Annotated[int, Field(ge=1, le=10_000_000)] = 1
    #: Length of each song, seconds: the form is composed to it. Left out, the genres' own forms decide.
    length_s: Annotated[float, Field(ge=4, le=3600)] | None = None
    #: Bars of a section, in place of what the genres draw: `{chorus: 8}`.
    bars: dict[str, Annotated[int, Field(ge=1, le=256)]] = {}
    #: Least score of the symbolic check; a song below is composed anew, with a fresh draw for each try.
    min_score: Annotated[float, Field(ge=0, le=1)] = 0.0
    #: Tries per song.
    tries: Annotated[int, Field(ge=1, le=100)] = 8

    @field_validator("genres")
    @classmethod
    def _some(cls, value: list[Genre | str]) -> list[Genre | str]:
        names = [genre if isinstance(genre, str) else genre.name for genre in value]
        if len(set(names)) < len(names):
            raise ValueError("a genre is named twice")
        return value

    @model_validator(mode="after")
    def _in_range(self) -> ComposePlan:
        if self.first + self.count > 2**63:
            raise ValueError("the last index must be below 2^63")
        return self
