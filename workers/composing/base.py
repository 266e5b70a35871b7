"""The extension point of the composers: a brief goes in, a score with true labels comes out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from schemas.compose import ComposePlan
from schemas.genre import Genre
from schemas.score import Score
from workers.composing.draws import Draws


class Brief(NamedTuple):
    """What is asked of one song."""

    number: int  #: index of the song
    genre: Genre  #: complete: defaults and merged genres included
    plan: ComposePlan


class Composer(ABC):
    """Writes songs. What it owes: the same brief and draws give the same score, on every machine."""

    #: Name in plans.
    name: ClassVar[str]

    @abstractmethod
    def compose(self, brief: Brief, draws: Draws) -> Score:
        """Write one song.

        Raises:
            PlanError: what is asked cannot be written.
        """
