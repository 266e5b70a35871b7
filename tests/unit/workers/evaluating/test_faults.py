from __future__ import annotations

import numpy as np
import pytest

from tests.support.sounds import RATE_HZ, music
from workers.evaluating.faults import EIGHT, FAULTS, TEN, spoil

SONG = music(bars=4)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_the_same_for_the_same_number_and_another_for_another(name: str) -> None:
    first, again, other = (spoil(name, SONG, RATE_HZ, number) for number in (1, 1, 2))
    assert first.dtype == np.float32
    assert first.shape[1] == 2
    np.testing.assert_array_equal(first, again)
    if name not in ("silence", "tempo_warp", "time_reverse"):
        assert not np.array_equal(first, other)


def test_eight_faults_decide_of_ten() -> None:
    assert len(EIGHT) == 8
    assert set(TEN) - set(EIGHT) == {"silence_gaps", "tempo_warp"}


def test_noise_is_three_decibels_below_the_song() -> None:
    noise = spoil("noise_overlay", SONG, RATE_HZ, 1) - SONG
    assert np.sqrt(np.mean(noise**2) / np.mean(SONG**2)) == pytest.approx(0.7, abs=0.02)


def test_about_half_of_the_song_is_silenced_in_half_seconds() -> None:
    silenced = np.mean([np.all(spoil("silence_gaps", SONG, RATE_HZ, number) == 0, axis=1) for number in range(20)])
    assert 0.35 < silenced < 0.65


def test_warped_it_lasts_a_quarter_and_backwards_twice_it_is_the_song() -> None:
    assert len(spoil("tempo_warp", SONG, RATE_HZ, 1)) == pytest.approx(len(SONG) / 4, abs=2)
    np.testing.assert_array_equal(spoil("time_reverse", spoil("time_reverse", SONG, RATE_HZ, 1), RATE_HZ, 1), SONG)


def test_scrambled_pitches_keep_the_length() -> None:
    assert spoil("pitch_scramble", SONG, RATE_HZ, 1).shape == SONG.shape
