from __future__ import annotations

import numpy as np
import pytest
import soxr

from tests.support.sounds import RATE_HZ, Audio, blocks, music, onsets_s
from workers.evaluating.faults import FAULTS, VOID, spoil
from workers.scoring.audio import score_audio


def _score(audio: Audio, rate_hz: int = RATE_HZ) -> float:
    return score_audio(blocks(audio), rate_hz).score


def test_music_scores_high() -> None:
    assert _score(music()) > 0.6


@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "tempo_warp"])
def test_each_fault_scores_lower_than_the_music_that_it_spoils(fault: str) -> None:
    song = music(bars=8)
    assert _score(spoil(fault, song, RATE_HZ, 1)) < _score(song) - 0.15


@pytest.mark.parametrize("fault", VOID)
@pytest.mark.parametrize("number", range(3))
def test_what_is_no_music_scores_next_to_nothing(fault: str, number: int) -> None:
    assert _score(spoil(fault, music(bars=1), RATE_HZ, number)) < 0.1


def test_the_blocks_in_which_audio_comes_change_nothing() -> None:
    song = music(bars=2)
    assert score_audio(blocks(song, 1000), RATE_HZ) == score_audio([song], RATE_HZ)


@pytest.mark.parametrize("rate_hz", [32000, 44100, 48000])
def test_the_sample_rate_changes_next_to_nothing(rate_hz: int) -> None:
    song = music(bars=4)
    first = score_audio([song], RATE_HZ)
    again = score_audio([soxr.resample(song, RATE_HZ, rate_hz).astype(np.float32)], rate_hz)
    for part in ("score", "tempo", "harmony", "rhythm", "noise", "spectrum"):
        assert getattr(again, part) == pytest.approx(getattr(first, part), abs=0.01), part


def test_a_small_offset_of_sound_costs_nothing_and_a_large_one_all() -> None:
    song = music(bars=4)
    rms = float(np.sqrt(np.mean(song**2)))
    assert _score(song + np.float32(0.5 * rms)) > 0.95 * _score(song)
    assert _score(song + np.float32(5 * rms)) < 0.1


def test_how_loud_it_is_changes_nothing() -> None:
    song = music(bars=2)
    assert abs(_score((song * np.float32(0.05)).astype(np.float32)) - _score(song)) < 0.001


def test_mono_scores_as_stereo_does() -> None:
    song = music(bars=2)
    assert abs(_score(np.ascontiguousarray(song[:, :1])) - _score(song)) < 0.001


def test_labels_count_where_they_are_known() -> None:
    song = music()
    assert score_audio(blocks(song), RATE_HZ).labels is None
    right = score_audio(blocks(song), RATE_HZ, onsets_s())
    wrong = score_audio(blocks(song), RATE_HZ, [time_s + 0.27 for time_s in onsets_s()])
    assert right.labels is not None
    assert wrong.labels is not None
    assert right.labels > 0.9
    assert wrong.labels < 0.6
    assert wrong.score < right.score


def test_notes_of_labels_beyond_the_audio_are_no_error() -> None:
    assert score_audio(blocks(music(bars=1)), RATE_HZ, [0.0, 1000.0]).labels is not None


@pytest.mark.parametrize("frames", [0, 1, 300, 5000])
def test_audio_that_is_very_short_has_a_score(frames: int) -> None:
    assert 0.0 <= _score(music(bars=1)[:frames]) <= 1.0


def test_silence_has_no_crest() -> None:
    found = score_audio([np.zeros((RATE_HZ, 2), np.float32)], RATE_HZ, [0.1])
    assert (found.score, found.crest_db, found.silence_share, found.labels) == (0.0, None, 1.0, 0.0)
