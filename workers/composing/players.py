"""Who plays a layer: its role says it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from schemas.score import ScoreNote
from workers.composing import bass, chordal, drums, melody
from workers.composing.context import SongContext

_PLAYERS: Final[dict[str, Callable[[SongContext, str], list[ScoreNote]]]] = {
    "beat": drums.write,
    "melody": melody.write,
    "harmony": chordal.write,
    "bassline": bass.write,
}


def play(song: SongContext, layer: str) -> list[ScoreNote]:
    """Return the notes of a layer, straight and on the grid; none lies outside the sections in which it plays."""
    return _PLAYERS[song.layers[layer].role](song, layer)
