from __future__ import annotations

import numpy as np
import pytest

from tests.support.sounds import RATE_HZ, Audio, blocks, music
from workers.scoring.integrity import Integrity, sums_of


def _found(audio: Audio) -> Integrity:
    found = sums_of(blocks(audio), RATE_HZ).integrity()
    assert found is not None
    return found


def _sine(hertz: float, amplitude: float = 0.5) -> Audio:
    wave = amplitude * np.sin(2 * np.pi * hertz * np.arange(RATE_HZ) / RATE_HZ)
    return np.repeat(wave[:, None], 2, axis=1).astype(np.float32)


@pytest.mark.parametrize("hertz", [20.0, 40.0, 110.0, 441.0, 4000.0])
def test_a_sine_is_not_clipped(hertz: float) -> None:
    assert _found(_sine(hertz)).clipping_share < 1e-3


@pytest.mark.parametrize("level", [1.0, 0.1])
def test_what_is_clipped_is_counted_at_any_level(level: float) -> None:
    clipped = np.clip(_sine(441.0, 10 * level), -level, level).astype(np.float32)
    assert _found(clipped).clipping_share > 0.7
    half = np.concatenate([music(bars=2)[: len(clipped)] * np.float32(0.5 * level), clipped])
    assert 0.3 < _found(half).clipping_share < 0.5


def test_one_clipped_channel_is_enough() -> None:
    song = music(bars=1)
    song[:, 1] = np.clip(4 * song[:, 1], -1, 1)
    assert _found(song).clipping_share > 0.01


def test_the_offset_is_relative_to_the_rms() -> None:
    assert _found(_sine(441.0) + np.float32(0.5)).dc_offset == pytest.approx(0.5 / np.sqrt(0.25 + 0.125), abs=1e-3)
    assert _found(_sine(441.0)).dc_offset < 1e-3


def test_the_crest_of_a_sine_is_three_decibels() -> None:
    assert _found(_sine(440.0)).crest_db == pytest.approx(3.01, abs=0.01)


def test_silence_is_a_share_of_the_time() -> None:
    song = music(bars=1)
    assert _found(np.concatenate([song, np.zeros_like(song)])).silence_share == pytest.approx(0.55, abs=0.15)


def test_only_sound_that_stops_dead_is_a_gap() -> None:
    song = music(bars=4)
    assert _found(song).gaps_per_s == 0.0
    for at in range(RATE_HZ, 5 * RATE_HZ, RATE_HZ):
        song[at + RATE_HZ // 10 : at + RATE_HZ // 3] = 0.0
    assert _found(song).gaps_per_s * len(song) / RATE_HZ == pytest.approx(4, abs=0.01)


def test_silence_has_no_figures() -> None:
    assert sums_of([np.zeros((100, 2), np.float32)], RATE_HZ).integrity() is None
    assert sums_of([], RATE_HZ).integrity() is None


def test_a_dry_note_that_fades_within_twenty_milliseconds_is_no_gap() -> None:
    song = music(bars=4)
    fall = np.geomspace(1.0, 1e-4, 18 * RATE_HZ // 1000, dtype=np.float32)[:, None]
    for at in range(RATE_HZ, 5 * RATE_HZ, RATE_HZ):
        start = at + RATE_HZ // 10
        song[start : start + len(fall)] *= fall
        song[start + len(fall) : at + RATE_HZ // 3] = 0.0
    assert _found(song).gaps_per_s == 0.0
