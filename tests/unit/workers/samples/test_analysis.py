"""Tempo, beats, key and score of recordings of which they are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.samples import RATE_HZ, decaying, drum_loop, tune_loop
from workers.samples.analysis import Sound, analyse


def measured(audio: NDArray[np.float32], category: str = "beat", **said: object) -> Sound:
    found = analyse(np.repeat(audio[:, None], 2, axis=1), RATE_HZ, category, **said)  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.mark.parametrize("bpm", [90, 100, 120, 140, 174])
def test_the_beats_of_a_loop_are_counted(bpm: int) -> None:
    found = measured(drum_loop(bpm, 16))
    assert found.quarters == 16
    assert found.tempo_bpm == pytest.approx(bpm, rel=1e-4)


@pytest.mark.parametrize(("tonic", "key"), [(60, "C"), (62, "D"), (66, "F#"), (70, "Bb")])
def test_the_key_of_a_tune_is_found(tonic: int, key: str) -> None:
    found = measured(tune_loop(120, tonic), "melody")
    assert (found.key, found.quarters) == (key, 16)


def test_what_the_name_says_wins() -> None:
    tune = tune_loop(120, 60)
    found = measured(tune, "melody", said_bpm=60.0, said_key="Am")
    assert (found.tempo_bpm, found.quarters, found.key) == (60, 8, "Am")
    assert measured(tune, "melody", said_loop=False).quarters is None
    assert measured(tune[: len(tune) * 7 // 8], "melody", said_bpm=120.0).quarters is None


def test_a_hit_is_no_loop_and_drums_have_no_key() -> None:
    hit = measured(decaying(440.0, 0.9, steep=12.0))
    assert (hit.tempo_bpm, hit.quarters, hit.key) == (None, None, None)


def test_silence_is_nothing() -> None:
    assert analyse(np.zeros((RATE_HZ, 2), np.float32), RATE_HZ, "beat") is None


def test_faults_cost_score() -> None:
    generator = np.random.Generator(np.random.PCG64(1))
    noise = generator.normal(0.0, 0.1, 4 * RATE_HZ).astype(np.float32)
    tune = tune_loop(120, 60)
    good = measured(tune, "melody").score
    assert good > 0.8
    assert measured(np.clip(tune * 20, -0.5, 0.5), "melody").score < 0.2
    assert measured(tune + np.float32(0.5), "melody").score < 0.2
    assert measured(noise, "melody", said_loop=True).score < 0.2
    assert measured(tune + noise[: len(tune)].repeat(2)[: len(tune)], "melody").score < good - 0.1
    assert measured(drum_loop(120, 16)).score > 0.9
