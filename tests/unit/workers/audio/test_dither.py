"""The noise of dither: its distribution, its place, and where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from workers.audio.dither import CELL_FRAMES, SILENCE_STEPS, Dither

KEY = (7, "song", "S00")


def noise(
    frames: int, channels: int = 1, *, key: tuple[object, ...] = KEY
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    loud = np.full((frames, channels), 8.0)
    Dither(*key).add(loud, 0)
    return loud - 8.0


def test_its_first_values_are_these_on_every_machine_and_with_every_numpy() -> None:
    expected = [0.783214681782, -0.592263665982, -0.654796354240, -0.004301772220]
    assert noise(4, 2).reshape(-1)[:4].tolist() == pytest.approx(expected, abs=1e-9)


def test_it_is_triangular_one_step_to_either_side_and_white() -> None:
    found = noise(1 << 18)[:, 0]
    assert np.abs(found).max() < 1.0
    assert found.mean() == pytest.approx(0.0, abs=0.004)
    assert found.var() == pytest.approx(1 / 6, rel=0.01)
    shares, _ = np.histogram(found, bins=[-1.0, -0.5, 0.0, 0.5, 1.0])
    np.testing.assert_allclose(shares / len(found), [0.125, 0.375, 0.375, 0.125], atol=0.004)
    power = found - found.mean()
    for lag in (1, 2, 3, 10, 4096):
        assert abs(np.vdot(power[lag:], power[:-lag])) / np.vdot(power, power) < 0.01


@pytest.mark.parametrize("sizes", [[64, 640, 128], [4096, 64], [64] * 9])
def test_it_is_the_same_in_blocks_of_any_size_with_any_gaps(sizes: list[int]) -> None:
    whole, dither, first = noise(8192, 2), Dither(*KEY), 128
    for size in sizes:
        block = np.full((size, 2), 8.0)
        dither.add(block, first)
        np.testing.assert_array_equal(block - 8.0, whole[first : first + size])
        first += size + 64


def test_other_songs_stems_seeds_and_channels_have_noise_of_their_own() -> None:
    keys = [KEY, (8, "song", "S00"), (7, "other", "S00"), (7, "song", "S01")]
    signals = [noise(1 << 14, 2, key=key)[:, side] for key in keys for side in (0, 1)]
    alike = np.corrcoef(np.stack(signals)) - np.eye(len(signals))
    assert np.abs(alike).max() < 0.04


def test_silence_stays_silence_in_each_cell_of_each_channel() -> None:
    steps = np.zeros((5 * CELL_FRAMES + 10, 2))
    steps[CELL_FRAMES + 3, 0] = 0.01
    steps[-1, 1] = -SILENCE_STEPS
    steps[0, 1] = 0.9 * SILENCE_STEPS
    Dither(*KEY).add(steps, 0)
    whole = noise(len(steps), 2)
    assert not np.rint(steps[:CELL_FRAMES]).any()
    assert not steps[2 * CELL_FRAMES : 5 * CELL_FRAMES].any()
    assert not steps[: 5 * CELL_FRAMES, 1][1:].any()
    sounding = slice(CELL_FRAMES, 2 * CELL_FRAMES)
    np.testing.assert_allclose(steps[sounding, 0] - whole[sounding, 0], np.eye(CELL_FRAMES)[3] * 0.01, atol=1e-15)
    np.testing.assert_array_equal(steps[5 * CELL_FRAMES : -1, 1], whole[5 * CELL_FRAMES : -1, 1])


def test_nothing_can_be_added_to_no_frames() -> None:
    empty = np.zeros((0, 2))
    Dither(*KEY).add(empty, 0)
    assert empty.shape == (0, 2)
