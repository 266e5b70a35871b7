"""Mixes that are brought to a loudness, as they come out of their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import ValidationError

from schemas.dataset import MixResult
from schemas.mixplan import MixPlan
from schemas.plan import DatasetPlan, OutputPlan
from schemas.roles import OtherMixPlan, Stand
from schemas.submix import SubmixRecipe
from tests.support.stems import Audio, stem_inputs
from workers.audio.files import read_audio
from workers.audio.meter import LoudnessMeter
from workers.audio.truepeak import TruePeakMeter
from workers.mixing.loudness import MOST_LIMITED_DB
from workers.mixing.mix import mix_song
from workers.mixing.others import OtherOrder
from workers.mixing.submix import Partition

RATE_HZ = 44100
Bits = Literal[16, 24, 32]


def strokes(seconds: float = 3.0) -> Audio:
    """Strokes with a crest of over 20 dB, twice a second."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ % 0.5
    noise = np.random.default_rng(1).uniform(-1, 1, (len(time_s), 2))
    return (noise * np.exp(-time_s * 60)[:, None]).astype(np.float32)


def tone(hz: float, seconds: float = 3.0) -> Audio:
    wave = 0.2 * np.sin(2 * np.pi * hz / RATE_HZ * np.arange(round(seconds * RATE_HZ)))
    return np.repeat(wave[:, None], 2, axis=1).astype(np.float32)


STEMS = {"S00": strokes(), "S01": tone(330), "S02": tone(110, 2.0), "S03": np.zeros((9000, 2), np.float32)}


def mixed(
    folder: Path, plan: MixPlan, stems: dict[str, Audio] | None = None, bits: Bits = 24, **options: Any
) -> MixResult:
    output = OutputPlan(bits=bits, format="wav" if bits == 32 else "flac")
    folder.mkdir(exist_ok=True)
    return mix_song(stem_inputs(folder, STEMS if stems is None else stems), plan, output, folder, **options)


def audio_of(folder: Path, name: str, bits: int = 24) -> np.ndarray:
    """Return a published file: integers, or floats of 32 bits."""
    return read_audio(folder / f"{name}.{'wav' if bits == 32 else 'flac'}").astype(np.float64)


def loudness(audio: np.ndarray) -> float | None:
    meter = LoudnessMeter(RATE_HZ, 2)
    meter.write(audio.astype(np.float32))
    return meter.integrated()


@pytest.mark.parametrize(("bits", "target"), [(24, -30.0), (24, -16.0), (16, -12.0), (24, -12.0), (32, -12.0)])
def test_the_mix_has_the_loudness_keeps_under_the_ceiling_and_is_the_sum_of_its_stems(
    tmp_path: Path, bits: Bits, target: float
) -> None:
    result = mixed(tmp_path, MixPlan(loudness_lufs=target), bits=bits)
    scale = 1.0 if bits == 32 else 2.0 ** (bits - 1)
    mix = audio_of(tmp_path, "mix", bits)
    stems = {stem.name: audio_of(tmp_path, f"stems/{stem.name}", bits) for stem in result.stems}
    assert np.abs(sum(stems.values()) - mix).max() <= (1e-6 if bits == 32 else 0)
    assert loudness(mix / scale) == pytest.approx(target, abs=0.05)
    assert result.loudness_lufs == pytest.approx(target, abs=0.05)
    assert result.limiter is not None
    assert (result.limiter.least_gain_db < 0) == (target > -15)
    for record in result.stems:
        peak = np.abs(stems[record.name]).max() / scale
        assert peak <= 10 ** (-1 / 20)
        assert (record.peak_dbfs is None) == (peak == 0)
        assert record.silent or record.peak_dbfs == pytest.approx(20 * np.log10(peak), abs=1e-3)
        found = loudness(stems[record.name] / scale)
        assert record.silent or record.published_loudness_lufs == pytest.approx(found, abs=1e-3)
    assert np.abs(mix).max() / scale <= 10 ** (-1 / 20)


