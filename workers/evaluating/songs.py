"""Songs for the trials: composed or read from files, and played by one synthesiser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from schemas.patch import FluidSettings, Patch
from schemas.plan import EnginePlan
from workers.engines.base import BlockSink
from workers.engines.fluidsynth import FluidSynthEngine
from workers.probing import probe

#: Peak of a song that is played for a trial: that of a mix, -1 dBFS.
_PEAK = 10 ** (-1 / 20)


class Player:
    """One synthesiser with one soundfont, which plays whole songs.

    Args:
        plan: names the soundfont; left out there, the default one.
        library: path of libfluidsynth; None searches.

    Raises:
        MissingDependencyError: there is no libfluidsynth.
        AssetError: there is no soundfont.
    """

    def __init__(self, plan: EnginePlan, *, library: str | None = None) -> None:
        self.facts = probe(plan, library=library)
        self._engine = FluidSynthEngine(library)

    def play(self, midi: bytes, *, rate_hz: int, effects: bool = False) -> NDArray[np.float32]:
        """Return a song as (frames, 2) at the level of a mix.

        Raises:
            MidiError: it is no song.
        """
        settings = FluidSettings(reverb=effects, chorus=effects)
        facts = self.facts
        patch = Patch(
            engine=facts.engine, engine_version=facts.version, asset=facts.soundfont, bank=0, program=0,
            settings=settings, whole=True,
        )  # fmt: skip
        self._engine.load(patch)
        sink = _Memory()
        self._engine.render_song(midi, sink, rate_hz=rate_hz)
        return at_peak(sink.audio(), _PEAK)

    def close(self) -> None:
        """Free the soundfont."""
        self._engine.close()


@contextmanager
def playing(plan: EnginePlan, *, library: str | None = None) -> Iterator[Player]:
    """Have a player as long as it is needed."""
    player = Player(plan, library=library)
    try:
        yield player
    finally:
        player.close()


def at_peak(audio: NDArray[np.float32], peak: float) -> NDArray[np.float32]:
    """Return audio whose largest sample is `peak`; silence stays silence."""
    highest = float(np.abs(audio).max(initial=0.0))
    return audio if highest == 0.0 else (audio * np.float32(peak / highest)).astype(np.float32, copy=False)


class _Memory(BlockSink):
    """Keeps what is played."""

    def __init__(self) -> None:
        self._blocks: list[NDArray[np.float32]] = []

    def expect(self, frames: int) -> None:
        """Take note of nothing: any length is taken."""

    def write(self, block: NDArray[np.float32]) -> None:
        """Keep a copy, since the player uses its buffer again."""
        self._blocks.append(block.copy())

    def silence(self, frames: int) -> None:
        """Keep silence."""
        self._blocks.append(np.zeros((frames, 2), np.float32))

    def audio(self) -> NDArray[np.float32]:
        """Return everything."""
        return np.concatenate(self._blocks) if self._blocks else np.zeros((0, 2), np.float32)
