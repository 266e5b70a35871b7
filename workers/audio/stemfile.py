"""Raw stems in the store: float32 in chunks, silent chunks left out.

A file holds, in this order:
    the stored chunks: float32, little-endian, interleaved, `CHUNK_FRAMES` frames each (the song's last one may be short)
    the K-weighted power of every hop of 100 ms, float32, all of the first channel before the second: from it the loudness
        follows in any song, at any gain and in any place
    the peak of every `HOP_FRAMES` frames, float32, over all channels: it bounds what a sum of stems can reach
    a JSON footer: frames, channels, rate_hz, chunk_frames, hops, peaks, and segments: [[first chunk, number of chunks], ...]
    the footer's length in 8 bytes, little-endian, and the magic number `MAGIC`
Chunks are counted from the first frame of the stem; one that no segment has is all zero. About half of the audio of
real stems is, so that the file has half the size and every later pass half the work. The hash of the whole file is its
name in the store: XXH3 with 128 bits, which finds every damage and takes a quarter of the time of a cryptographic hash;
nobody who wanted to forge a stem would be kept out by its name.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128

from schemas.errors import DiskFullError, StoreError

Samples = NDArray[np.float32]

#: Frames of a chunk: stereo of 32 KB, which stays in the first-level cache while it is measured, hashed and written.
CHUNK_FRAMES: Final = 4096
#: Frames of a hop of peaks: the resolution of active regions, 12 ms at 44.1 kHz.
HOP_FRAMES: Final = 512
MAGIC: Final = b"STEMF35\n"
_TRAILER_BYTES: Final = 8 + len(MAGIC)
_SAMPLE_BYTES: Final = 4
_HASH_BYTES: Final = 1 << 18
_KEYS: Final = frozenset({"frames", "channels", "rate_hz", "chunk_frames", "hops", "peaks", "segments"})


class StemWriter:
    """Writes a stem chunk by chunk and hashes it on the way.

    As a context manager it closes the file; without `finish` the file is incomplete and no reader takes it.

    Raises (every method):
        DiskFullError: no room left.
        StoreError: the file cannot be written.
    """

    def __init__(self, path: Path, *, rate_hz: int, channels: int) -> None:
        self._path = path
        self._rate_hz = rate_hz
        self._channels = channels
        self._frames = 0
        self._hash = xxh3_128()
        self._segments: list[list[int]] = []
        with _disk_errors(path):
            self._file = path.open("wb", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def frames(self) -> int:
        """Frames written so far, silent ones counted."""
        return self._frames

    def chunks(self, samples: Samples) -> None:
        """Append chunks, one or more: float32 [frames, channels], C-contiguous; the stem's last may be shorter."""
        number, count = self._next_chunk(), -(-len(samples) // CHUNK_FRAMES)
        if self._segments and sum(self._segments[-1]) == number:
            self._segments[-1][1] += count
        else:
            self._segments.append([number, count])
        self._frames += len(samples)
        self._put(samples.data.cast("B"))

    def silence(self, frames: int) -> None:
        """Append zeros: whole chunks of them, or the rest of the stem."""
        self._next_chunk()
        self._frames += frames

    def finish(
        self, side_power: NDArray[np.floating] | None = None, hop_peaks: NDArray[np.floating] | None = None
    ) -> str:
        """Write what was measured and the footer; return the hash of the file (32 hex digits).

        Args:
            side_power: [channels, hops of 100 ms]; None where it is not known.
            hop_peaks: [hops of `HOP_FRAMES`]; None where they are not known.
        """
        power = np.zeros((self._channels, 0)) if side_power is None else side_power
        peaks = np.zeros(0) if hop_peaks is None else hop_peaks
        for measure in (power, peaks):
            if measure.size:
                self._put(np.ascontiguousarray(measure, "<f4").data.cast("B"))
        footer = json.dumps(
            {
                "frames": self._frames,
                "channels": self._channels,
                "rate_hz": self._rate_hz,
                "chunk_frames": CHUNK_FRAMES,
                "hops": power.shape[1],
                "peaks": len(peaks),
                "segments": self._segments,
            },
            separators=(",", ":"),
        ).encode("ascii")
        self._put(memoryview(footer + len(footer).to_bytes(8, "little") + MAGIC))
        return self._hash.hexdigest()

    def _next_chunk(self) -> int:
        number, rest = divmod(self._frames, CHUNK_FRAMES)
        if rest:
            raise StoreError(f"{self._path.name}: nothing can follow a chunk of {rest} frames")
        return number

    def _put(self, data: memoryview) -> None:
        self._hash.update(data)
        with _disk_errors(self._path):
            while data:
                data = data[self._file.write(data) :]


class StemReader:
    """A stem of the store, read through the page cache and never copied whole.

    Args:
        path: the stem's file.
        expected_hash: what the file must have; None trusts it.

    Raises:
        StoreError: the file is missing, cut off, damaged, or has another hash.
    """

    def __init__(self, path: Path, *, expected_hash: str | None = None) -> None:
        self._path = path
        if expected_hash is not None:
            verify_stem(path, expected_hash)
        self._data = data = self._map()
        footer, body_bytes = self._footer(data)
        self.frames: int = footer["frames"]
        self.channels: int = footer["channels"]
        self.rate_hz: int = footer["rate_hz"]
        #: First frame and number of frames of each stretch that is not all zero, in order; the rest is silence.
        self.spans: list[tuple[int, int]] = self._spans(footer["segments"])
        count = sum(frames for _, frames in self.spans) * self.channels
        powers, peaks = footer["hops"] * self.channels, footer["peaks"]
        if (count + powers + peaks) * _SAMPLE_BYTES != body_bytes:
            raise self._damaged("its samples do not fill what its footer says")
        samples = np.frombuffer(data, "<f4", count).reshape(-1, self.channels)
        power = np.frombuffer(data, "<f4", powers, count * _SAMPLE_BYTES).reshape(self.channels, -1)
        #: K-weighted mean square of each hop of 100 ms, float64 [channels, hops].
        self.side_power = power.astype(np.float64)
        #: The same, summed over channels, float64 [hops].
        self.hop_power = self.side_power.sum(axis=0)
        #: Peak of each `HOP_FRAMES` frames over all channels, linear, float32 [hops].
        self.hop_peaks = np.frombuffer(data, "<f4", peaks, (count + powers) * _SAMPLE_BYTES)
        self._parts = np.split(samples, np.cumsum([frames for _, frames in self.spans])[:-1]) if self.spans else []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The stem's file."""
        return self._path

    def close(self) -> None:
        """Let go of the file; it is unmapped once no block of `stretches` is in use any more."""
        self._parts = []
        self.spans = []

    def stretches(self) -> list[tuple[int, Samples]]:
        """Return (first frame, float32 [frames, channels]) of each stretch that sounds; what is between them is zero.

        The blocks are read-only views of the file.
        """
        return [(start, samples) for (start, _), samples in zip(self.spans, self._parts, strict=True)]

    def release(self, start: int, stop: int) -> None:
        """Give back the memory of frames [start, stop), which count as this process's own while they are mapped.

        They may be read again, from the page cache or the disk.
        """
        first, last = (self._byte(frame) // mmap.PAGESIZE * mmap.PAGESIZE for frame in (start, stop))
        if last > first:
            self._data.madvise(mmap.MADV_DONTNEED, first, last - first)

    def _byte(self, frame: int) -> int:
        """Return where in the file the first stored frame at or behind `frame` lies."""
        stored = sum(min(length, max(0, frame - first)) for first, length in self.spans)
        return stored * self.channels * _SAMPLE_BYTES

    def read(self, start: int, frames: int, out: Samples) -> bool:
        """Copy frames [start, start + frames) into `out`; beyond the stem's end there are zeros.

        Args:
            start: first frame, at least 0.   frames: number of frames.
            out: float32 [frames or more, channels]; its first `frames` rows are filled.

        Returns:
            Whether any of them lies in a stored chunk; if not, `out` holds zeros alone.
        """
        out[:frames] = 0.0
        found = False
        for (first, length), samples in zip(self.spans, self._parts, strict=True):
            low, high = max(start, first), min(start + frames, first + length)
            if low < high:
                out[low - start : high - start] = samples[low - first : high - first]
                found = True
        return found

    def _map(self) -> mmap.mmap:
        try:
            with self._path.open("rb") as file:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise self._damaged(f"it cannot be read: {error}") from error

    def _footer(self, data: mmap.mmap) -> tuple[dict[str, Any], int]:
        """Return the footer, checked, and the number of bytes before it."""
        if len(data) < _TRAILER_BYTES or data[-len(MAGIC) :] != MAGIC:
            raise self._damaged("it is cut off or no stem")
        length = int.from_bytes(data[-_TRAILER_BYTES : -len(MAGIC)], "little")
        body_bytes = len(data) - _TRAILER_BYTES - length
        if body_bytes < 0:
            raise self._damaged("its footer is longer than the file")
        try:
            footer = json.loads(data[body_bytes:-_TRAILER_BYTES])
        except ValueError as error:
            raise self._damaged("its footer is no JSON") from error
        if not isinstance(footer, dict) or footer.keys() != _KEYS or not _plausible(footer):
            raise self._damaged("its footer makes no sense")
        return footer, body_bytes

    def _spans(self, segments: list[list[int]]) -> list[tuple[int, int]]:
        spans, behind = [], 0
        for first, count in segments:
            start, end = first * CHUNK_FRAMES, min((first + count) * CHUNK_FRAMES, self.frames)
            if start < behind or end <= start:
                raise self._damaged("its segments overlap or lie behind its end")
            spans.append((start, end - start))
            behind = end
        return spans

    def _damaged(self, what: str) -> StoreError:
        return StoreError(f"the stem {self._path.name} is damaged: {what}", hint="Remove it; it is rendered again")


def verify_stem(path: Path, expected_hash: str) -> None:
    """See to it that a stem's content is what its name says; reads the whole file, about 20 GB/s from the page cache.

    Raises:
        StoreError: it is not, or cannot be read.
    """
    digest, block = xxh3_128(), memoryview(bytearray(_HASH_BYTES))
    try:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(block):
                digest.update(block[:count])
    except OSError as error:
        raise StoreError(f"the stem {path.name} cannot be read: {error.strerror}") from error
    if digest.hexdigest() != expected_hash:
        raise StoreError(
            f"the stem {path.name} has other content than its hash says", hint="Remove it; it is rendered again"
        )


def _plausible(footer: dict[str, Any]) -> bool:
    numbers = [footer[key] for key in _KEYS - {"segments"}]
    segments = footer["segments"]
    if not isinstance(segments, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in segments):
        return False
    numbers += [number for pair in segments for number in pair]
    whole = all(isinstance(number, int) and number >= 0 for number in numbers)
    return whole and footer["channels"] in (1, 2) and footer["rate_hz"] > 0 and footer["chunk_frames"] == CHUNK_FRAMES


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"no room to write {path}", hint="Free some space") from error
        raise StoreError(f"{path} cannot be written: {os.strerror(error.errno or 0)}") from error
