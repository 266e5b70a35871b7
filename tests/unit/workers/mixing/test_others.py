"""Other mixes of a song: each is what it would be alone, exactly summed, and leaves the song's own as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from schemas.dataset import MixResult
from schemas.mixplan import MixPlan
from schemas.plan import DatasetPlan, OutputPlan
from schemas.roles import Stand, StemKind
from tests.support.stems import Audio, stem_inputs
from workers.audio.files import read_audio
from workers.audio.meter import LoudnessMeter
from workers.audio.truepeak import TruePeakMeter
from workers.mixing.mix import OtherOrder, mix_song
from workers.mixing.others import orders_of

RATE_HZ = 16000
OUTPUTS = [
    OutputPlan(rate_hz=16000),
    OutputPlan(rate_hz=16000, bits=16),
    OutputPlan(rate_hz=16000, format="wav", bits=32),
]
IDS = ["flac24", "flac16", "wav32"]
OWN = {"S00": Stand(0.0, -0.4), "S02": Stand(3.0, 0.0)}
WIDE = {"S00": Stand(-3.0, 0.8), "S01": Stand(0.0, -0.8)}


def song() -> dict[str, Audio]:
    rng = np.random.default_rng(5)
    stems = {}
    for number in range(3):
        audio = (rng.standard_normal((RATE_HZ + 3000 * number, 2)) * 0.1 * (1 + number)).astype(np.float32)
        audio[4000:9000] = 0.0
        stems[f"S{number:02d}"] = audio
    stems["S03"] = np.zeros((RATE_HZ, 2), np.float32)
    return stems


def orders(plan: MixPlan, *, stems: bool) -> list[OtherOrder]:
    quiet = plan.model_copy(update={"stem_lufs": -25.0, "ceiling_db": -6.0})
    return [OtherOrder("wide", plan, WIDE, stems), OtherOrder("quiet", quiet, {}, stems)]


def mixed(
    folder: Path,
    output: OutputPlan,
    *,
    plan: MixPlan | None = None,
    stands: dict[str, Stand] | None = None,
    others: bool = True,
    stems: bool = False,
    threads: int = 1,
) -> MixResult:
    plan = MixPlan() if plan is None else plan
    folder.mkdir()
    wanted = orders(plan, stems=stems) if others else []
    return mix_song(
        stem_inputs(folder, song(), RATE_HZ), plan, output, folder, stands=stands, others=wanted, threads=threads
    )


def level(path: Path, bits: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return read_audio(path).astype(np.float64) / (1.0 if bits == 32 else 2.0 ** (bits - 1))


def digests(result: MixResult) -> dict[str, str]:
    return {file.path: file.sha256 for file in result.files}


@pytest.mark.parametrize("output", OUTPUTS, ids=IDS)
def test_stems_of_another_mix_sum_to_it_exactly(tmp_path: Path, output: OutputPlan) -> None:
    result = mixed(tmp_path / "a", output, stands=OWN, stems=True)
    assert [mix.name for mix in result.mixes] == ["wide", "quiet"]
    for other in result.mixes:
        stems = [read_audio(tmp_path / "a" / str(stem.audio)) for stem in other.stems]
        assert len(stems) == 4
        mix = read_audio(tmp_path / "a" / other.audio)
        if output.bits == 32:
            np.testing.assert_array_equal(mix, np.sum(stems, axis=0, dtype=np.float64).astype(np.float32))
        else:
            np.testing.assert_array_equal(mix, np.sum(stems, axis=0, dtype=np.int64))


@pytest.mark.parametrize("output", OUTPUTS, ids=IDS)
def test_published_stems_times_their_factors_sum_to_it_within_the_rounding(tmp_path: Path, output: OutputPlan) -> None:
    result = mixed(tmp_path / "a", output, stands=OWN)
    for other in result.mixes:
        mix = level(tmp_path / "a" / other.audio, output.bits)
        stems = {stem.name: level(tmp_path / "a" / str(stem.audio), output.bits) for stem in result.stems}
        factors = {stem.name: np.array(stem.relative, np.float64) for stem in other.stems}
        total = sum(stems[name] * factor for name, factor in factors.items())
        half_step = 0.0 if output.bits == 32 else 2.0**-output.bits
        bound = half_step * sum(1.0 + factor for factor in factors.values()) + 1e-9 * 4
        if output.bits == 32:
            bound = bound + 2.0**-22 * sum(np.abs(stems[name]) * factor for name, factor in factors.items())
        assert (np.abs(total - mix) <= bound).all()


@pytest.mark.parametrize("output", OUTPUTS, ids=IDS)
def test_another_mix_is_what_it_would_be_alone_with_or_without_stems_of_its_own(
    tmp_path: Path, output: OutputPlan
) -> None:
    beside = mixed(tmp_path / "a", output, stands=OWN)
    with_stems = mixed(tmp_path / "b", output, stems=True)
    alone = mixed(tmp_path / "c", output, stands=WIDE, others=False)
    name = f"mixes/wide/mix.{output.format}"
    assert digests(beside)[name] == digests(with_stems)[name] == digests(alone)[f"mix.{output.format}"]
    for stem in alone.stems:
        assert digests(with_stems)[f"mixes/wide/{stem.audio}"] == digests(alone)[str(stem.audio)]
    wide = beside.mixes[0]
    assert [stem.gain_db for stem in wide.stems] == [stem.gain_db for stem in alone.stems]
    assert [stem.loudness_lufs for stem in wide.stems] == [stem.published_loudness_lufs for stem in alone.stems]
    assert [stem.peak_dbfs for stem in wide.stems] == [stem.peak_dbfs for stem in alone.stems]
    assert (wide.peak_dbfs, wide.loudness_lufs) == (alone.peak_dbfs, alone.loudness_lufs)


def test_the_songs_own_mix_and_stems_are_the_same_bytes_beside_others(tmp_path: Path) -> None:
    alone, beside = mixed(tmp_path / "a", OUTPUTS[0], others=False), mixed(tmp_path / "b", OUTPUTS[0])
    assert digests(alone).items() <= digests(beside).items()
    assert alone.model_copy(update={"files": [], "mixes": []}) == beside.model_copy(update={"files": [], "mixes": []})


def test_any_number_of_threads_makes_the_same_bytes(tmp_path: Path) -> None:
    one = mixed(tmp_path / "a", OUTPUTS[0], stands=OWN, stems=True)
    three = mixed(tmp_path / "b", OUTPUTS[0], stands=OWN, stems=True, threads=3)
    assert one == three


@pytest.mark.parametrize("peak", ["sample", "true"])
def test_each_mix_keeps_its_own_ceiling_and_says_its_own_levels(tmp_path: Path, peak: str) -> None:
    plan = MixPlan.model_validate({"peak": peak, "stem_lufs": -5.0, "ceiling_db": -3.0})
    result = mixed(tmp_path / "a", OUTPUTS[0], plan=plan, stems=True)
    assert result.mixes[1].ceiling_db == -6.0
    for other in result.mixes:
        mix = level(tmp_path / "a" / other.audio, 24)
        assert other.peak_dbfs == pytest.approx(20 * np.log10(np.abs(mix).max()), abs=1e-3)
        meter = LoudnessMeter(RATE_HZ, 2)
        meter.write(mix.astype(np.float32))
        assert other.loudness_lufs == pytest.approx(meter.integrated(), abs=0.01)
        assert (other.true_peak_dbtp is not None) is (peak == "true")
        files = [other.audio, *(str(stem.audio) for stem in other.stems)]
        assert (
            max(_peak(level(tmp_path / "a" / file, 24), peak) for file in files) <= 10 ** (other.ceiling_db / 20) + 1e-7
        )


def _peak(audio: np.ndarray[tuple[int, ...], np.dtype[np.float64]], peak: str) -> float:
    if peak == "sample":
        return float(np.abs(audio).max())
    meter = TruePeakMeter(2)
    meter.push(audio.astype(np.float32))
    meter.silence()
    return meter.peak


def test_from_a_side_that_nothing_is_left_of_no_factor_leads_anywhere(tmp_path: Path) -> None:
    result = mixed(tmp_path / "a", OUTPUTS[0], stands={"S00": Stand(0.0, 1.0)})
    first = result.mixes[0].stems[0]
    assert first.relative[0] is None
    assert first.relative[1] is not None


def test_beside_a_mix_of_the_whole_song_others_are_sums_of_the_stems(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    raw = song()
    inputs = stem_inputs(tmp_path / "a", {**raw, "MIX": raw["S00"] * np.float32(0.5)}, RATE_HZ)
    result = mix_song(
        inputs[:-1], MixPlan(made_of="song"), OUTPUTS[0], tmp_path / "a", whole=inputs[-1],
        others=[OtherOrder("sum", MixPlan(), {}, True)],
    )  # fmt: skip
    (other,) = result.mixes
    stems = [read_audio(tmp_path / "a" / str(stem.audio)) for stem in other.stems]
    np.testing.assert_array_equal(read_audio(tmp_path / "a" / other.audio), np.sum(stems, axis=0, dtype=np.int64))


def test_a_plan_orders_each_mix_with_draws_of_its_own() -> None:
    roles = [{"gain_db": {"uniform": [-6, 6]}, "pan": {"uniform": [-1, 1]}}]
    plan = DatasetPlan.model_validate(
        {
            "source": "x",
            "mix": {"roles": roles, "others": [{"name": n, "roles": roles, "stems": n == "b"} for n in "ab"]},
        }
    )
    kinds = {"S00": StemKind("Bass", "", 33, False), "S01": StemKind("Drums", "", 0, True)}
    first, second = orders_of(plan, kinds, "song")
    assert (first.name, first.stems, second.name, second.stems) == ("a", False, "b", True)
    assert len({*first.stands.values(), *second.stands.values()}) == 4
