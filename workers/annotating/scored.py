"""The score of a song's mix, in its annotation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.annotation import SongAnnotation
from workers.audio.files import read_blocks, read_info
from workers.audio.floats import read_floats
from workers.scoring.audio import score_audio

#: What the mix leaves of its samples beside the files of the track, so that none has to be decoded; gone when it is scored.
FLOAT_MIX: Final = ".mix.f32"
#: Samples at a time: half a megabyte, which stays in the cache while they are looked at.
_BLOCK_FRAMES: Final = 65536


def scored(song: SongAnnotation, folder: Path) -> SongAnnotation:
    """Return the annotation with the score of the mix; as it is where no mix is published.

    Args:
        song: its annotation.
        folder: of the track.

    Raises:
        DatasetError: the mix is no readable audio file.
    """
    audio = song.mix.audio
    if audio is None:
        return song
    path, left = folder / audio, folder / FLOAT_MIX
    info = read_info(path)
    blocks = read_floats(left, info.channels, _BLOCK_FRAMES) if left.is_file() else float_blocks(path)
    score = score_audio(blocks, info.rate_hz, onsets_s(song))
    left.unlink(missing_ok=True)
    return song.model_copy(update={"score": score})


def onsets_s(song: SongAnnotation) -> list[float]:
    """Return when the notes begin that are heard in the mix."""
    return [
        onset_s
        for stem in song.stems
        for onset_s, sounds in zip(stem.notes.onset_s, stem.notes.sounding, strict=True)
        if sounds and not stem.silent
    ]


def float_blocks(path: Path) -> Iterator[NDArray[np.float32]]:
    """Read a published file in blocks of floats, full scale 1.

    Raises:
        DatasetError: it is no readable audio file.
    """
    bits = read_info(path).bits
    scale = np.float32(2.0 ** (1 - bits))
    for block in read_blocks(path, _BLOCK_FRAMES):
        samples: NDArray[np.float32] = block.astype(np.float32, copy=False)
        yield samples * scale if block.dtype == np.int32 else samples
