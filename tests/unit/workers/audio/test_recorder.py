"""The recorder: one pass that stores, hashes and measures, whatever blocks the audio comes in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from xxhash import xxh3_128

from workers.audio.meter import LoudnessMeter
from workers.audio.recorder import Recorder, Recording
from workers.audio.stemfile import CHUNK_FRAMES, HOP_FRAMES, StemReader

Audio = NDArray[np.float32]
RATE_HZ = 16000


def song(channels: int = 2) -> Audio:
    """Return sound, silence of several chunks, and sound."""
    sound = np.random.default_rng(3).uniform(-0.5, 0.5, (2 * CHUNK_FRAMES + 777, channels)).astype(np.float32)
    return np.concatenate([sound, np.zeros((5 * CHUNK_FRAMES + 99, channels), np.float32), sound])


def record(path: Path, audio: Audio, blocks: list[int], *, pass_silence: bool = False) -> Recording:
    """Record `audio` in blocks of these sizes, over and over; blocks of zeros as `silence` where asked."""
    with Recorder(path, rate_hz=RATE_HZ, channels=audio.shape[1]) as recorder:
        start, number = 0, 0
        while start < len(audio):
            block = np.ascontiguousarray(audio[start : start + blocks[number % len(blocks)]])
            if pass_silence and not block.any():
                recorder.silence(len(block))
            else:
                recorder.write(block)
            start, number = start + len(block), number + 1
        return recorder.finish()


def read(path: Path) -> Audio:
    reader = StemReader(path)
    out = np.empty((reader.frames, reader.channels), np.float32)
    reader.read(0, reader.frames, out)
    return out


@given(st.lists(st.integers(1, 3 * CHUNK_FRAMES), min_size=1, max_size=6), st.booleans(), st.sampled_from([1, 2]))
def test_the_blocks_it_comes_in_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[int], pass_silence: bool, channels: int
) -> None:
    folder = tmp_path_factory.mktemp("stem")
    audio = song(channels)
    one = record(folder / "one", audio, [len(audio)])
    many = record(folder / "many", audio, blocks, pass_silence=pass_silence)
    assert many == one
    assert (folder / "one").read_bytes() == (folder / "many").read_bytes()


def test_everything_is_stored_and_hashed(tmp_path: Path) -> None:
    audio = song()
    recording = record(tmp_path / "a", audio, [1000])
    assert np.array_equal(read(tmp_path / "a"), audio)
    assert recording.data_hash == xxh3_128((tmp_path / "a").read_bytes()).hexdigest()
    assert recording.measured.frames == len(audio)
    assert recording.measured.peak == np.abs(audio).max()


@pytest.mark.parametrize("channels", [1, 2])
def test_the_peak_of_every_hop_goes_with_it(tmp_path: Path, channels: int) -> None:
    audio = song(channels)
    audio[:, 0] *= 0.5
    record(tmp_path / "a", audio, [1000])
    hops = -(-len(audio) // HOP_FRAMES)
    padded = np.zeros((hops * HOP_FRAMES, channels), np.float32)
    padded[: len(audio)] = np.abs(audio)
    expected = padded.reshape(hops, -1).max(axis=1)
    assert np.array_equal(StemReader(tmp_path / "a").hop_peaks, expected)


def test_loudness_is_that_of_the_stem_followed_by_silence(tmp_path: Path) -> None:
    audio = song()
    meter = LoudnessMeter(RATE_HZ, 2)
    meter.write(np.concatenate([audio, np.zeros((RATE_HZ, 2), np.float32)]))
    assert record(tmp_path / "a", audio, [5000]).measured.loudness_lufs == pytest.approx(meter.integrated(), abs=0.001)


def test_a_single_short_hit_has_a_loudness(tmp_path: Path) -> None:
    assert record(tmp_path / "a", song()[:1600], [1600]).measured.loudness_lufs is not None


def test_silence_behind_a_stem_does_not_change_its_loudness(tmp_path: Path) -> None:
    audio = song()
    longer = np.concatenate([audio, np.zeros((123_456, 2), np.float32)])
    assert record(tmp_path / "a", audio, [5000]).measured.loudness_lufs == pytest.approx(
        record(tmp_path / "b", longer, [5000]).measured.loudness_lufs, abs=0.0011
    )


def test_silence_alone_is_a_stem(tmp_path: Path) -> None:
    with Recorder(tmp_path / "a", rate_hz=RATE_HZ, channels=2) as recorder:
        recorder.silence(100_000)
        measured = recorder.finish().measured
    assert (measured.frames, measured.peak, measured.loudness_lufs) == (100_000, 0.0, None)
    assert not read(tmp_path / "a").any()
    assert (tmp_path / "a").stat().st_size < 3000  # the peaks of its hops


def test_samples_that_are_no_numbers_are_stored_and_counted(tmp_path: Path) -> None:
    audio = song()
    audio[10, 0] = np.nan
    measured = record(tmp_path / "a", audio, [3000]).measured
    assert measured.nonfinite == 1
    assert measured.loudness_lufs is not None
    assert np.isnan(read(tmp_path / "a")[10, 0])


def test_progress_is_told_slab_by_slab(tmp_path: Path) -> None:
    seen: list[int] = []
    with Recorder(tmp_path / "a", rate_hz=RATE_HZ, channels=2, on_slab=seen.append) as recorder:
        recorder.write(song()[: CHUNK_FRAMES * 2])
        recorder.silence(CHUNK_FRAMES * 10)
        assert recorder.frames == CHUNK_FRAMES * 12
        assert recorder.sounding_frames == CHUNK_FRAMES * 2
    assert seen == [CHUNK_FRAMES * 2, CHUNK_FRAMES * 12]
