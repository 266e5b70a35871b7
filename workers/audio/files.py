"""Published audio files: FLAC and WAV written with their SHA-256 in one pass, and read back through libsndfile.

WAV files are written here and not through libsndfile, which puts the time of day into every float WAV (its PEAK chunk)
and completes the header at the end, so that a file could be hashed only by reading it again.
"""

from __future__ import annotations

import errno
import hashlib
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from schemas.errors import DatasetError, DiskFullError, FarmError, OutputError
from workers.audio.flac import FlacEncoder

#: Samples of a block: int32 within the file's bits, or float32 for 32-bit files; [frames, channels], C-contiguous.
Block = NDArray[np.int32] | NDArray[np.float32]

_PCM: Final = 1  # WAVE_FORMAT_PCM
_FLOAT: Final = 3  # WAVE_FORMAT_IEEE_FLOAT
_ZEROS: Final = bytes(1 << 16)


class WrittenFile(NamedTuple):
    """What was written: size and SHA-256 (64 hex digits) of the whole file."""

    size_bytes: int
    sha256: str


class AudioInfo(NamedTuple):
    """Form of an audio file; 32 bits are float."""

    frames: int
    rate_hz: int
    channels: int
    bits: int


class AudioWriter(ABC):
    """An audio file of known length being written: blocks and silence in order, then `close`.

    As a context manager it removes the file when the body fails. Disk errors are `DiskFullError` or `OutputError`.
    """

    def __init__(self, path: Path, *, frames: int) -> None:
        self._path = path
        self._frames = frames
        self._position = 0
        self._hash = hashlib.sha256()
        self._size = 0
        with disk_errors(path):
            self._file = path.open("wb", buffering=1 << 18)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.abort()

    def write(self, block: Block) -> None:
        """Append samples."""
        self._position += len(block)
        with disk_errors(self._path):
            self._write(block)

    def silence(self, frames: int) -> None:
        """Append zeros."""
        self._position += frames
        with disk_errors(self._path):
            self._silence(frames)

    def close(self) -> WrittenFile:
        """Finish the file.

        Raises:
            FarmError: another number of frames was written than promised.
        """
        if self._position != self._frames:
            self.abort()
            raise FarmError(f"{self._path.name} was to hold {self._frames} frames and got {self._position}")
        with disk_errors(self._path):
            self._finish()
            self._file.close()
        return WrittenFile(self._size, self._hash.hexdigest())

    def abort(self) -> None:
        """Give up: free everything and remove the file."""
        self._release()
        with suppress(OSError):  # what was still buffered found no room either; the file goes anyway
            self._file.close()
        self._path.unlink(missing_ok=True)

    def _put(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self._hash.update(data)
        self._size += len(data)

    @abstractmethod
    def _write(self, block: Block) -> None: ...

    @abstractmethod
    def _silence(self, frames: int) -> None: ...

    @abstractmethod
    def _finish(self) -> None: ...

    @abstractmethod
    def _release(self) -> None: ...


class FlacWriter(AudioWriter):
    """A FLAC file of 16 or 24 bits; `md5` has the MD5 of the samples in its header.

    The header is completed last, hence the file is read once more for its hash, mostly from memory.
    """

    def __init__(self, path: Path, *, bits: int, rate_hz: int, channels: int, frames: int, md5: bool = False) -> None:
        self._encoder = FlacEncoder(
            self._put, rate_hz=rate_hz, channels=channels, bits=bits, frames=frames, md5=md5
        )  # before the file is made, since it may refuse
        super().__init__(path, frames=frames)
        self._put(bytes(self._encoder.header_bytes))

    def _write(self, block: Block) -> None:
        self._encoder.write(block)  # type: ignore[arg-type]

    def _silence(self, frames: int) -> None:
        self._encoder.silence(frames)

    def _put(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self._size += len(data)

    def _finish(self) -> None:
        self._encoder.close()
        self._file.seek(0)
        self._file.write(self._encoder.header())
        self._file.flush()
        with self._path.open("rb") as whole:
            self._hash = hashlib.file_digest(whole, "sha256")

    def _release(self) -> None:
        self._encoder.abort()


class WavWriter(AudioWriter):
    """A WAV file: integers of 16 or 24 bits, or 32-bit floats."""

    def __init__(self, path: Path, *, bits: int, rate_hz: int, channels: int, frames: int) -> None:
        self._bits = bits
        self._frame_bytes = channels * bits // 8
        super().__init__(path, frames=frames)
        self._put(_wav_header(bits=bits, rate_hz=rate_hz, channels=channels, frames=frames))

    def _write(self, block: Block) -> None:
        if self._bits == 32:
            self._put(np.ascontiguousarray(block, dtype="<f4").data.cast("B"))
        elif self._bits == 16:
            self._put(block.astype("<i2").data.cast("B"))
        else:
            low_bytes = np.ascontiguousarray(block, dtype="<i4").view(np.uint8).reshape(-1, 4)[:, :3]
            self._put(low_bytes.tobytes())

    def _silence(self, frames: int) -> None:
        left = frames * self._frame_bytes
        while left > 0:
            self._put(memoryview(_ZEROS)[:left])
            left -= len(_ZEROS)

    def _finish(self) -> None:
        if self._frames * self._frame_bytes % 2:
            self._put(b"\0")  # chunks have even sizes

    def _release(self) -> None:
        pass


def open_writer(path: Path, *, file_format: str, bits: int, rate_hz: int, channels: int, frames: int) -> AudioWriter:
    """Start an audio file that will hold exactly `frames` frames; a file of that name is replaced.

    `file_format` is `flac` or `wav`; `bits` are 16 or 24 for integers, or 32 for floats, in WAV only.

    Raises:
        FarmError: no such combination.
        MissingDependencyError: FLAC without libFLAC.
        DiskFullError, OutputError: the file cannot be made.
    """
    if file_format == "flac" and bits in (16, 24):
        return FlacWriter(path, bits=bits, rate_hz=rate_hz, channels=channels, frames=frames)
    if file_format == "wav" and bits in (16, 24, 32):
        return WavWriter(path, bits=bits, rate_hz=rate_hz, channels=channels, frames=frames)
    raise FarmError(
        f"no audio format `{file_format}` with {bits} bits", hint="FLAC takes 16 or 24 bits, WAV 16, 24 or 32 (float)"
    )


def read_info(path: Path) -> AudioInfo:
    """Return the form of a published file from its header.

    Raises:
        DatasetError: it is no readable audio file.
    """
    with _opened(path) as file:
        return AudioInfo(file.frames, file.samplerate, file.channels, _bits(file.subtype))


def read_blocks(path: Path, block_frames: int) -> Iterator[Block]:
    """Read a published file in blocks of `block_frames` (the last may be shorter): int32 within its bits, or float32.

    Raises:
        DatasetError: it is no readable audio file, or breaks off.
    """
    with _opened(path) as file:
        bits, left = _bits(file.subtype), file.frames
        dtype = "float32" if bits == 32 else "int32"
        while left > 0:
            block = _read(file, min(block_frames, left), dtype, path)
            if dtype == "int32":
                np.right_shift(block, 32 - bits, out=block)
            left -= len(block)
            yield block


def read_audio(path: Path) -> Block:
    """Read a whole published file, [frames, channels]; see `read_blocks`."""
    info = read_info(path)
    shape = (info.frames, info.channels)
    audio: Block = np.empty(shape, dtype=np.int32) if info.bits < 32 else np.empty(shape, dtype=np.float32)
    start = 0
    for block in read_blocks(path, max(info.frames, 1)):
        audio[start : start + len(block)] = block
        start += len(block)
    return audio


def read_segments(path: Path, starts: Iterable[int], frames: int) -> Iterator[NDArray[np.float32]]:
    """Yield frames [start, start + frames) of a file for each start, float32 [frames, channels]; zeros behind its end.

    Raises:
        DatasetError: it is no readable audio file.
    """
    with _opened(path) as file:
        for start in starts:
            segment = np.zeros((frames, file.channels), dtype=np.float32)
            if start < file.frames:
                file.seek(start)
                file.read(min(frames, file.frames - start), out=segment[: file.frames - start])
            yield segment


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an operating system's error at `path` into the farm's.

    Raises:
        DiskFullError: no space, or the quota is used up.
        OutputError: anything else.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                f"no room left for {path}", hint="Free some space and run the same command again"
            ) from error
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def _wav_header(*, bits: int, rate_hz: int, channels: int, frames: int) -> bytes:
    """Return everything before the samples (RIFF WAVE; a fact chunk where samples are floats)."""
    frame_bytes = channels * bits // 8
    tag = _FLOAT if bits == 32 else _PCM
    fmt = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * frame_bytes, frame_bytes, bits)
    extra = b""
    if tag == _FLOAT:
        fmt += struct.pack("<H", 0)
        extra = b"fact" + struct.pack("<II", 4, frames)
    data_bytes = frames * frame_bytes
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + extra + b"data" + struct.pack("<I", data_bytes)
    return b"RIFF" + struct.pack("<I", len(body) + data_bytes + data_bytes % 2) + body


_SUBTYPE_BITS: Final = {"PCM_16": 16, "PCM_24": 24, "FLOAT": 32}


def _bits(subtype: str) -> int:
    if subtype not in _SUBTYPE_BITS:
        raise DatasetError(f"samples are stored as {subtype}, and only {', '.join(_SUBTYPE_BITS)} are published")
    return _SUBTYPE_BITS[subtype]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file with libsndfile; its errors become `DatasetError`."""
    import soundfile as sf

    class Forward(sf.SoundFile):  # type: ignore[misc]
        """A file that is read onwards: told that it can seek, soundfile seeks three times in every read."""

        def seekable(self) -> bool:
            return False

    try:
        with Forward(path) as file:
            yield file
    except (sf.LibsndfileError, OSError) as error:
        raise DatasetError(f"{path} is no readable audio file: {error}") from error


def _read(file: Any, frames: int, dtype: str, path: Path) -> Block:
    block: Block = file.read(frames, dtype=dtype, always_2d=True)
    if not len(block):
        raise DatasetError(f"{path} breaks off: {file.frames} frames are promised")
    return block
