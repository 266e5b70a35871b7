"""A mix that is a render of the whole song: its samples, its gain, and what is said of the stems beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from schemas.dataset import MixResult
from schemas.mixplan import MixPlan
from schemas.plan import OutputPlan
from tests.support.stems import Audio, stem_inputs
from workers.audio.files import read_audio
from workers.mixing.gains import linear
from workers.mixing.mix import mix_song

RATE_HZ = 16000
OUTPUT = OutputPlan(rate_hz=16000, channels=2, bits=16)


def tone(hz: float, level: float, seconds: float = 1.5) -> Audio:
    wave = level * np.sin(2 * np.pi * hz / RATE_HZ * np.arange(round(seconds * RATE_HZ)))
    return np.repeat(wave.astype(np.float32)[:, None], 2, axis=1)


WHOLE = tone(330, 0.02) + tone(550, 0.05)


def mixed(
    folder: Path, plan: MixPlan, *, output: OutputPlan = OUTPUT, whole: Audio | None = WHOLE, threads: int = 1
) -> MixResult:
    folder.mkdir()
    inputs = stem_inputs(folder, {"S00": tone(330, 0.02), "S01": tone(550, 0.1, 1.0)}, RATE_HZ)
    song = None if whole is None else stem_inputs(folder, {"MIX": whole}, RATE_HZ)[0]
    return mix_song(inputs, plan, output, folder, whole=song, threads=threads)


def test_the_mix_is_the_render_of_the_song_with_its_own_gain(tmp_path: Path) -> None:
    result = mixed(tmp_path / "a", MixPlan())
    assert result.whole is not None
    mix = read_audio(tmp_path / "a" / "mix.flac")
    wanted = np.rint(WHOLE.astype(np.float64) * float(linear(result.whole.gain_db)) * 2**15)
    np.testing.assert_array_equal(mix[: len(wanted)], wanted)
    assert result.whole.loudness_lufs is not None
    assert result.whole.gain_db == pytest.approx(-13.0 - result.whole.loudness_lufs + result.common_gain_db, abs=1e-3)


def test_how_far_the_stems_miss_it_is_measured_on_the_published_files(tmp_path: Path) -> None:
    result = mixed(tmp_path / "a", MixPlan())
    assert result.whole is not None
    mix = read_audio(tmp_path / "a" / "mix.flac").astype(np.float64)
    stems = sum(read_audio(tmp_path / "a" / "stems" / f"{name}.flac").astype(np.float64) for name in ("S00", "S01"))
    expected_db = 10 * np.log10(np.square(mix - stems).sum() / np.square(mix).sum())
    assert result.whole.difference_db == pytest.approx(expected_db, abs=1e-3)


def test_a_render_that_is_what_the_stems_sum_to_misses_nothing(tmp_path: Path) -> None:
    """One stem, and the song is that stem: both get one gain, so the files are the same."""
    (tmp_path / "a").mkdir()
    inputs = stem_inputs(tmp_path / "a", {"S00": WHOLE, "MIX": WHOLE}, RATE_HZ)
    result = mix_song(inputs[:1], MixPlan(), OUTPUT, tmp_path / "a", whole=inputs[1])
    assert result.whole is not None
    assert result.whole.difference_db is None
    np.testing.assert_array_equal(
        read_audio(tmp_path / "a" / "mix.flac"), read_audio(tmp_path / "a" / "stems" / "S00.flac")
    )


@pytest.mark.parametrize("peak", ["sample", "true"])
@pytest.mark.parametrize("bits", [16, 32])
def test_neither_mix_nor_stems_pass_the_ceiling(tmp_path: Path, peak: str, bits: int) -> None:
    output = OUTPUT.model_copy(update={"bits": bits, "format": "wav"})
    loud = WHOLE.copy()
    loud[4000] = 0.9  # a click: loud by its peak, not by its loudness
    result = mixed(tmp_path / "a", MixPlan.model_validate({"peak": peak}), output=output, whole=loud)
    assert result.common_gain_db < 0.0
    full = 1.0 if bits == 32 else 2.0**15
    levels = {file.path: np.abs(read_audio(tmp_path / "a" / file.path)).max() / full for file in result.files}
    assert max(levels.values()) <= 10 ** (-1 / 20) + 1e-9
    reached = max(result.peak_dbfs or -99.0, result.true_peak_dbtp or -99.0)
    assert reached == pytest.approx(-1.0, abs=0.02)


def test_any_number_of_threads_writes_the_same_files(tmp_path: Path) -> None:
    one, three = mixed(tmp_path / "a", MixPlan()), mixed(tmp_path / "b", MixPlan(), threads=3)
    assert one == three


def test_without_it_the_mix_is_the_sum_and_says_nothing_of_a_whole(tmp_path: Path) -> None:
    result = mixed(tmp_path / "a", MixPlan(), whole=None)
    assert result.whole is None
    mix = read_audio(tmp_path / "a" / "mix.flac")
    stems = [read_audio(tmp_path / "a" / "stems" / f"{name}.flac") for name in ("S00", "S01")]
    np.testing.assert_array_equal(mix, sum(stems))


def test_a_quiet_stem_stays_quiet_behind_the_gate(tmp_path: Path) -> None:
    """60 dB below the other: matched it would be as loud, with all that lies under it."""
    (tmp_path / "a").mkdir()
    inputs = stem_inputs(tmp_path / "a", {"S00": tone(330, 0.1), "S01": tone(550, 0.0005)}, RATE_HZ)
    matched, gated = (mix_song(inputs, MixPlan(gate_lufs=gate), OUTPUT, tmp_path / "a").stems for gate in (None, -45.0))
    assert matched[1].published_loudness_lufs == pytest.approx(matched[0].published_loudness_lufs, abs=0.1)
    assert gated[1].loudness_lufs is not None
    below_gate = -45.0 - gated[1].loudness_lufs
    assert below_gate > 10
    assert gated[1].published_loudness_lufs == pytest.approx(
        (gated[0].published_loudness_lufs or 0.0) - below_gate, abs=0.1
    )
