from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from workers.audio.truepeak import MAX_OVERSHOOT, PHASES, TruePeakMeter


def _plain_true_peak(signal: NDArray[np.float32]) -> float:
    """The definition: every window of twelve frames through every phase, and the samples themselves."""
    taps = PHASES.shape[1]
    edge = np.zeros((taps - 1, signal.shape[1]))
    padded = np.concatenate([edge, signal.astype(np.float64), edge])
    windows = np.lib.stride_tricks.sliding_window_view(padded, taps, axis=0)
    return max(float(np.abs(windows @ PHASES.T.astype(np.float64)).max()), float(np.abs(signal).max()))


def _measure(signal: NDArray[np.float32], block: int, floor: float = 0.0) -> float:
    meter = TruePeakMeter(signal.shape[1], floor=floor)
    for start in range(0, len(signal), block):
        meter.push(signal[start : start + block])
    meter.silence()
    return meter.peak


@pytest.mark.parametrize("block", [1, 7, 64, 1000, 20_000])
@pytest.mark.parametrize("seed", range(4))
def test_the_peak_is_that_of_the_definition_however_the_signal_is_cut(block: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    signal = (rng.standard_normal((5000 if block > 7 else 300, 2)) * 0.2).astype(np.float32)
    assert _measure(signal, block) == pytest.approx(_plain_true_peak(signal), rel=1e-5)


def test_a_known_floor_changes_nothing_but_the_work() -> None:
    signal = (np.random.default_rng(4).standard_normal((9000, 1)) * 0.2).astype(np.float32)
    assert _measure(signal, 512, floor=float(np.abs(signal).max())) == _measure(signal, 512)


def test_a_sine_between_the_samples_is_seen() -> None:
    """A quarter of the sampling rate at 45 degrees: every sample is 3.01 dB under the peak (EBU Tech 3341, case 17)."""
    n = np.arange(4800)
    signal = (0.5 * np.sin(np.pi / 2 * n + np.pi / 4)).astype(np.float32)[:, None]
    assert 20 * np.log10(_measure(signal, 1024) / 0.5) == pytest.approx(0.0, abs=0.4)
    assert 20 * np.log10(np.abs(signal).max() / 0.5) == pytest.approx(-3.01, abs=0.01)


def test_a_peak_at_the_very_end_is_seen_after_the_silence() -> None:
    signal = np.zeros((100, 1), dtype=np.float32)
    signal[-2:] = [[0.7], [0.7]]
    assert _measure(signal, 100) == pytest.approx(_plain_true_peak(signal), rel=1e-6)
    assert _measure(signal, 100) > 0.8


def test_silence_has_no_peak() -> None:
    assert _measure(np.zeros((500, 2), dtype=np.float32), 100) == 0.0


def test_the_bound_holds_for_every_phase() -> None:
    assert np.abs(PHASES).sum(axis=1).max() <= MAX_OVERSHOOT
    np.testing.assert_array_equal(PHASES[::-1, ::-1], PHASES)
