"""Stems against the mix: their exact sum, or how far they miss a mix that is a render of the whole song."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from schemas.annotation import SongAnnotation
from schemas.words import counted
from workers.audio.files import Block
from workers.verifying.report import Code
from workers.verifying.track import TrackCheck

#: Float stems sum to the mix within this, 1.0 being full scale; integers sum exactly.
FLOAT_SUM_TOLERANCE: Final = 1e-6
#: The difference of a mix of the whole song may be off by its rounding, dB.
DIFFERENCE_TOLERANCE_DB: Final = 0.01


class SumCheck:
    """Compares the stems of a song with its mix, block by block."""

    def __init__(self, song: SongAnnotation) -> None:
        self._song = song
        self._wrong_frames = 0
        self._first = 0
        self._power = self._missed = 0.0

    def push(self, start: int, blocks: Mapping[str, Block]) -> None:
        """Take the next block of every stem and of the mix, by file, which begins at frame `start`."""
        missed = difference(blocks, self._song.mix.audio)
        if not self._song.mix.is_sum:
            mix = blocks[self._song.mix.audio].astype(np.float64)
            self._power += float(np.square(mix).sum())
            self._missed += float(np.square(missed.astype(np.float64)).sum())
            return
        tolerance = FLOAT_SUM_TOLERANCE if missed.dtype == np.float64 else 0
        wrong = np.flatnonzero((np.abs(missed) > tolerance).any(axis=1))
        if len(wrong) and not self._wrong_frames:
            self._first = start + int(wrong[0])
        self._wrong_frames += len(wrong)

    def tell(self, track: TrackCheck) -> None:
        """Note what is wrong, after the last block."""
        mix = self._song.mix
        if self._wrong_frames:
            message = f"in {counted(self._wrong_frames, 'frame')} it is not the sum of the stems"
            track.add(mix.audio, Code.NOT_THE_SUM, f"{message}, from {self._first / self._song.rate_hz:.3f} s on")
        if mix.whole is not None and not _near(mix.whole.difference_db, self._difference_db):
            said, found = _text(mix.whole.difference_db), _text(self._difference_db)
            message = f"it misses the sum of the stems by {found} dB of its own power, and {said} is written down"
            track.add(mix.audio, Code.DIFFERENCE_WRONG, message)

    @property
    def _difference_db(self) -> float | None:
        return None if not self._power or not self._missed else 10.0 * math.log10(self._missed / self._power)


def difference(blocks: Mapping[str, Block], mix_file: str) -> NDArray[Any]:
    """Return the sum of the stems less the mix: int64 or float64 [frames, channels]."""
    mix = blocks[mix_file]
    wide: Any = np.float64 if mix.dtype == np.float32 else np.int64
    total: NDArray[Any] = np.zeros(mix.shape, dtype=wide)
    for file, block in blocks.items():
        if file != mix_file:
            total += block
    total -= mix
    return total


def _near(said_db: float | None, found_db: float | None) -> bool:
    if said_db is None or found_db is None:
        return said_db is None and found_db is None
    return abs(said_db - found_db) <= DIFFERENCE_TOLERANCE_DB


def _text(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
