"""The raw stem format: what goes in comes out, silence costs nothing, damage never passes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from xxhash import xxh3_128

from schemas.errors import DiskFullError, StoreError
from workers.audio.stemfile import CHUNK_FRAMES, MAGIC, StemReader, StemWriter, verify_stem

SOUND, SILENCE = True, False


def chunk(seed: int, frames: int = CHUNK_FRAMES, channels: int = 2) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((frames, channels)).astype(np.float32)


def write(path: Path, pattern: list[bool], last: int = CHUNK_FRAMES, channels: int = 2) -> NDArray[np.float32]:
    """Write chunks of sound and silence, the last one of `last` frames; return the audio."""
    audio = []
    with StemWriter(path, rate_hz=44100, channels=channels) as writer:
        for number, sounds in enumerate(pattern):
            frames = last if number == len(pattern) - 1 else CHUNK_FRAMES
            block = chunk(number, frames, channels) if sounds else np.zeros((frames, channels), np.float32)
            audio.append(block)
            (writer.chunks(block) if sounds else writer.silence(frames))
        writer.finish()
    return np.concatenate([np.zeros((0, channels), np.float32), *audio])


@given(st.lists(st.booleans(), max_size=8), st.integers(1, CHUNK_FRAMES), st.sampled_from([1, 2]), st.data())
def test_any_span_reads_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, pattern: list[bool], last: int, channels: int, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("stem") / "a.stem"
    audio = write(path, pattern, last, channels)
    reader = StemReader(path)
    assert (reader.frames, reader.channels, reader.rate_hz) == (len(audio), channels, 44100)
    start = data.draw(st.integers(0, len(audio) + 10))
    frames = data.draw(st.integers(0, len(audio) + 10))
    out = np.full((frames, channels), 9.0, np.float32)
    found = reader.read(start, frames, out)
    expected = np.zeros((frames, channels), np.float32)
    part = audio[start : start + frames]
    expected[: len(part)] = part
    assert np.array_equal(out, expected)
    assert found or not expected.any()


def test_stretches_are_what_sounds_and_where(tmp_path: Path) -> None:
    audio = write(tmp_path / "a.stem", [SILENCE, SOUND, SOUND, SILENCE, SOUND], last=100)
    stretches = StemReader(tmp_path / "a.stem").stretches()
    assert [start // CHUNK_FRAMES for start, _ in stretches] == [1, 4]
    assert [len(samples) for _, samples in stretches] == [2 * CHUNK_FRAMES, 100]
    assert all(np.array_equal(samples, audio[start : start + len(samples)]) for start, samples in stretches)


def test_several_chunks_are_written_as_one_or_one_by_one(tmp_path: Path) -> None:
    audio = np.concatenate([chunk(number) for number in range(5)])[: 4 * CHUNK_FRAMES + 10]
    digests = []
    for step in (1, 2, 5):
        with StemWriter(tmp_path / str(step), rate_hz=44100, channels=2) as writer:
            for start in range(0, len(audio), step * CHUNK_FRAMES):
                writer.chunks(audio[start : start + step * CHUNK_FRAMES])
            digests.append(writer.finish())
    assert len(set(digests)) == 1


def test_silent_chunks_take_no_room(tmp_path: Path) -> None:
    write(tmp_path / "a.stem", [SOUND, *[SILENCE] * 1000, SOUND])
    assert (tmp_path / "a.stem").stat().st_size < 2 * CHUNK_FRAMES * 8 + 200


def test_the_hash_is_that_of_the_whole_file(tmp_path: Path) -> None:
    with StemWriter(tmp_path / "a.stem", rate_hz=48000, channels=2) as writer:
        writer.chunks(chunk(1))
        digest = writer.finish()
    assert digest == xxh3_128((tmp_path / "a.stem").read_bytes()).hexdigest()
    verify_stem(tmp_path / "a.stem", digest)
    with StemReader(tmp_path / "a.stem", expected_hash=digest) as reader:
        assert reader.frames == CHUNK_FRAMES


def test_the_hash_depends_on_silence_too(tmp_path: Path) -> None:
    digests = set()
    for silence in (0, CHUNK_FRAMES, 2 * CHUNK_FRAMES):
        with StemWriter(tmp_path / "a.stem", rate_hz=48000, channels=2) as writer:
            if silence:
                writer.silence(silence)
            writer.chunks(chunk(1))
            digests.add(writer.finish())
    assert len(digests) == 3


def test_nothing_follows_a_short_chunk(tmp_path: Path) -> None:
    with StemWriter(tmp_path / "a.stem", rate_hz=44100, channels=2) as writer:
        writer.chunks(chunk(1, 100))
        with pytest.raises(StoreError, match="nothing can follow"):
            writer.chunks(chunk(2))


def test_a_file_without_its_end_is_refused_wherever_it_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.stem"
    write(path, [SOUND, SILENCE, SOUND], last=50)
    whole = path.read_bytes()
    for length in (0, 1, 10, CHUNK_FRAMES, len(whole) - 30, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(StoreError, match="damaged"):
            StemReader(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"frames": -1},
        {"frames": "many"},
        {"channels": 3},
        {"rate_hz": 0},
        {"chunk_frames": 64},
        {"segments": [[0, 1], [0, 1]]},
        {"segments": [[5, 1]]},
        {"segments": [[0]]},
        {"segments": [[0, 0]]},
        {"segments": None},
        {"more": 1},
    ],
)
def test_a_footer_that_makes_no_sense_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    path = tmp_path / "a.stem"
    write(path, [SOUND, SOUND])
    data = path.read_bytes()
    body, length = data[: 2 * CHUNK_FRAMES * 8], int.from_bytes(data[-16:-8], "little")
    footer = json.dumps({**json.loads(data[-16 - length : -16]), **changes}).encode()
    path.write_bytes(body + footer + len(footer).to_bytes(8, "little") + MAGIC)
    with pytest.raises(StoreError, match="damaged"):
        StemReader(path)


@pytest.mark.parametrize("footer", [b"no json", b"[1]", b"{}"])
def test_a_footer_that_is_no_footer_is_refused(tmp_path: Path, footer: bytes) -> None:
    path = tmp_path / "a.stem"
    path.write_bytes(footer + len(footer).to_bytes(8, "little") + MAGIC)
    with pytest.raises(StoreError, match="damaged"):
        StemReader(path)
    path.write_bytes(footer + (1 << 40).to_bytes(8, "little") + MAGIC)
    with pytest.raises(StoreError, match="longer than the file"):
        StemReader(path)


def test_other_content_than_the_hash_says_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.stem"
    write(path, [SOUND])
    digest = xxh3_128(path.read_bytes()).hexdigest()
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    StemReader(path)
    with pytest.raises(StoreError, match="other content"):
        StemReader(path, expected_hash=digest)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        StemReader(tmp_path / "none.stem")
    with pytest.raises(StoreError, match="cannot be read"):
        verify_stem(tmp_path / "none.stem", "0" * 64)


def test_a_full_disk_and_a_missing_folder_have_their_names(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        StemWriter(tmp_path / "none" / "a.stem", rate_hz=44100, channels=2)
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("/dev/full is there only on Linux")
    with StemWriter(full, rate_hz=44100, channels=2) as writer, pytest.raises(DiskFullError):
        writer.chunks(chunk(1))
