"""Walking through raw stems: everything that sounds, once, in order, in bounded memory."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.support.stems import write_stem
from workers.audio.stemfile import CHUNK_FRAMES, StemReader, StemWriter
from workers.mixing.stems import SLAB_FRAMES, StretchCursor


def gathered(reader: StemReader, step: int) -> NDArray[np.float32]:
    """Return a whole stem as a cursor gives it, slab by slab."""
    out = np.zeros((reader.frames, reader.channels), np.float32)
    cursor, behind = StretchCursor(reader), 0
    for start in range(0, reader.frames, step):
        for first, samples in cursor.take(start, start + step):
            assert start <= first
            assert behind <= first < first + len(samples) <= start + step
            out[first : first + len(samples)] = samples
            behind = first + len(samples)
    return out


@given(st.lists(st.booleans(), min_size=1, max_size=24), st.integers(1, CHUNK_FRAMES), st.integers(1, 9))
def test_a_cursor_gives_all_that_sounds_and_nothing_twice(
    tmp_path_factory: pytest.TempPathFactory, pattern: list[bool], last: int, chunks: int
) -> None:
    path = tmp_path_factory.mktemp("stem") / "a"
    audio = np.concatenate([np.full((CHUNK_FRAMES, 2), number + 1.0, np.float32) for number in range(len(pattern))])
    audio *= np.repeat(pattern, CHUNK_FRAMES)[:, None]
    audio = audio[: len(audio) - CHUNK_FRAMES + last]
    write_stem(path, audio)
    reader = StemReader(path)
    assert np.array_equal(gathered(reader, chunks * CHUNK_FRAMES), audio)
    assert np.array_equal(gathered(reader, len(audio)), audio), "a second walk gives the same"


def test_slabs_may_be_left_out(tmp_path: Path) -> None:
    audio = np.arange(10 * CHUNK_FRAMES, dtype=np.float32)[:, None].repeat(2, axis=1)
    write_stem(tmp_path / "a", audio)
    cursor = StretchCursor(StemReader(tmp_path / "a"))
    [(first, samples)] = cursor.take(7 * CHUNK_FRAMES, 8 * CHUNK_FRAMES)
    assert first == 7 * CHUNK_FRAMES
    assert np.array_equal(samples, audio[7 * CHUNK_FRAMES : 8 * CHUNK_FRAMES])


def test_a_walk_keeps_little_of_a_long_stem_in_memory(tmp_path: Path) -> None:
    """Linux says how many pages of a mapping a process holds; elsewhere only the samples are compared."""
    block = np.random.default_rng(0).standard_normal((SLAB_FRAMES, 2)).astype(np.float32)
    with StemWriter(tmp_path / "a", rate_hz=44100, channels=2) as writer:
        for _ in range(250):  # 65 MB
            writer.chunks(block)
        writer.finish()
    reader = StemReader(tmp_path / "a")
    cursor, most = StretchCursor(reader), 0
    for number in range(250):
        [(_, samples)] = cursor.take(number * SLAB_FRAMES, (number + 1) * SLAB_FRAMES)
        assert np.array_equal(samples, block)
        most = max(most, _resident(tmp_path / "a"))
    assert most < 8 << 20
    assert (most > 0) == (sys.platform == "linux")


def _resident(path: Path) -> int:
    """Return the bytes of a mapped file that this process holds in memory."""
    smaps = Path("/proc/self/smaps")
    if not smaps.exists():
        return 0
    _, _, behind = smaps.read_text().partition(str(path))
    return int(behind.partition("Rss:")[2].split()[0]) << 10
