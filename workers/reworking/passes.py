"""One pass over the audio of a song: every stem is taken through once, written and measured, and added to its sums.

A sum is exact: integers of the published stems added up, or the float32 nearest to the sum of published float32 stems.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from schemas.convert import AudioForm
from schemas.dataset import FileRecord
from schemas.errors import DatasetError
from workers.audio.dither import Dither
from workers.audio.files import AudioWriter, Block, disk_errors, open_writer
from workers.audio.meter import LoudnessMeter
from workers.audio.stemfile import HOP_FRAMES
from workers.audio.truepeak import TruePeakMeter
from workers.reworking.blocks import blocks_in, clipped, form_of, level_of

_LOUDNESS_DIGITS: Final = 4


@dataclass(frozen=True)
class Lane:
    """One file on its way into another form."""

    source: Path
    target: str | None  #: path in the track's folder; None where it is only added up
    noise: tuple[object, ...] = ()  #: what dither is drawn from; empty where it is rounded without


@dataclass(frozen=True)
class Sum:
    """A file that is the sum of some of the lanes."""

    target: str
    members: frozenset[int]  #: which lanes, counted from 0


@dataclass(frozen=True)
class Sound:
    """What a written file sounds like. Levels are linear, 1.0 is full scale."""

    record: FileRecord
    peak: float
    true_peak: float | None
    loudness_lufs: float | None
    hop_peaks: NDArray[np.float32]


def run_pass(
    lanes: Sequence[Lane],
    sums: Sequence[Sum],
    folder: Path,
    form: AudioForm,
    frames: int,
    *,
    gain_db: float = 0.0,
    true_peak: bool = False,
) -> dict[str, Sound]:
    """Write lanes and sums into `folder`; return what each written file sounds like, by its path.

    Every lane comes out with `frames` frames; what lies beyond full scale is clipped in the files and measured as it is.

    Raises:
        DatasetError: a file cannot be read, or is not as long as the others.
        DiskFullError, OutputError: a file cannot be written; those begun are removed.
    """
    with ExitStack() as stack:
        sinks = [None if lane.target is None else stack.enter_context(_Sink(folder, lane.target, form, frames, true_peak))
                 for lane in lanes]  # fmt: skip
        totals = [stack.enter_context(_Sink(folder, total.target, form, frames, true_peak)) for total in sums]
        streams = [
            _exactly(
                blocks_in(lane.source, form, gain_db=gain_db, noise=Dither(*lane.noise) if lane.noise else None),
                frames,
                lane.source,
            )
            for lane in lanes
        ]
        for blocks in zip(*streams, strict=True):
            for sink, block in zip(sinks, blocks, strict=True):
                if sink is not None:
                    sink.write(block)
            for sink, total in zip(totals, sums, strict=True):
                sink.write(_added([block for index, block in enumerate(blocks) if index in total.members], blocks[0]))
        return {sink.path: sink.close() for sink in (*sinks, *totals) if sink is not None}


def sums_up(stems: Sequence[Path], mix: Path) -> bool:
    """Whether a mix is the sum of its stems, to what rounding leaves: half a step for each file, and one.

    Raises:
        DatasetError: a file cannot be read, or is not as long as the others.
    """
    form, frames = form_of(mix)
    step = 2.0**-22 if form.bits == 32 else 1.0
    tolerance = step * (0.5 * (len(stems) + 1) + 1.0)
    streams = [_exactly(blocks_in(path, form), frames, path) for path in (mix, *stems)]
    for blocks in zip(*streams, strict=True):
        total = np.sum(np.stack(blocks[1:]), axis=0, dtype=np.float64)
        if np.abs(total - blocks[0]).max(initial=0.0) > tolerance:
            return False
    return True


def difference_db(stems: Sequence[Path], mix: Path) -> float | None:
    """Return the power of a mix less the sum of the stems, relative to that of the mix, dB; None where one is zero.

    Raises:
        DatasetError: a file cannot be read, or is not as long as the others.
    """
    form, frames = form_of(mix)
    power = missed = 0.0
    streams = [_exactly(blocks_in(path, form), frames, path) for path in (mix, *stems)]
    for blocks in zip(*streams, strict=True):
        wide = blocks[0].astype(np.float64)
        power += float(np.vdot(wide, wide))
        wide -= np.sum(np.stack(blocks[1:]), axis=0, dtype=np.float64) if stems else 0.0
        missed += float(np.vdot(wide, wide))
    return None if not power or not missed else round(10.0 * math.log10(missed / power), 4)


def _added(blocks: Sequence[Block], like: Block) -> Block:
    """Return the sum of blocks; zeros where there are none."""
    wide: Any = np.float64 if like.dtype == np.float32 else np.int32
    total = np.zeros(like.shape, dtype=wide)
    for block in blocks:
        total += block
    return total.astype(np.float32) if like.dtype == np.float32 else total


def _exactly(blocks: Iterator[Block], frames: int, path: Path) -> Iterator[Block]:
    """Pass blocks on, and see to it that they hold the song's number of frames."""
    seen = 0
    for block in blocks:
        seen += len(block)
        yield block
    if seen != frames:
        raise DatasetError(
            f"{path} has {seen} frames, and the song has {frames}", hint="All files of a song are equally long"
        )


class _Sink:
    """A file being written and measured."""

    def __init__(self, folder: Path, path: str, form: AudioForm, frames: int, true_peak: bool) -> None:
        self.path = path
        self._form = form
        with disk_errors(folder / path):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
        self._writer: AudioWriter = open_writer(
            folder / path,
            file_format=form.format,
            bits=form.bits,
            rate_hz=form.rate_hz,
            channels=form.channels,
            frames=frames,
        )
        self._loudness = LoudnessMeter(form.rate_hz, form.channels)
        self._true_peak = TruePeakMeter(form.channels) if true_peak else None
        self._hops: list[NDArray[np.float32]] = []

    def __enter__(self) -> _Sink:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._writer.abort()

    def write(self, block: Block) -> None:
        """Append a block; all but the last are whole hops long."""
        level = level_of(block, self._form.bits)
        hops = -(-len(level) // HOP_FRAMES)
        magnitude = np.zeros((hops * HOP_FRAMES, level.shape[1]), dtype=np.float32)
        np.abs(level, out=magnitude[: len(level)])
        peaks = magnitude.reshape(hops, -1).max(axis=1)
        self._hops.append(peaks)
        if peaks.any():
            self._writer.write(clipped(block, self._form.bits))
            self._loudness.write(level)
            if self._true_peak is not None:
                self._true_peak.push(level)
        else:
            self._writer.silence(len(block))
            self._loudness.silence(len(block))
            if self._true_peak is not None:
                self._true_peak.silence()

    def close(self) -> Sound:
        """Finish the file."""
        written = self._writer.close()
        peaks = np.concatenate([np.zeros(0, np.float32), *self._hops])
        true_peak = None
        if self._true_peak is not None:
            self._true_peak.silence()
            true_peak = max(self._true_peak.peak, float(peaks.max(initial=0.0)))
        loudness = self._loudness.integrated()
        return Sound(
            FileRecord(path=self.path, size_bytes=written.size_bytes, sha256=written.sha256),
            float(peaks.max(initial=0.0)),
            true_peak,
            None if loudness is None else round(loudness, _LOUDNESS_DIGITS),
            peaks,
        )
