"""What holds for every mix: exact sums, ceilings, loudness, and the same bytes again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from schemas.dataset import MixResult
from schemas.mixplan import MixPlan
from schemas.plan import OutputPlan
from tests.support.stems import Audio, stem_inputs
from workers.audio.files import read_audio
from workers.audio.meter import LoudnessMeter
from workers.audio.truepeak import TruePeakMeter
from workers.mixing.gains import linear
from workers.mixing.mix import mix_song

RATE_HZ = 16000
OUTPUTS = [
    OutputPlan(rate_hz=16000),
    OutputPlan(rate_hz=16000, bits=16),
    OutputPlan(rate_hz=16000, channels=1),
    OutputPlan(rate_hz=16000, format="wav"),
    OutputPlan(rate_hz=16000, format="wav", bits=16, channels=1),
    OutputPlan(rate_hz=16000, format="wav", bits=32),
]
IDS = [f"{plan.format}{plan.bits}x{plan.channels}" for plan in OUTPUTS]


def _song(seed: int, channels: int) -> dict[str, Audio]:
    """Five stems of unlike level, with rests, different ends, one that is all but silent and one that is quite so."""
    rng = np.random.default_rng(seed)
    stems = {}
    for number in range(5):
        frames = int(rng.integers(RATE_HZ, 2 * RATE_HZ))
        level = float(10 ** rng.uniform(-3, 0.3))
        audio = (level * rng.standard_normal((frames, channels)) * 0.2).astype(np.float32)
        rest = int(rng.integers(0, frames - 9000))
        audio[rest : rest + 9000] = 0.0
        stems[f"S{number:02d}"] = audio
    stems["S05"] = stems["S00"] * np.float32(1e-6)
    stems["S06"] = np.zeros((RATE_HZ // 2, channels), dtype=np.float32)
    return stems


def _mix(tmp_path: Path, output: OutputPlan, plan: MixPlan, *, seed: int = 1) -> tuple[dict[str, Audio], MixResult]:
    raw = _song(seed, output.channels)
    return raw, mix_song(stem_inputs(tmp_path, raw, RATE_HZ), plan, output, tmp_path)


def _level(path: Path, bits: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return read_audio(path).astype(np.float64) / (1.0 if bits == 32 else 2.0 ** (bits - 1))


@pytest.mark.parametrize("output", OUTPUTS, ids=IDS)
@pytest.mark.parametrize("ceiling_db", [-1.0, 0.0, -20.0])
def test_published_stems_sum_to_the_mix_exactly(tmp_path: Path, output: OutputPlan, ceiling_db: float) -> None:
    _, result = _mix(tmp_path, output, MixPlan(ceiling_db=ceiling_db))
    stems = [read_audio(tmp_path / str(stem.audio)) for stem in result.stems]
    mix = read_audio(tmp_path / f"mix.{output.format}")
    if output.bits == 32:
        total = np.sum([stem.astype(np.float64) for stem in stems], axis=0)
        np.testing.assert_array_equal(mix, total.astype(np.float32))
    else:
        np.testing.assert_array_equal(mix, np.sum(stems, axis=0, dtype=np.int64))


@pytest.mark.parametrize("output", OUTPUTS, ids=IDS)
@pytest.mark.parametrize("ceiling_db", [-1.0, 0.0])
def test_no_file_passes_the_ceiling_and_the_loudest_all_but_reaches_it(
    tmp_path: Path, output: OutputPlan, ceiling_db: float
) -> None:
    _, result = _mix(tmp_path, output, MixPlan(ceiling_db=ceiling_db))
    peaks = [np.abs(_level(tmp_path / file.path, output.bits)).max() for file in result.files]
    assert max(peaks) <= 10 ** (ceiling_db / 20)
    assert result.common_gain_db < 0.0
    assert 20 * np.log10(max(peaks)) == pytest.approx(ceiling_db, abs=0.003)


@pytest.mark.parametrize("output", OUTPUTS, ids=IDS)
def test_the_recorded_peaks_are_those_of_the_files(tmp_path: Path, output: OutputPlan) -> None:
    _, result = _mix(tmp_path, output, MixPlan())
    recorded = [stem.peak_dbfs for stem in result.stems] + [result.peak_dbfs]
    for peak_dbfs, file in zip(recorded, result.files, strict=True):
        peak = float(np.abs(_level(tmp_path / file.path, output.bits)).max())
        assert (peak_dbfs is None) == (peak == 0.0)
        assert peak_dbfs is None or peak_dbfs == pytest.approx(20 * np.log10(peak), abs=1e-4)


@pytest.mark.parametrize("output", OUTPUTS[:2], ids=IDS[:2])
def test_a_published_sample_is_the_integer_nearest_to_raw_times_gain(tmp_path: Path, output: OutputPlan) -> None:
    raw, result = _mix(tmp_path, output, MixPlan())
    for stem in result.stems:
        audio = raw[stem.name].astype(np.float64)
        exact = audio * float(linear(stem.gain_db)) * 2.0 ** (output.bits - 1)
        np.testing.assert_array_equal(read_audio(tmp_path / str(stem.audio))[: len(audio)], np.rint(exact))


def test_published_stems_have_the_loudness_that_is_recorded_for_them(tmp_path: Path) -> None:
    _, result = _mix(tmp_path, OUTPUTS[0], MixPlan())
    for stem in result.stems:
        meter = LoudnessMeter(RATE_HZ, 2)
        meter.write(_level(tmp_path / str(stem.audio), 24).astype(np.float32))
        if stem.silent:
            assert stem.gain_db == result.common_gain_db
            assert stem.published_loudness_lufs is None
        else:
            assert stem.published_loudness_lufs == pytest.approx(-13.0 + result.common_gain_db, abs=1e-3)
            assert meter.integrated() == pytest.approx(stem.published_loudness_lufs, abs=0.002)


def test_the_loudness_of_the_mix_is_that_of_its_file(tmp_path: Path) -> None:
    _, result = _mix(tmp_path, OUTPUTS[0], MixPlan())
    meter = LoudnessMeter(RATE_HZ, 2)
    meter.write(_level(tmp_path / "mix.flac", 24).astype(np.float32))
    assert meter.integrated() == pytest.approx(result.loudness_lufs, abs=1e-3)


@pytest.mark.parametrize("output", [OUTPUTS[0], OUTPUTS[1], OUTPUTS[5]], ids=["flac24", "flac16", "float"])
def test_true_peaks_keep_the_ceiling_where_the_plan_says_so(tmp_path: Path, output: OutputPlan) -> None:
    _, result = _mix(tmp_path, output, MixPlan(peak="true"))
    peaks = []
    for file in result.files:
        meter = TruePeakMeter(2)
        meter.push(_level(tmp_path / file.path, output.bits).astype(np.float32))
        meter.silence()
        peaks.append(meter.peak)
    assert max(peaks) <= 10 ** (-1 / 20)
    assert 20 * np.log10(max(peaks)) == pytest.approx(-1.0, abs=0.01)
    assert result.true_peak_dbtp == pytest.approx(20 * np.log10(peaks[-1]), abs=1e-3)


def test_a_quiet_song_is_not_boosted(tmp_path: Path) -> None:
    _, result = _mix(tmp_path, OUTPUTS[0], MixPlan(stem_lufs=-50.0))
    assert result.common_gain_db == 0.0
    assert result.peak_dbfs is not None
    assert result.peak_dbfs < -20.0


@pytest.mark.parametrize("output", OUTPUTS, ids=IDS)
def test_repetition_never_changes_a_byte(tmp_path: Path, output: OutputPlan) -> None:
    results = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        results.append(_mix(folder, output, MixPlan())[1])
    assert results[0] == results[1]
