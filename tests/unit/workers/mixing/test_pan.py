"""A panned stem: constant power, never louder, and every level of it as a meter reads it from the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from schemas.dataset import MixResult
from schemas.mixplan import MixPlan
from schemas.plan import OutputPlan
from schemas.roles import Stand, pan_law
from tests.support.stems import Audio, stem_inputs, write_stem
from workers.audio.files import read_audio
from workers.audio.meter import LoudnessMeter
from workers.audio.stemfile import StemReader
from workers.mixing.gains import linear
from workers.mixing.mix import mix_song
from workers.mixing.pan import Sides, balance_of
from workers.mixing.sides import measure_sides

RATE_HZ = 16000
OUTPUT = OutputPlan(rate_hz=16000)
PANS = [-1.0, -0.7, -0.2, 0.3, 0.9, 1.0]


def noise(left: float, right: float, *, seed: int = 1, frames: int = 3 * RATE_HZ) -> Audio:
    """Return noise of two levels with a rest in the middle, the sides unlike each other."""
    audio = np.random.default_rng(seed).standard_normal((frames, 2)) * np.array([left, right])
    audio[frames // 3 : frames // 2] = 0.0
    samples: Audio = audio.astype(np.float32)
    return samples


def sides(left: float, right: float) -> Sides:
    return Sides(np.array([[left], [right]]), (0.5, 0.5), np.zeros((2, 1), np.float32))


def mixed(folder: Path, stand: Stand, audio: Audio, *, output: OutputPlan = OUTPUT) -> MixResult:
    folder.mkdir()
    stems = stem_inputs(folder, {"S00": audio, "S01": noise(0.1, 0.1, seed=2)}, RATE_HZ)
    return mix_song(stems, MixPlan(ceiling_db=-20.0), output, folder, stands={"S00": stand})


def level(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return read_audio(path).astype(np.float64) / 2.0**23


@pytest.mark.parametrize("pan", PANS)
def test_a_stem_that_is_alike_on_both_sides_keeps_its_power(pan: float) -> None:
    left, right = balance_of(pan, sides(1.0, 1.0))
    assert left**2 + right**2 == pytest.approx(2.0, abs=1e-5)
    assert (left > right) == (pan < 0)
    assert (left, right) == pytest.approx(pan_law(pan), abs=1e-6)


@pytest.mark.parametrize("pan", PANS)
@pytest.mark.parametrize("power", [(1.0, 0.0), (0.0, 1.0), (1.0, 0.01), (0.3, 0.9)])
def test_the_power_of_the_whole_never_rises(pan: float, power: tuple[float, float]) -> None:
    left, right = balance_of(pan, sides(*power))
    assert power[0] * left**2 + power[1] * right**2 <= sum(power)


def test_at_the_edge_one_side_is_gone_and_the_nearer_a_stem_is_to_it_the_less_is_left() -> None:
    assert balance_of(1.0, sides(1.0, 1.0)) == pytest.approx((0.0, np.sqrt(2)), abs=1e-5)
    assert balance_of(1.0, sides(1.0, 1.0))[0] == 0.0
    lefts = [balance_of(pan, sides(1.0, 1.0))[0] for pan in sorted(PANS)]
    assert lefts == sorted(lefts, reverse=True)


def test_both_sides_are_measured_as_a_meter_reads_each(tmp_path: Path) -> None:
    audio = noise(0.2, 0.02)
    measured = write_stem(tmp_path / "a", audio, RATE_HZ)
    found = measure_sides(StemReader(tmp_path / "a"))
    assert found.peaks == tuple(np.abs(audio).max(axis=0).tolist())
    assert max(found.peaks) == measured.peak
    total = StemReader(tmp_path / "a").hop_power
    np.testing.assert_allclose(
        found.power.sum(axis=0)[: len(total)], total[: found.power.shape[1]], rtol=1e-5, atol=1e-12
    )
    for side, power in enumerate(found.power):
        meter = LoudnessMeter(RATE_HZ, 1)
        meter.write(audio[:, side : side + 1])
        np.testing.assert_allclose(power[: len(meter.hop_power())], meter.hop_power(), rtol=1e-6, atol=1e-15)


@pytest.mark.parametrize("pan", PANS)
@pytest.mark.parametrize("left", [0.1, 0.003])
def test_levels_of_a_panned_stem_are_those_of_its_file(tmp_path: Path, pan: float, left: float) -> None:
    audio = noise(left, 0.1)
    record = mixed(tmp_path / "a", Stand(-2.0, pan), audio).stems[0]
    assert (record.role_gain_db, record.pan) == (-2.0, pan)
    published = level(tmp_path / "a" / "stems" / "S00.flac")
    meter = LoudnessMeter(RATE_HZ, 2)
    meter.write(published.astype(np.float32))
    assert record.published_loudness_lufs == pytest.approx(meter.integrated(), abs=0.01)
    assert record.peak_dbfs == pytest.approx(20 * np.log10(np.abs(published).max()), abs=1e-3)
    assert record.published_loudness_lufs is not None
    assert record.loudness_lufs is not None
    assert record.published_loudness_lufs <= record.loudness_lufs + record.gain_db + 0.01


@pytest.mark.parametrize("output", [OUTPUT, OutputPlan(rate_hz=16000, format="wav", bits=32)], ids=["flac24", "wav32"])
def test_a_published_sample_is_raw_times_gain_times_balance(tmp_path: Path, output: OutputPlan) -> None:
    audio = noise(0.1, 0.05)
    record = mixed(tmp_path / "a", Stand(0.0, 0.4), audio, output=output).stems[0]
    assert record.balance is not None
    factors = np.array([10 ** (record.gain_db / 20) * side for side in record.balance], np.float32)
    published = read_audio(tmp_path / "a" / str(record.audio))
    if output.bits == 32:
        np.testing.assert_array_equal(published, audio * factors)
    else:
        np.testing.assert_array_equal(published, np.rint(audio.astype(np.float64) * factors.astype(np.float64) * 2**23))


def test_what_sounds_on_one_side_alone_is_active_no_more_when_the_stem_goes_to_the_other(tmp_path: Path) -> None:
    audio = noise(0.1, 0.1)
    audio[2 * RATE_HZ :, 1] = 0.0
    left, right = (mixed(tmp_path / name, Stand(0.0, pan), audio).stems[0] for name, pan in (("l", -1.0), ("r", 1.0)))
    assert left.active_regions is not None
    assert right.active_regions is not None
    assert left.active_regions[-1][1] == pytest.approx(3.0, abs=0.05)
    assert right.active_regions[-1][1] == pytest.approx(2.0, abs=0.05)


def test_a_gain_without_a_pan_is_one_number_for_both_sides(tmp_path: Path) -> None:
    audio = noise(0.1, 0.05)
    record = mixed(tmp_path / "a", Stand(-4.5, 0.0), audio).stems[0]
    assert (record.balance, record.active_regions) == (None, None)
    assert record.loudness_lufs is not None
    wanted = np.rint(audio.astype(np.float64) * float(linear(record.gain_db)) * 2**23)
    np.testing.assert_array_equal(read_audio(tmp_path / "a" / "stems" / "S00.flac"), wanted)


def test_gain_is_loudness_match_plus_role_plus_common_gain(tmp_path: Path) -> None:
    result = mixed(tmp_path / "a", Stand(-4.5, 0.3), noise(0.1, 0.05))
    for stem in result.stems:
        assert stem.loudness_lufs is not None
        expected = -13.0 - stem.loudness_lufs + stem.role_gain_db + result.common_gain_db
        assert stem.gain_db == pytest.approx(expected, abs=1e-3)
