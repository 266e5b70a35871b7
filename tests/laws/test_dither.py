"""What dither promises of 16-bit audio: an error that is white noise and follows the music no more, and all else as before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.dataset import MixResult
from schemas.mixplan import MixPlan
from schemas.plan import OutputPlan
from schemas.roles import Stand
from schemas.submix import SubmixRecipe
from tests.support.stems import Audio, stem_inputs
from workers.audio.files import read_audio
from workers.audio.truepeak import TruePeakMeter
from workers.mixing import dithered, write
from workers.mixing.gains import linear
from workers.mixing.mix import OtherOrder, mix_song
from workers.mixing.submix import Partition

RATE_HZ = 16000
FRAMES = 1 << 16
STEP = 2.0**-15
#: Bin of the tones' frequency: a whole number of periods, and no multiple of it is half the rate.
BIN = 4099
FORM: dict[str, Any] = {"rate_hz": RATE_HZ, "bits": 16, "channels": 1}
STEREO = OutputPlan.model_validate({**FORM, "channels": 2, "dither": True})
STANDS = {"S00": Stand(0.0, -0.4), "S02": Stand(-3.0, 1.0)}


def _tone(steps: float) -> Audio:
    wave: Audio = (steps * STEP * np.sin(2 * np.pi * BIN / FRAMES * np.arange(FRAMES)))[:, None].astype(np.float32)
    return wave


def _published(folder: Path, steps: float, *, dither: bool) -> tuple[Any, Any]:
    """Return the published samples of a tone of so many steps, and what they were before they were rounded, in steps."""
    folder.mkdir()
    output = OutputPlan.model_validate({**FORM, "dither": dither})
    raw = _tone(steps)
    result = mix_song(
        stem_inputs(folder, {"S00": raw}, RATE_HZ), MixPlan(gate_lufs=-60.0), output, folder, key=(1, "a")
    )
    gain = float(linear(result.stems[0].gain_db))
    samples = read_audio(folder / "stems" / "S00.flac")[:, 0].astype(np.float64)
    return samples, raw[:, 0].astype(np.float64) * gain / STEP


def _amplitude(samples: Any) -> float:
    return 2.0 * float(np.abs(np.fft.rfft(samples)[BIN])) / FRAMES


def test_a_tone_below_half_a_step_is_lost_without_dither_and_lives_on_with_it(tmp_path: Path) -> None:
    plain, _ = _published(tmp_path / "plain", 0.45, dither=False)
    samples, exact = _published(tmp_path / "dithered", 0.45, dither=True)
    assert not plain.any()
    assert _amplitude(exact) == pytest.approx(0.45, rel=1e-3)
    assert _amplitude(samples) == pytest.approx(0.45, abs=0.015)


@pytest.mark.parametrize("steps", [0.1, 0.5, 1.3, 20.0, 3000.0])
def test_the_error_is_white_noise_of_the_same_power_at_any_level(tmp_path: Path, steps: float) -> None:
    samples, exact = _published(tmp_path / "a", steps, dither=True)
    error = samples - exact
    assert np.abs(error).max() <= 1.5
    assert error.var() == pytest.approx(0.25, rel=0.03)
    assert error.mean() == pytest.approx(0.0, abs=0.01)
    power = np.abs(np.fft.rfft(error - error.mean())) ** 2 / FRAMES
    bands = power[1:].reshape(32, -1).mean(axis=1)
    np.testing.assert_allclose(bands, 0.25, rtol=0.15)
    harmonics = [power[min(n * BIN % FRAMES, -n * BIN % FRAMES)] for n in range(1, 12)]
    assert max(harmonics) < 0.25 * 12  # of a bin of white noise exp(-12) are louder
    assert abs(np.corrcoef(error, exact)[0, 1]) < 0.015
    assert abs(np.corrcoef(error**2, exact**2)[0, 1]) < 0.015


def test_without_dither_the_error_of_a_quiet_tone_is_distortion(tmp_path: Path) -> None:
    """The measure of the law above sees what it is to see."""
    samples, exact = _published(tmp_path / "a", 1.3, dither=False)
    power = np.abs(np.fft.rfft(samples - exact)) ** 2 / FRAMES
    assert max(power[min(n * BIN % FRAMES, -n * BIN % FRAMES)] for n in range(1, 12)) > 100.0


def _song() -> dict[str, Audio]:
    rng = np.random.default_rng(3)
    stems = {}
    for number in range(3):
        audio = (rng.standard_normal((2 * RATE_HZ + 3000 * number, 2)) * 0.2 * 10.0**-number).astype(np.float32)
        audio[9000 : 9000 + 128 * 90] = 0.0
        stems[f"S{number:02d}"] = audio
    stems["S03"] = np.zeros((RATE_HZ, 2), np.float32)
    stems["S04"] = stems["S00"] * np.array([1.0, 0.0], np.float32)
    return stems


def _mixed(folder: Path, *, output: OutputPlan = STEREO, plan: MixPlan | None = None, **wanted: Any) -> MixResult:
    folder.mkdir()
    plan = MixPlan() if plan is None else plan
    others = [
        OtherOrder("wide", plan, STANDS, True),
        OtherOrder("quiet", plan.model_copy(update={"stem_lufs": -30.0}), {}),
    ]
    recipe = SubmixRecipe(name="two", key="program_num", groups={"a": [0]})
    parts = Partition(recipe, {"a": ["S00", "S03"], "residuals": ["S01", "S02", "S04"]})
    options: dict[str, Any] = {"stands": STANDS, "others": others, "submixes": [parts], "key": (1, "song"), **wanted}
    return mix_song(stem_inputs(folder, _song(), RATE_HZ), plan, output, folder, **options)


def _sum(folder: Path, files: list[str]) -> Any:
    return np.sum([read_audio(folder / file) for file in files], axis=0, dtype=np.int64)


def test_every_sum_is_exact(tmp_path: Path) -> None:
    result = _mixed(tmp_path / "a")
    stems = {stem.name: str(stem.audio) for stem in result.stems}
    np.testing.assert_array_equal(_sum(tmp_path / "a", list(stems.values())), read_audio(tmp_path / "a" / "mix.flac"))
    wide = result.mixes[0]
    own = [str(stem.audio) for stem in wide.stems]
    np.testing.assert_array_equal(_sum(tmp_path / "a", own), read_audio(tmp_path / "a" / wide.audio))
    for group in result.submixes[0].groups:
        members = [stems[name] for name in group.stems]
        np.testing.assert_array_equal(_sum(tmp_path / "a", members), read_audio(tmp_path / "a" / group.audio))


def test_published_stems_times_their_factors_sum_to_another_mix_within_the_rounding(tmp_path: Path) -> None:
    result = _mixed(tmp_path / "a", stands={})
    stems = {stem.name: read_audio(tmp_path / "a" / str(stem.audio)).astype(np.float64) for stem in result.stems}
    for other in result.mixes:
        factors = {stem.name: np.array(stem.relative, np.float64) for stem in other.stems}
        total = sum(stems[name] * factor for name, factor in factors.items())
        bound = 1.5 * sum(1.0 + factor for factor in factors.values()) + 1e-4
        assert (np.abs(total - read_audio(tmp_path / "a" / other.audio)) <= bound).all()


def test_what_is_silent_stays_so_on_each_side(tmp_path: Path) -> None:
    result = _mixed(tmp_path / "a")
    stems = {stem.name: read_audio(tmp_path / "a" / str(stem.audio)) for stem in result.stems}
    rest = slice(9024, 9000 + 128 * 90 - 64)
    assert all(not audio[rest].any() for audio in stems.values())
    assert not read_audio(tmp_path / "a" / "mix.flac")[rest].any()
    assert not stems["S03"].any()
    assert not stems["S04"][:, 1].any()
    assert not stems["S02"][:, 0].any()  # panned to the right edge
    assert all(stems[name].any() for name in ("S00", "S01", "S02", "S04"))


@pytest.mark.parametrize("peak", ["sample", "true"])
@pytest.mark.parametrize("ceiling_db", [0.0, -1.0, -30.0])
def test_no_file_passes_the_ceiling_and_every_peak_is_that_of_its_file(
    tmp_path: Path, peak: str, ceiling_db: float
) -> None:
    plan = MixPlan.model_validate({"peak": peak, "ceiling_db": ceiling_db})
    result = _mixed(tmp_path / "a", plan=plan)
    stems = [(str(stem.audio), stem.peak_dbfs) for stem in result.stems]
    stems += [(str(stem.audio), stem.peak_dbfs) for stem in result.mixes[0].stems]
    mixes = [("mix.flac", result.peak_dbfs), *((other.audio, other.peak_dbfs) for other in result.mixes)]
    groups = [(group.audio, group.peak_dbfs) for group in result.submixes[0].groups]
    highest = []
    for file, said_db in [*stems, *mixes, *groups]:
        level = read_audio(tmp_path / "a" / file).astype(np.float32) * np.float32(STEP)
        found = float(np.abs(level).max())
        assert (said_db is None) == (found == 0.0)
        assert said_db is None or said_db == pytest.approx(20 * np.log10(found), abs=1e-4)
        if (file, said_db) not in groups:
            highest.append(_true_peak(level) if peak == "true" else found)
    assert max(highest) <= 10 ** (ceiling_db / 20)
    assert 20 * np.log10(max(highest)) == pytest.approx(ceiling_db, abs=0.2)
    if peak == "true":
        mix = read_audio(tmp_path / "a" / "mix.flac").astype(np.float32) * np.float32(STEP)
        assert result.true_peak_dbtp == pytest.approx(20 * np.log10(_true_peak(mix)), abs=1e-3)


@pytest.mark.parametrize("stems", [1, 2, 5])
@pytest.mark.parametrize("made_of", ["stems", "song"])
def test_where_every_sample_is_at_the_ceiling_noise_takes_none_over_it(
    tmp_path: Path, stems: int, made_of: str
) -> None:
    square = np.where(np.arange(FRAMES) % 64 < 32, 0.9, -0.9)[:, None].astype(np.float32)
    inputs = stem_inputs(tmp_path, {**{f"S{n:02d}": square for n in range(stems)}, "MIX": square}, RATE_HZ)
    plan = MixPlan.model_validate({"made_of": made_of, "stem_lufs": 0.0})
    output = OutputPlan.model_validate({**FORM, "dither": True})
    whole = inputs[-1] if made_of == "song" else None
    result = mix_song(inputs[:-1], plan, output, tmp_path, whole=whole, key=(1, "a"))
    steps = {file.path: int(np.abs(read_audio(tmp_path / file.path)).max()) for file in result.files}
    limit = int(10 ** (-1 / 20) * 2**15)
    assert max(steps.values()) <= limit
    assert steps["mix.flac"] >= limit - 3 * stems


def _true_peak(level: Audio) -> float:
    meter = TruePeakMeter(level.shape[1])
    meter.push(level)
    meter.silence()
    return meter.peak


def test_threads_and_slabs_change_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, three = _mixed(tmp_path / "one"), _mixed(tmp_path / "three", threads=3)
    for module in (write, dithered):
        monkeypatch.setattr(module, "SLAB_FRAMES", 4096)
    small = _mixed(tmp_path / "small")
    assert one == three
    assert one.files == small.files
    assert [stem.peak_dbfs for stem in one.stems] == [stem.peak_dbfs for stem in small.stems]


def test_the_noise_is_that_of_seed_and_song(tmp_path: Path) -> None:
    first = {file.path: file.sha256 for file in _mixed(tmp_path / "first").files}
    for number, key in enumerate([(2, "song"), (1, "other")]):
        other = {file.path: file.sha256 for file in _mixed(tmp_path / str(number), key=key).files}
        assert [path for path in first if first[path] == other[path]] == ["stems/S03.flac", "mixes/wide/stems/S03.flac"]


def test_a_mix_of_the_whole_song_is_dithered_too(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    inputs = stem_inputs(folder, {"S00": _tone(0.3), "MIX": _tone(0.45)}, RATE_HZ)
    output = OutputPlan.model_validate({**FORM, "dither": True})
    plan = MixPlan(made_of="song", gate_lufs=-60.0)
    result = mix_song(inputs[:1], plan, output, folder, whole=inputs[1], key=(1, "a"))
    assert result.whole is not None
    mix = read_audio(folder / "mix.flac")[:, 0]
    assert _amplitude(mix.astype(np.float64)) == pytest.approx(0.45, abs=0.015)
