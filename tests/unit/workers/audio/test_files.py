from __future__ import annotations

import errno
import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from schemas.errors import DatasetError, DiskFullError, FarmError, OutputError
from workers.audio.files import Block, disk_errors, open_writer, read_audio, read_blocks, read_info, read_segments

FORMS = [("flac", 16), ("flac", 24), ("wav", 16), ("wav", 24), ("wav", 32)]


def _sound(frames: int, bits: int, channels: int = 2) -> Block:
    wave = 0.9 * np.sin(np.arange(frames * channels).reshape(frames, channels) * 0.05)
    sound: Block = wave.astype(np.float32) if bits == 32 else np.rint(wave * 2 ** (bits - 1)).astype(np.int32)
    return sound


def _write(
    path: Path, file_format: str, bits: int, *, channels: int = 2, md5: bool = False
) -> tuple[Block, tuple[int, str]]:
    sound = _sound(10_000, bits, channels)
    writer = open_writer(path, file_format=file_format, bits=bits, rate_hz=44100, channels=channels, frames=18_097)
    writer.write(sound[:5000])
    writer.silence(8097)
    writer.write(sound[5000:])
    written = writer.close()
    silence = np.zeros((8097, channels), dtype=sound.dtype)
    return np.concatenate([sound[:5000], silence, sound[5000:]]), written


@pytest.mark.parametrize(("file_format", "bits"), FORMS)
@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_written_is_read_back_exactly(tmp_path: Path, file_format: str, bits: int, channels: int) -> None:
    path = tmp_path / f"a.{file_format}"
    expected, _ = _write(path, file_format, bits, channels=channels)
    assert read_info(path) == (18_097, 44100, channels, bits)
    audio = read_audio(path)
    assert audio.dtype == expected.dtype
    np.testing.assert_array_equal(audio, expected)
    np.testing.assert_array_equal(np.concatenate(list(read_blocks(path, 4096))), expected)


@pytest.mark.parametrize(("file_format", "bits"), FORMS)
def test_segments_are_read_from_anywhere_with_zeros_behind_the_end(tmp_path: Path, file_format: str, bits: int) -> None:
    path = tmp_path / "a"
    expected, _ = _write(path, file_format, bits)
    scale = 1.0 if bits == 32 else 2.0 ** (bits - 1)
    padded = np.concatenate([expected / scale, np.zeros((3000, 2))])
    starts = [12_000, 0, 17_000, 5, 18_097]
    for start, segment in zip(starts, read_segments(path, starts, 2000), strict=True):
        np.testing.assert_allclose(segment, padded[start : start + 2000], atol=1e-7)


@pytest.mark.parametrize(("file_format", "bits"), FORMS)
def test_size_and_hash_are_those_of_the_file(tmp_path: Path, file_format: str, bits: int) -> None:
    path = tmp_path / "a"
    _, written = _write(path, file_format, bits, channels=1)
    assert written == (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())


def test_the_hash_is_right_where_an_md5_completes_the_header_last(tmp_path: Path) -> None:
    from workers.audio.files import FlacWriter

    path = tmp_path / "a.flac"
    writer = FlacWriter(path, bits=24, rate_hz=44100, channels=2, frames=10_000, md5=True)
    writer.write(_sound(10_000, 24))
    assert writer.close() == (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
    assert path.read_bytes()[26:42] != bytes(16)


@pytest.mark.parametrize(("file_format", "bits"), FORMS)
def test_writing_again_gives_the_same_bytes(tmp_path: Path, file_format: str, bits: int) -> None:
    _, first = _write(tmp_path / "a", file_format, bits)
    _, second = _write(tmp_path / "b", file_format, bits)
    assert first == second


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_wav_headers_are_those_of_the_standard_library_and_libsndfile(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "a.wav"
    _write(path, "wav", bits)
    with sf.SoundFile(path) as file:
        assert (file.format, file.subtype) == ("WAV", {16: "PCM_16", 24: "PCM_24", 32: "FLOAT"}[bits])
    data = path.read_bytes()
    assert int.from_bytes(data[4:8], "little") == len(data) - 8


def test_a_file_that_got_too_few_frames_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    writer = open_writer(path, file_format="wav", bits=16, rate_hz=44100, channels=2, frames=10)
    writer.write(_sound(9, 16))
    with pytest.raises(FarmError, match="10 frames and got 9"):
        writer.close()
    assert not path.exists()


def test_a_failed_body_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    with (
        pytest.raises(ZeroDivisionError),
        open_writer(path, file_format="flac", bits=16, rate_hz=44100, channels=2, frames=10),
    ):
        raise ZeroDivisionError
    assert not path.exists()


def test_a_format_that_does_not_exist_is_refused_before_a_file_is_made(tmp_path: Path) -> None:
    with pytest.raises(FarmError, match="no audio format `flac` with 32 bits"):
        open_writer(tmp_path / "a", file_format="flac", bits=32, rate_hz=44100, channels=2, frames=1)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_has_its_own_error(code: int) -> None:
    with pytest.raises(DiskFullError, match="no room left for song"), disk_errors(Path("song")):
        raise OSError(code, "full")


def test_a_folder_that_is_missing_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        open_writer(tmp_path / "none" / "a", file_format="flac", bits=16, rate_hz=44100, channels=2, frames=1)


@pytest.mark.parametrize(("file_format", "bits"), FORMS)
def test_a_disk_that_fills_up_while_writing_is_reported_as_full(tmp_path: Path, file_format: str, bits: int) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    path = tmp_path / "full"
    path.symlink_to(full)
    with pytest.raises(DiskFullError, match="no room left"):
        _write_noise(path, file_format, bits)
    assert not path.is_symlink()


def _write_noise(path: Path, file_format: str, bits: int) -> None:
    noise = np.random.default_rng(1).integers(-30_000, 30_000, (400_000, 2), dtype=np.int32)
    block: Block = noise.astype(np.float32) if bits == 32 else noise
    with open_writer(path, file_format=file_format, bits=bits, rate_hz=44100, channels=2, frames=400_000) as writer:
        writer.write(block)
        writer.close()


def test_what_is_no_audio_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(b"no audio at all")
    with pytest.raises(DatasetError, match=r"a\.flac is no readable audio file"):
        read_info(path)


def test_a_file_that_breaks_off_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    _write(path, "flac", 24)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(DatasetError, match=r"a\.flac"):
        list(read_blocks(path, 4096))
