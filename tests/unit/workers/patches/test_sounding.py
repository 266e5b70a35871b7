"""What is measured in audio: onsets, tails, shifts of pitch, differences of renders."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.result import EngineReport, RenderCost, StemMeasurement, Verdict
from schemas.states import VerdictStatus
from workers.patches.answering import shift_semitones, whole
from workers.patches.sounding import level_db, onset_lag_s, span_words, tail_s
from workers.patches.studio import Audio, Take, difference_db

RATE = 44100


def take_of(audio: Audio) -> Take:
    report = EngineReport(preset_name="x", preset_bank=0, preset_program=0, notes=1)
    measured = StemMeasurement(
        frames=len(audio), rate_hz=RATE, channels=2, peak=1.0, rms=0.1, loudness_lufs=None, dc=[0.0, 0.0], nonfinite=0,
        flat_run_frames=1, first_sound_s=None, last_sound_s=None, tail_peak=0.0, flatness=None, active_regions=[],
    )  # fmt: skip
    return Take(audio, report, measured, RenderCost(render_s=0.1), Verdict(status=VerdictStatus.PASS), RATE)


def tone(hz: float, seconds: float = 1.0) -> Audio:
    """A tone with eight partials that fall off."""
    time_s = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * hz * part * time_s) / part for part in range(1, 9) if hz * part < RATE / 2)
    return np.repeat(0.2 * np.asarray(wave, np.float32)[:, None], 2, axis=1)


@pytest.mark.parametrize(("first", "lag_s"), [(RATE, 0.0), (RATE + 441, 0.01), (RATE - 441, -0.01)])
def test_an_onset_is_late_or_early_by_frames(first: int, lag_s: float) -> None:
    audio = np.zeros((2 * RATE, 2), np.float32)
    audio[first:, 0] = 0.5
    assert onset_lag_s(take_of(audio), 1.0) == pytest.approx(lag_s)


def test_what_never_sounds_has_no_onset() -> None:
    assert onset_lag_s(take_of(np.zeros((RATE, 2), np.float32)), 0.2) == np.inf


def test_a_tail_is_what_comes_after_the_release() -> None:
    assert tail_s(take_of(np.ones((RATE, 2), np.float32)), 0.25) == pytest.approx(0.75)


@pytest.mark.parametrize("semitones", [-12.0, -2.0, -0.5, 0.0, 1.0, 2.0, 7.0, 12.0])
@pytest.mark.parametrize("hz", [110.0, 440.0])
def test_a_shift_of_pitch_is_found(hz: float, semitones: float) -> None:
    found = shift_semitones(tone(hz), tone(hz * 2 ** (semitones / 12)), RATE)
    assert found == pytest.approx(semitones, abs=0.1)


@pytest.mark.parametrize(("found", "told"), [(1.95, 2.0), (2.1, 2.0), (11.9, 12.0), (0.5, 0.5), (0.1, 0.1), (6.4, 6.4)])
def test_a_bend_range_near_a_whole_number_is_that(found: float, told: float) -> None:
    assert whole(found) == told


def test_the_difference_of_renders_is_relative_to_their_loudest_sample() -> None:
    one = tone(440.0)
    other = one.copy()
    other[100, 0] += 0.01 * np.abs(one).max()
    assert difference_db(one, one.copy()) is None
    assert difference_db(one, other) == pytest.approx(-40.0, abs=0.2)
    assert difference_db(one, np.concatenate([one, one])) == pytest.approx(0.0, abs=0.1)


def test_the_level_of_a_square_is_its_height() -> None:
    assert level_db(np.full((100, 2), 0.1, np.float32)) == pytest.approx(-20.0, abs=0.01)


@pytest.mark.parametrize(("keys", "words"), [([], ""), ([60], "60"), ([35, 36, 37, 40], "35-37, 40")])
def test_keys_are_told_as_spans(keys: list[int], words: str) -> None:
    assert span_words(keys) == words
