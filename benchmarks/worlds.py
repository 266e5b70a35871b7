"""Made-up datasets for the simulator: songs, the patches of their stems, and the times that a farm would need."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

#: Loads: most patches are samples that are there at once, others are plug-ins and libraries (render_farms 2.1).
QUICK_SHARE: Final = 0.6
QUICK_LOAD_S: Final = 0.3
SLOW_LOAD_S: Final = (4.0, 30.0)
#: Stems of a song, evenly.
STEMS_PER_SONG: Final = (4, 16)
#: Mean seconds of a render.
RENDER_S: Final = 2.0
#: Scatter (sigma of a lognormal) of the lengths of songs, of how busy parts are, of the speeds of patches, and of single
#: renders about what was expected.
_LENGTHS, _BUSYNESS, _SPEEDS, _NOISE = 0.35, 0.4, 0.4, 0.15


@dataclass(frozen=True, slots=True)
class SimStem:
    """A stem, and how long its render takes."""

    song: int
    patch: int
    audio_s: float  #: expected length
    est_s: float  #: expected render time, as a planner sees it: it knows length and notes, not the patch's speed
    render_s: float  #: true render time


@dataclass(frozen=True)
class World:
    """A dataset to be rendered."""

    loads: Sequence[float]  #: true load time of each patch, seconds
    stems: Sequence[SimStem]  #: by song

    @cached_property
    def songs(self) -> list[list[int]]:
        """Numbers of the stems of every song, by track."""
        songs: list[list[int]] = [[] for _ in range(self.stems[-1].song + 1)]
        for number, stem in enumerate(self.stems):
            songs[stem.song].append(number)
        return songs

    @cached_property
    def render_s(self) -> float:
        """Seconds of all renders."""
        return sum(stem.render_s for stem in self.stems)


def make_world(*, stems: int, patches: int, seed: int, zipf: float = 1.0) -> World:
    """Make a dataset in which patch k is 1 / k**zipf as popular as the first, whatever the song.

    Patches of a song are drawn one by one. Real songs share patches by genre, which would make affinity easier.
    """
    chance = random.Random(seed)
    loads = [QUICK_LOAD_S if chance.random() < QUICK_SHARE else chance.uniform(*SLOW_LOAD_S) for _ in range(patches)]
    speeds = [chance.lognormvariate(0.0, _SPEEDS) for _ in range(patches)]
    popularity = list(itertools.accumulate(1 / (rank + 1) ** zipf for rank in range(patches)))
    drawn: list[SimStem] = []
    for song in itertools.count():
        count = min(chance.randint(*STEMS_PER_SONG), stems - len(drawn))
        if count <= 0:
            break
        audio_s = 200.0 * chance.lognormvariate(0.0, _LENGTHS)
        for patch in chance.choices(range(patches), cum_weights=popularity, k=count):
            est_s = audio_s * chance.lognormvariate(0.0, _BUSYNESS) / 100.0
            render_s = est_s * speeds[patch] * chance.lognormvariate(0.0, _NOISE)
            drawn.append(SimStem(song, patch, audio_s, est_s, render_s))
    scale = RENDER_S * len(drawn) / sum(stem.render_s for stem in drawn)
    return World(loads, [SimStem(s.song, s.patch, s.audio_s, s.est_s * scale, s.render_s * scale) for s in drawn])
