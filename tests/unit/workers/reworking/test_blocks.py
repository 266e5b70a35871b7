"""One file in another form: what stays exact, and how near a resampled sound is to the same sound at that rate."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.convert import AudioForm
from workers.audio.files import open_writer, read_audio
from workers.reworking.blocks import BLOCK_FRAMES, blocks_in, frames_in

FORM = AudioForm(format="wav", bits=24, rate_hz=44100, channels=2)


def write(path: Path, audio: NDArray[np.int32], form: AudioForm = FORM) -> Path:
    with open_writer(
        path, file_format=form.format, bits=form.bits, rate_hz=form.rate_hz, channels=form.channels, frames=len(audio)
    ) as writer:
        writer.write(audio)
        writer.close()
    return path


def whole(path: Path, form: AudioForm, gain_db: float = 0.0) -> NDArray[np.float64]:
    return np.concatenate([np.zeros((0, form.channels)), *blocks_in(path, form, gain_db=gain_db)])


def noise(frames: int, channels: int = 2) -> NDArray[np.int32]:
    return np.random.default_rng(3).integers(-(2**23), 2**23, (frames, channels)).astype(np.int32)


def sines(rate_hz: int, seconds: float = 2.0) -> NDArray[np.float64]:
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    fade = np.sin(np.pi * time_s / seconds) ** 4
    sound: NDArray[np.float64] = (
        0.2 * fade * np.sum([np.sin(2 * np.pi * hz * time_s) for hz in (220, 1760, 2500)], axis=0)
    )
    return sound


def test_mono_is_the_mean_of_left_and_right_rounded_half_to_even(tmp_path: Path) -> None:
    audio = np.array([[3, 4], [5, 6], [-3, -4], [2**23 - 1, 2**23 - 1], [7, -7]], dtype=np.int32)
    path = write(tmp_path / "a.wav", audio)
    mono = whole(path, FORM.model_copy(update={"channels": 1}))
    assert mono[:, 0].tolist() == [4, 6, -4, 2**23 - 1, 0]


def test_fewer_bits_round_to_the_nearest_step(tmp_path: Path) -> None:
    audio = noise(1000)
    path = write(tmp_path / "a.wav", audio)
    np.testing.assert_array_equal(whole(path, FORM.model_copy(update={"bits": 16})), np.rint(audio / 256.0))


@pytest.mark.parametrize("bits", [24, 32])
def test_more_bits_keep_every_sample(tmp_path: Path, bits: int) -> None:
    audio = noise(1000) >> 8
    path = write(tmp_path / "a.wav", audio, FORM.model_copy(update={"bits": 16}))
    wider = whole(path, FORM.model_copy(update={"bits": bits}))
    np.testing.assert_array_equal(wider * (1 if bits == 32 else 2.0**-23), audio / 2.0**15)


@pytest.mark.parametrize(("before_hz", "after_hz"), [(44100, 16000), (16000, 44100), (48000, 44100), (44100, 22050)])
def test_resampling_gives_the_sound_as_it_would_be_at_that_rate(tmp_path: Path, before_hz: int, after_hz: int) -> None:
    before, after = sines(before_hz), sines(after_hz)
    form = AudioForm(format="wav", bits=24, rate_hz=before_hz, channels=1)
    path = write(tmp_path / "a.wav", np.rint(before[:, None] * 2**23).astype(np.int32), form)
    found = whole(path, form.model_copy(update={"rate_hz": after_hz}))[:, 0] / 2**23
    assert len(found) == len(after)
    assert np.abs(found - after).max() < 10 ** (-110 / 20)


@pytest.mark.parametrize(
    ("frames", "rate_hz"), list(product([1, 2, 63, BLOCK_FRAMES, 3 * BLOCK_FRAMES + 7], [16000, 48000]))
)
def test_a_resampled_file_has_every_frame_that_was_begun(tmp_path: Path, frames: int, rate_hz: int) -> None:
    path = write(tmp_path / "a.wav", noise(frames) >> 4)
    form = FORM.model_copy(update={"rate_hz": rate_hz})
    blocks = list(blocks_in(path, form))
    assert sum(map(len, blocks)) == frames_in(form, frames, 44100) == -(-frames * rate_hz // 44100)
    assert {len(block) for block in blocks[:-1]} <= {BLOCK_FRAMES}


def test_a_gain_is_applied_before_rounding(tmp_path: Path) -> None:
    audio = noise(500)
    path = write(tmp_path / "a.wav", audio)
    found = whole(path, FORM.model_copy(update={"bits": 16}), gain_db=-6.0)
    np.testing.assert_array_equal(found, np.rint(audio * (10 ** (-6.0 / 20)) / 256.0))
    assert read_audio(path).shape == audio.shape
