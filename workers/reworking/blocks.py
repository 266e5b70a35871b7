"""One audio file as a stream of blocks in another form: fewer channels, another rate, a gain, other integers.

All of it is done in 64-bit floats. Where nothing is lost (the same rate and channels, as many bits or more) every
sample comes out as what it was, exactly. Resampling is soxr's at its highest quality (linear phase, 28 bits), at over
a thousand times real time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray

from schemas.convert import AudioForm
from schemas.errors import DatasetError
from workers.audio.dither import Dither
from workers.audio.files import AudioInfo, Block, read_blocks, read_info

#: Frames of a block: a multiple of the hop of levels and of FLAC's block.
BLOCK_FRAMES: Final = 1 << 16
_QUALITY: Final = "VHQ"
_SUFFIXES: Final = {".flac": "flac", ".wav": "wav"}

Wide = NDArray[np.float64]


def form_of(path: Path) -> tuple[AudioForm, int]:
    """Return the form of an audio file and its number of frames.

    Raises:
        DatasetError: it cannot be read, or is of a form that is never published.
    """
    info: AudioInfo = read_info(path)
    if info.channels > 2:
        raise DatasetError(f"{path} has {info.channels} channels; one or two can be worked on")
    values = {"bits": info.bits, "rate_hz": info.rate_hz, "channels": info.channels}
    return AudioForm.model_validate({"format": _SUFFIXES[path.suffix.lower()], **values}), info.frames


def is_audio(path: Path) -> bool:
    """Whether a file has the name of an audio file."""
    return path.suffix.lower() in _SUFFIXES


def frames_in(form: AudioForm, frames: int, rate_hz: int) -> int:
    """Return how many frames a file of `frames` frames at `rate_hz` has in `form`: what is begun counts whole."""
    return -(-frames * form.rate_hz // rate_hz)


def blocks_in(path: Path, form: AudioForm, *, gain_db: float = 0.0, noise: Dither | None = None) -> Iterator[Block]:
    """Yield a file in another form, in blocks of `BLOCK_FRAMES` (the last may be shorter).

    Integers are rounded half to even, after `noise` was added where that is given; they may lie beyond the range of
    their bits where the sound does, which is for the caller to see and to prevent by a gain.

    Raises:
        DatasetError: the file cannot be read, or breaks off.
    """
    source, frames = form_of(path)
    if gain_db == 0.0 and source.model_copy(update={"format": form.format}) == form:
        yield from read_blocks(path, BLOCK_FRAMES)
        return
    wide = _wide(read_blocks(path, BLOCK_FRAMES), source.bits)
    if form.channels < source.channels:
        wide = (block.mean(axis=1, keepdims=True) for block in wide)
    if form.rate_hz != source.rate_hz:
        wide = _resampled(wide, source.rate_hz, form, frames_in(form, frames, source.rate_hz))
    factor = 10.0 ** (gain_db / 20.0) * (1.0 if form.bits == 32 else 2.0 ** (form.bits - 1))
    first = 0
    for block in wide:
        np.multiply(block, factor, out=block)
        if noise is not None:
            noise.add(block, first)
        first += len(block)
        yield block.astype(np.float32) if form.bits == 32 else np.rint(block, out=block).astype(np.int32)


def clipped(block: Block, bits: int) -> Block:
    """Return a block within the range of its bits."""
    top = 2 ** (bits - 1)
    if bits == 32 or (block.max() < top and block.min() >= -top):
        return block
    return np.clip(block, -top, top - 1).astype(np.int32)


def level_of(block: Block, bits: int) -> NDArray[np.float32]:
    """Return a block as float32, 1.0 being full scale; exact within the range of the bits."""
    return (
        block.astype(np.float32, copy=False) if bits == 32 else block.astype(np.float32) * np.float32(2.0 ** (1 - bits))
    )


def _wide(blocks: Iterable[Block], bits: int) -> Iterator[Wide]:
    scale = 1.0 if bits == 32 else 2.0 ** (1 - bits)
    for block in blocks:
        yield block * np.float64(scale)


def _resampled(blocks: Iterable[Wide], rate_hz: int, form: AudioForm, frames: int) -> Iterator[Wide]:
    """Resample to exactly `frames` frames, in blocks of one size."""
    stream = soxr.ResampleStream(rate_hz, form.rate_hz, form.channels, dtype="float64", quality=_QUALITY)
    waiting: list[Wide] = []
    count = left = 0
    left = frames
    for piece in _pieces(stream, blocks, form.channels):
        waiting.append(piece)
        count += len(piece)
        while count >= BLOCK_FRAMES and left > BLOCK_FRAMES:
            joined = np.concatenate(waiting)
            yield joined[:BLOCK_FRAMES].copy()
            waiting, count, left = [joined[BLOCK_FRAMES:]], count - BLOCK_FRAMES, left - BLOCK_FRAMES
    rest = np.zeros((left, form.channels))
    tail = np.concatenate([*waiting, np.zeros((0, form.channels))])[:left]
    rest[: len(tail)] = tail
    if left:
        yield rest


def _pieces(stream: Any, blocks: Iterable[Wide], channels: int) -> Iterator[Wide]:
    for block in blocks:
        yield stream.resample_chunk(np.ascontiguousarray(block))
    yield stream.resample_chunk(np.zeros((0, channels)), last=True)
