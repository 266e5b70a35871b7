"""What a plan asks of the genre composer."""

from __future__ import annotations

from pathlib import PurePath, PurePosixPath
from typing import Annotated, Final

from pydantic import Field, field_validator, model_validator

from schemas.base import FarmModel
from schemas.genre import Genre, LayerSpec
from schemas.pools import Pools, SoundfontChoice, checked_pools, pool_for

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
    #: Soundfonts to draw from, by layer: names of known ones (`farm assets`), tags such as `piano`, paths relative to the
    #: plan, or patches written out: `{melody: [GeneralUser_GS, fonts/violin.sf2], "*": [gm]}`. `*` is every layer that is
    #: not named; there the tags of the genre's layers choose first. Left out, the plan's soundfont plays.
    soundfonts: Pools = {}

    @field_validator("soundfonts")
    @classmethod
    def _sound_pools(cls, value: Pools) -> Pools:
        return checked_pools(value)

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

    @property
    def soundfont_words(self) -> list[str]:
        """Soundfonts that its pools name, sorted."""
        return sorted({choice.soundfont for choice in self._choices()})

    def pool(self, layer: str, genre: str) -> list[SoundfontChoice] | None:
        """Return the soundfonts that may play a layer of a song of one of its genres; None where it has no pool."""
        spec = self._layer(layer, genre)
        return pool_for(self.soundfonts, layer, role="" if spec is None else spec.role, tags=spec.tags if spec else [])

    def portable(self) -> ComposePlan:
        """Return it with file names in place of the paths of this machine."""
        pools: Pools = {
            layer: [
                choice.model_copy(update={"soundfont": PurePath(choice.soundfont).name})
                if isinstance(choice, SoundfontChoice)
                else choice
                for choice in pool
            ]
            for layer, pool in self.soundfonts.items()
        }
        return self.model_copy(update={"soundfonts": pools})

    def _choices(self) -> list[SoundfontChoice]:
        return [choice for pool in self.soundfonts.values() for choice in pool if isinstance(choice, SoundfontChoice)]

    def _layer(self, layer: str, genre: str) -> LayerSpec | None:
        """Return a layer of the genre of that name, or of the only one."""
        genres = [made for made in self.genres if isinstance(made, Genre)]
        found = next((made for made in genres if made.name == genre or len(genres) == 1), None)
        return None if found is None else found.layers.get(layer)
