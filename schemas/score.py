"""Scores: what a composer returns. Notes, and everything that the labels of the finished song say about them.

Time in a score is counted in ticks from its start (`PPQ` to the quarter note). All layers stand on one grid of bars.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field

from schemas.base import FarmModel
from schemas.samples import SampleCue

#: Ticks per quarter note: divisible by 2, 3, 5 and 7, so that triplets and septuplets fall on whole ticks.
PPQ: Final = 840

Meter = tuple[int, int]


class ScoreNote(NamedTuple):
    """One note as it is played: swing and humanised timing included."""

    start: int  #: ticks
    end: int  #: ticks, after start
    key: int
    velocity: int


class Bar(FarmModel):
    """One bar of the grid."""

    start: int
    meter: Meter  #: numerator and denominator
    section: int  #: index of its section

    @property
    def ticks(self) -> int:
        """Length."""
        return PPQ * 4 * self.meter[0] // self.meter[1]

    @property
    def end(self) -> int:
        """Where the next bar begins."""
        return self.start + self.ticks


class Section(FarmModel):
    """One occurrence of a part of the form."""

    name: str  #: such as `verse`
    occurrence: Annotated[int, Field(ge=1)]  #: 1 for the first of this name
    start: int
    end: int
    layers: list[str]  #: those that play in it


class Chord(FarmModel):
    """One chord as it sounds."""

    start: int
    end: int
    root: Annotated[int, Field(ge=0, le=11)]  #: pitch class
    quality: str  #: of `CHORD_TYPES`
    inversion: Annotated[int, Field(ge=0, le=3)] = 0
    numeral: str = ""  #: Roman numeral in the key, such as `ii7`
    keys: list[int] = []  #: MIDI keys of its voicing, lowest first


class Layer(FarmModel):
    """What one player plays throughout the song."""

    name: str  #: `beat`, `melody`, `harmony`, `bassline`, or one more that a genre asks for
    role: Literal["beat", "melody", "harmony", "bassline"]  #: what it is mixed and filtered as
    program: Annotated[int, Field(ge=0, le=127)]
    is_drum: bool = False
    notes: list[ScoreNote]
    sample: SampleCue | None = None  #: the recording that plays it; its notes say when


class Score(FarmModel):
    """A composed song."""

    title: str
    genres: list[str]
    key: str  #: such as `C#m`
    mode: str  #: `major`, `minor`, or a mode such as `dorian`
    tempo_bpm: Annotated[float, Field(gt=0)]  #: quarter notes a minute
    swing: Annotated[float, Field(ge=0.5, le=0.75)]  #: where the off-beat lies in its beat: 0.5 is straight
    bars: list[Bar]
    sections: list[Section]
    chords: list[Chord]
    layers: list[Layer]
    end: int  #: ticks; the end of the last bar