def test_one_curve_multiplies_all_stems_alike_and_is_the_one_that_is_written_down(tmp_path: Path) -> None:
    result = mixed(tmp_path, MixPlan(loudness_lufs=-12), bits=32, stands={"S01": Stand(-2.0, 0.5)})
    limiter = result.limiter
    assert limiter is not None
    curve = np.zeros(result.frames // 512 + 2)
    for stretch in limiter.stretches:
        first = round(stretch.start_s / limiter.step_s)
        curve[first : first + len(stretch.gains_db)] = stretch.gains_db
    factors = np.interp(np.arange(result.frames) / 512, np.arange(len(curve)), 10 ** (curve / 20))
    for name, left in (("S00", 1.0), ("S01", None), ("S02", 1.0)):
        record = next(stem for stem in result.stems if stem.name == name)
        side = left if record.balance is None else record.balance[0]
        raw = np.zeros(result.frames)
        raw[: len(STEMS[name])] = STEMS[name][:, 0]
        expected = raw * 10 ** (record.gain_db / 20) * float(side or 0) * factors
        assert audio_of(tmp_path, f"stems/{name}", 32)[:, 0] == pytest.approx(expected, abs=1e-5)


def test_a_mix_that_would_need_too_much_stays_softer(tmp_path: Path) -> None:
    result = mixed(tmp_path, MixPlan(loudness_lufs=-6), {"S00": strokes()})
    assert result.limiter is not None
    assert -MOST_LIMITED_DB - 0.1 < result.limiter.least_gain_db < -MOST_LIMITED_DB + 0.1
    assert result.loudness_lufs is not None
    assert result.loudness_lufs < -6.2


def test_true_peaks_of_mix_and_stems_keep_under_the_ceiling(tmp_path: Path) -> None:
    edgy = {"S00": strokes(2.0), "S01": tone(11025, 2.0) * np.float32(3)}
    result = mixed(tmp_path, MixPlan(loudness_lufs=-9, peak="true"), edgy)
    assert result.true_peak_dbtp is not None
    for name in ("mix", "stems/S00", "stems/S01"):
        meter = TruePeakMeter(2)
        meter.push((audio_of(tmp_path, name) / 2**23).astype(np.float32))
        meter.silence()
        assert 20 * np.log10(meter.peak) <= -1.0 + 1e-6
    assert result.true_peak_dbtp > -2.0


def test_silence_has_no_loudness_to_be_brought_to(tmp_path: Path) -> None:
    result = mixed(tmp_path, MixPlan(loudness_lufs=-16), {"S00": np.zeros((9000, 2), np.float32)})
    assert (result.common_gain_db, result.loudness_lufs) == (0.0, None)
    assert result.limiter is not None
    assert result.limiter.stretches == []


def test_submixes_pass_no_full_scale_although_the_mix_cancels(tmp_path: Path) -> None:
    stems = {"S00": tone(220), "S01": tone(220), "S02": -2 * tone(220) + 0.3 * tone(330)}
    recipe = SubmixRecipe.model_validate({"name": "two", "key": "inst_class", "groups": {"both": ["Piano"]}})
    result = mixed(
        tmp_path,
        MixPlan(loudness_lufs=-8),
        stems,
        submixes=[Partition(recipe, {"both": ["S00", "S01"], "rest": ["S02"]})],
    )
    (submix,) = result.submixes
    peaks = {group.name: group.peak_dbfs for group in submix.groups}
    assert peaks["both"] is not None
    assert peaks["both"] <= 0.0


def test_another_mix_of_a_limited_one_says_no_factor_where_there_is_none(tmp_path: Path) -> None:
    plan = MixPlan(loudness_lufs=-12, others=[OtherMixPlan(name="flat")])
    order = OtherOrder("flat", plan.of(plan.others[0]), {})
    result = mixed(tmp_path, plan, others=[order])
    (other,) = result.mixes
    assert all(stem.relative == [None, None] for stem in other.stems)
    soft = mixed(tmp_path / "soft", plan.model_copy(update={"loudness_lufs": -30.0}), others=[order])
    assert all(None not in stem.relative for stem in soft.mixes[0].stems if stem.loudness_lufs is not None)


def test_a_plan_without_a_loudness_keeps_its_hash_and_a_whole_song_has_none() -> None:
    plain = DatasetPlan(source="midi")
    assert DatasetPlan.model_validate({"source": "midi", "mix": {"loudness_lufs": None}}).plan_hash == plain.plan_hash
    assert DatasetPlan.model_validate({"source": "midi", "mix": {"loudness_lufs": -16}}).plan_hash != plain.plan_hash
    with pytest.raises(ValidationError, match="no limiter"):
        MixPlan(loudness_lufs=-16, made_of="song")
