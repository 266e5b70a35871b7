"""The second pass of a mix: apply gains, round, encode, and add up exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.dataset import FileRecord, TrackPaths
from schemas.plan import OutputPlan
from workers.audio.files import AudioWriter, disk_errors, open_writer
from workers.audio.meter import LoudnessMeter
from workers.audio.stemfile import CHUNK_FRAMES, StemReader
from workers.audio.truepeak import TruePeakMeter
from workers.mixing.stems import ChunkCursor, StemInput

#: Chunks that a stem is taken through at once: few switches between encoders, buffers of 256 KB in stereo.
_SLAB_CHUNKS: Final = 8


class MixFigures(NamedTuple):
    """What was measured of the mix while it was written; levels are linear, 1.0 is full scale."""

    peak: float
    true_peak: float | None  #: None where the plan does not ask for it
    loudness_lufs: float | None


def write_files(
    stems: Sequence[StemInput],
    gains: Sequence[np.float32],
    output: OutputPlan,
    folder: Path,
    *,
    paths: TrackPaths,
    frames: int,
    true_peak_floor: float | None,
) -> tuple[list[FileRecord], MixFigures]:
    """Write every stem and the mix; return their records, stems first, and what was measured of the mix.

    `gains` are linear; `true_peak_floor` is a level that the mix is known to reach, which saves work; None leaves the
    true peak unmeasured.
    """
    relative = [*(paths.stem_audio(stem.name, output.format) for stem in stems), paths.mix_audio(output.format)]
    with ExitStack() as stack:
        writers = [stack.enter_context(_open(folder / path, output, frames)) for path in relative]
        lanes = [
            _StemLane(stem.reader, gain, writer, output.bits, frames)
            for stem, gain, writer in zip(stems, gains, writers, strict=False)
        ]
        mix = _MixLane(writers[-1], output, frames, true_peak_floor=true_peak_floor)
        for slab in _slabs(frames):
            mix.add(slab, [lane.run(slab) for lane in lanes])
        written = [writer.close() for writer in writers]
    records = [
        FileRecord(path=path, size_bytes=w.size_bytes, sha256=w.sha256)
        for path, w in zip(relative, written, strict=True)
    ]
    return records, mix.figures()


def _open(path: Path, output: OutputPlan, frames: int) -> AudioWriter:
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    return open_writer(
        path,
        file_format=output.format,
        bits=output.bits,
        rate_hz=output.rate_hz,
        channels=output.channels,
        frames=frames,
    )


class _StemLane:
    """One stem on its way from the raw file into the published one."""

    def __init__(self, reader: StemReader, gain: np.float32, writer: AudioWriter, bits: int, frames: int) -> None:
        self._cursor = ChunkCursor(reader)
        self._gain = gain
        self._writer = writer
        self._frames = frames
        self._bits = bits
        shape = (CHUNK_FRAMES, reader.channels)
        self._wide = np.empty(shape, dtype=np.float64)
        self._published = np.empty((_SLAB_CHUNKS, *shape), dtype=_sample_type(bits))

    def run(self, slab: range) -> list[NDArray[Any] | None]:
        """Publish the chunks that begin at the frames of `slab`; return them, valid until the next call, or None."""
        return [self._publish(start, room) for start, room in zip(slab, self._published, strict=False)]

    def _publish(self, start: int, room: NDArray[Any]) -> NDArray[Any] | None:
        length = min(CHUNK_FRAMES, self._frames - start)
        raw = self._cursor.take(start)
        if raw is None:
            self._writer.silence(length)
            return None
        published = room[: len(raw)]
        self._apply_gain(raw, published)
        self._writer.write(published)
        if len(raw) < length:
            self._writer.silence(length - len(raw))
        return published

    def _apply_gain(self, raw: NDArray[np.float32], published: NDArray[Any]) -> None:
        if self._bits == 32:
            np.multiply(raw, self._gain, out=published)
            return
        wide = self._wide[: len(raw)]
        np.copyto(wide, raw)
        np.multiply(wide, float(self._gain) * 2.0 ** (self._bits - 1), out=wide)
        np.rint(wide, out=wide)
        np.copyto(published, wide, casting="unsafe")


class _MixLane:
    """The sum of all stems on its way into the published mix, and its meters."""

    def __init__(self, writer: AudioWriter, output: OutputPlan, frames: int, *, true_peak_floor: float | None) -> None:
        self._writer = writer
        self._frames = frames
        self._bits = output.bits
        self._scale = np.float32(1.0 if output.bits == 32 else 2.0 ** (1 - output.bits))
        shape = (CHUNK_FRAMES, output.channels)
        self._sum = np.empty(shape, dtype=np.float64 if output.bits == 32 else np.int32)
        self._level = np.empty(shape, dtype=np.float32)
        self._peak = 0.0
        self._true_peak: TruePeakMeter | None = None
        if true_peak_floor is not None:
            self._true_peak = TruePeakMeter(output.channels, floor=true_peak_floor)
        self._loudness = LoudnessMeter(output.rate_hz, output.channels)

    def add(self, slab: range, lanes: Sequence[Sequence[NDArray[Any] | None]]) -> None:
        """Add up and write one slab: per lane its chunks."""
        for start, chunks in zip(slab, zip(*lanes, strict=True), strict=True):
            length = min(CHUNK_FRAMES, self._frames - start)
            sounding = [chunk for chunk in chunks if chunk is not None]
            if sounding:
                self._write(_add_up(sounding, self._sum[:length]))
            else:
                self._writer.silence(length)
                self._loudness.silence(length)
                if self._true_peak is not None:
                    self._true_peak.silence()

    def figures(self) -> MixFigures:
        """Return what was measured."""
        true_peak = None
        if self._true_peak is not None:
            self._true_peak.silence()
            true_peak = max(self._peak, self._true_peak.peak) if self._peak else 0.0
        loudness = self._loudness.integrated()
        return MixFigures(self._peak, true_peak, None if loudness is None else round(loudness, 4))

    def _write(self, total: NDArray[Any]) -> None:
        """Write a block; its level is float32 of at most 24 significant bits, hence exact for integers."""
        level = self._level[: len(total)]
        np.copyto(level, total, casting="unsafe")
        if self._bits < 32:
            self._writer.write(total)
            np.multiply(level, self._scale, out=level)
        else:
            self._writer.write(level)
        self._peak = max(self._peak, float(level.max()), -float(level.min()))
        self._loudness.write(level)
        if self._true_peak is not None:
            self._true_peak.push(level)


def _add_up(chunks: Sequence[NDArray[Any]], total: NDArray[Any]) -> NDArray[Any]:
    """Sum chunks of any length into `total`; integers may wrap on the way, the sum is exact."""
    np.copyto(total[: len(chunks[0])], chunks[0])
    total[len(chunks[0]) :] = 0
    for chunk in chunks[1:]:
        np.add(total[: len(chunk)], chunk, out=total[: len(chunk)])
    return total


def _slabs(frames: int) -> Iterator[range]:
    """Yield the first frames of the chunks of each slab."""
    step = _SLAB_CHUNKS * CHUNK_FRAMES
    for first in range(0, frames, step):
        yield range(first, min(first + step, frames), CHUNK_FRAMES)


def _sample_type(bits: int) -> type[np.float32 | np.int32]:
    return np.float32 if bits == 32 else np.int32
