"""What a plan asks of the genre composer."""

from __future__ import annotations

from math import floor
from pathlib import PurePath, PurePosixPath
from typing import Annotated, Any, Final

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from schemas.base import FarmModel
from schemas.errors import PlanError
from schemas.genre import Genre, LayerSpec
from schemas.pools import Pools, SoundfontChoice, checked_pools, pool_for
from schemas.samples import SampleLibrary, SamplePlan

#: Root of the sources of composed songs: no folder, and no name of one.
COMPOSED: Final = "composed:"


def path_of(number: int) -> str:
    """Return the name under which a composed song stands where others have the path of their file."""
    return f"{number:06d}.mid"


def number_of(path: str) -> int:
    """Return the number of the composed song that `path_of` gave this name."""
    return int(PurePosixPath(path).stem)


def filling_meters(genre: Genre, length_s: float) -> list[str]:
    """Return the meters of which whole bars, at a tempo of the genre, last exactly so long."""
    low, high = genre.tempo_bpm
    found = []
    for meter in (meter for meter, weight in genre.meters.items() if weight > 0):
        numerator, denominator = map(int, meter.split("/"))
        tempo_of_one = 4 * numerator / denominator * 60 / length_s  # of a song of one bar
        bars = floor(low / tempo_of_one)
        if any(count >= 1 and low <= count * tempo_of_one <= high for count in (bars, bars + 1)):
            found.append(meter)
    return found


class ComposePlan(FarmModel):
    """Songs that are composed instead of read from files: number `i` is the same wherever and however it is made."""

    #: Genres to draw from: names of the farm's own (`farm genres`), paths of genre folders, or genres written out.
    genres: list[Genre | str] = []
    #: Each song is of all of them at once; false: of one that is drawn for it.
    together: bool = True
    #: With `together: false`: weight of each genre, `{jazz: 60, rock: 40}`. Any stretch of songs keeps these shares, give or take
    #: a few songs. Left out, the genre of each song is drawn by itself.
    shares: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = {}
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
    #: Tries per song, those included that were played and whose mix scored less than `quality.min_score`.
    tries: Annotated[int, Field(ge=1, le=100)] = 8
    #: Soundfonts to draw from, by layer: names of known ones (`farm assets`), tags such as `piano`, paths relative to the
    #: plan, or patches written out: `{melody: [GeneralUser_GS, fonts/violin.sf2], "*": [gm]}`. `*` is every layer that is
    #: not named; there the tags of the genre's layers choose first. Left out, the plan's soundfont plays.
    soundfonts: Pools = {}
    #: Recordings that play along: `{library: samples/samples.json, layers: {beat: {mode: alongside}}}`; see
    #: `farm samples build`.
    samples: SamplePlan | None = None

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

    @model_validator(mode="after")
    def _each_genre_has_its_share(self) -> ComposePlan:
        if not self.shares:
            return self
        if self.together:
            raise ValueError("shares are for songs of one genre each: add `together: false`")
        names = {genre if isinstance(genre, str) else genre.name for genre in self.genres}
        if names != set(self.shares):
            odd = ", ".join(sorted(names ^ set(self.shares)))
            raise ValueError(f"shares must name the genres, each of them and no other; one of the two lacks {odd}")
        return self

    @model_serializer(mode="wrap")
    def _without_default(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if not self.shares:
            values.pop("shares", None)
        return values

    @model_validator(mode="after")
    def _length_can_be(self) -> ComposePlan:
        """Refuse a length that no song of a genre can have; a genre without meters is not complete yet."""
        for genre in (genre for genre in self.genres if isinstance(genre, Genre) and genre.meters):
            if self.length_s is not None and not filling_meters(genre, self.length_s):
                low, high = genre.tempo_bpm
                raise ValueError(
                    f"no tempo of {genre.name} ({low:g} to {high:g} a minute) fills the length_s of {self.length_s:g} "
                    f"with whole bars of {', '.join(genre.meters)}; ask for longer songs, or give it more tempos"
                )
        return self

    @property
    def soundfont_words(self) -> list[str]:
        """Soundfonts that its pools name, sorted."""
        return sorted({choice.soundfont for choice in self._choices()})

    def pool(self, layer: str, genre: str) -> list[SoundfontChoice] | None:
        """Return the soundfonts that may play a layer of a song of one of its genres; None where it has no pool."""
        spec = self._layer(layer, genre)
        return pool_for(self.soundfonts, layer, role="" if spec is None else spec.role, tags=spec.tags if spec else [])

    def role_of(self, layer: str, genre: str) -> str:
        """Return the role of a layer of a song of one of its genres; nothing where that has no such layer."""
        spec = self._layer(layer, genre)
        return "" if spec is None else spec.role

    @property
    def layers(self) -> list[str]:
        """Names of the layers of its genres, in their order."""
        return list(dict.fromkeys(name for made in self.genres if isinstance(made, Genre) for name in made.layers))

    @property
    def layer_order(self) -> list[list[str]]:
        """Names of the layers of each genre: their order tells who leads, and a hash of sorted keys would not know it."""
        return [list(made.layers) for made in self.genres if isinstance(made, Genre)]

    def effect_factors(self, genre: str) -> dict[str, float]:
        """Return what multiplies the probabilities of effects in the mix of a song of one of its genres."""
        made = self._genre(genre)
        return {} if made is None else made.effects

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
        samples = None if self.samples is None else self.samples.portable()
        return self.model_copy(update={"soundfonts": pools, "samples": samples})

    @property
    def sample_library(self) -> SampleLibrary | None:
        """The recordings that may play along; None where there are none.

        Raises:
            PlanError: the plan has only the library's path, since it was not read as plans are.
        """
        if self.samples is None:
            return None
        if isinstance(self.samples.library, str):
            raise PlanError("the library of samples was never read", hint="Read the plan with `farm.planning.plans`")
        return self.samples.library

    def _choices(self) -> list[SoundfontChoice]:
        return [choice for pool in self.soundfonts.values() for choice in pool if isinstance(choice, SoundfontChoice)]

    def _genre(self, name: str) -> Genre | None:
        """Return the genre of that name, or the only one."""
        genres = [made for made in self.genres if isinstance(made, Genre)]
        return next((made for made in genres if made.name == name or len(genres) == 1), None)

    def _layer(self, layer: str, genre: str) -> LayerSpec | None:
        found = self._genre(genre)
        return None if found is None else found.layers.get(layer)
