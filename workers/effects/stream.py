"""A chain of Faust effects that keep their state from block to block."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

import numpy as np

from schemas.effects import AppliedEffect, ChosenEffect, Effect
from workers.effects.libfaust import Audio, CompileError, Instance
from workers.effects.refusals import refused, spelt

#: Most frames of a block: in stereo a quarter of a megabyte, which stays in the cache.
BLOCK_FRAMES: Final = 32768
_PAUSE: Final = re.compile(r'^declare longest_pause "(\d+(?:\.\d+)?)"', re.MULTILINE)
#: A drawn value may pass a slider's end by as much as a 32-bit float is off.
_OFF_SHARE: Final = 1e-6


class Stream:
    """Effects one after the other, stereo in and out; `close` frees them.

    Args:
        effects: in order; none is a plug-in.
        rate_hz: sample rate.

    Raises:
        MissingDependencyError: DawDreamer is not installed.
        EngineError: a source does not compile or is not stereo, or a parameter does not exist or is out of its range.
    """

    def __init__(self, effects: Sequence[ChosenEffect], rate_hz: int) -> None:
        self._closing = ExitStack()
        #: For how long all of it may be silent and sound again without new sound, seconds: infinite where a source does not say.
        self.longest_pause_s = sum(longest_pause_s(chosen.effect.source or "") for chosen in effects)
        self._blocks = [np.empty(2 * BLOCK_FRAMES, np.float32) for _ in range(2)]
        with self._closing:
            self._instances = [self._instance(*chosen, rate_hz) for chosen in effects]
            self._closing = self._closing.pop_all()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def run(self, block: Audio) -> Audio:
        """Send the next frames through all effects.

        Args:
            block: float32 [frames, 2], at most `BLOCK_FRAMES`.

        Returns:
            float32 [frames, 2], valid until the next call.
        """
        before, after = (side[: 2 * len(block)].reshape(2, -1) for side in self._blocks)
        np.copyto(before, block.T)
        for instance in self._instances:
            instance.compute(before, after)
            before, after = after, before
        interleaved = after.reshape(-1, 2)
        for side in range(2):  # one side after the other: numpy's own transposed copy takes several times as long
            interleaved[:, side] = before[side]
        return interleaved

    def _instance(self, effect: Effect, applied: AppliedEffect, rate_hz: int) -> Instance:
        try:
            made = Instance(effect.source or "", rate_hz)
        except CompileError as error:
            raise refused(effect, f"its Faust source does not compile: {error}") from error
        self._closing.callback(made.close)
        if made.sides != (2, 2):
            raise refused(effect, "it is not stereo in and out")
        for parameter, value in applied.parameters.items():
            slider = made.sliders[spelt(parameter, list(made.sliders), effect)]
            if not _within(value, slider.least, slider.greatest):
                raise refused(
                    effect,
                    f"`{parameter}` goes from {slider.least:g} to {slider.greatest:g}, and the plan has {value:g}",
                )
            slider.zone[0] = value
        return made


def longest_pause_s(source: str) -> float:
    """Return what a source declares as `longest_pause`, seconds; infinite where it declares nothing."""
    found = _PAUSE.search(source)
    return math.inf if found is None else float(found[1])


def _within(value: float, least: float, greatest: float) -> bool:
    off = _OFF_SHARE * max(abs(least), abs(greatest), 1.0)
    return least - off <= value <= greatest + off
