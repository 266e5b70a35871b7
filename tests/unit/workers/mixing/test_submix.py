"""Submixes in the mix stage: exact sums of the published stems, room for their peaks, the same bytes as after the fact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.mixplan import MixPlan
from schemas.plan import OutputPlan
from schemas.submix import SubmixRecipe
from tests.support.stems import Audio, stem_inputs
from workers.audio.files import read_audio
from workers.mixing.mix import mix_song
from workers.mixing.submix import Partition
from workers.reworking.passes import Lane, Sum, run_pass

RATE_HZ = 16000
RECIPE = SubmixRecipe(name="Two", key="program_num", groups={"Low": [33], "High": [73], "None": [1]})
GROUPS = {"low": ["S00"], "high": ["S01", "S02"], "none": [], "residuals": ["S03"]}


def tones(seconds: float = 1.0) -> dict[str, Audio]:
    """Four stems; the last is silent half the time, the third opposes the second."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    waves = [0.1 * np.sin(2 * np.pi * hz * time_s) for hz in (80, 700, 700, 1900)]
    waves[3] = waves[3] * (time_s > seconds / 2)
    return {f"S{index:02d}": np.repeat(wave.astype(np.float32)[:, None], 2, axis=1) for index, wave in enumerate(waves)}


def mixed(
    folder: Path, output: OutputPlan, stems: dict[str, Audio], *, plan: MixPlan | None = None, threads: int = 1
) -> Any:
    folder.mkdir()
    return mix_song(
        stem_inputs(folder, stems, RATE_HZ), plan or MixPlan(), output, folder, threads=threads,
        submixes=[Partition(RECIPE, GROUPS)],
    )  # fmt: skip


@pytest.mark.parametrize(("bits", "file_format"), [(16, "flac"), (24, "wav"), (32, "wav")])
def test_every_group_is_the_sum_of_its_published_stems(tmp_path: Path, bits: Any, file_format: Any) -> None:
    output = OutputPlan(rate_hz=16000, channels=2, bits=bits, format=file_format)
    result = mixed(tmp_path / "a", output, tones())
    total = np.zeros(1)
    for group in result.submixes[0].groups:
        there = read_audio(tmp_path / "a" / group.audio)
        stems = [read_audio(tmp_path / "a" / "stems" / f"{stem}.{file_format}") for stem in group.stems]
        wanted = np.sum(stems, axis=0, dtype=np.float64) if stems else np.zeros(there.shape)
        np.testing.assert_array_equal(there, wanted.astype(np.float32) if bits == 32 else wanted)
        total = total + there.astype(np.float64)
    mix = read_audio(tmp_path / "a" / f"mix.{file_format}")
    np.testing.assert_allclose(total, mix, atol=1e-6 if bits == 32 else 0)
    assert [group.name for group in result.submixes[0].groups] == list(GROUPS)
    assert result.submixes[0].groups[2].peak_dbfs is None
    paths = [file.path for file in result.files]
    assert "submixes/two/high." + file_format in paths


def test_submixes_change_nothing_else(tmp_path: Path) -> None:
    output = OutputPlan(rate_hz=16000, channels=2)
    (tmp_path / "plain").mkdir()
    plain = mix_song(stem_inputs(tmp_path / "plain", tones(), RATE_HZ), MixPlan(), output, tmp_path / "plain")
    result = mixed(tmp_path / "a", output, tones())
    assert [file for file in result.files if "submixes" not in file.path] == plain.files


def test_made_in_the_mix_stage_or_afterwards_they_are_the_same_bytes(tmp_path: Path) -> None:
    output = OutputPlan(rate_hz=16000, channels=2)
    result = mixed(tmp_path / "a", output, tones(), threads=2)
    lanes = [Lane(tmp_path / "a" / "stems" / f"{stem}.flac", None) for stem in tones()]
    sums = [Sum(f"{name}.flac", frozenset(int(stem[1:]) for stem in stems)) for name, stems in GROUPS.items()]
    run_pass(lanes, sums, tmp_path / "after", output.form, result.frames)
    for group in result.submixes[0].groups:
        assert (tmp_path / "after" / f"{group.name}.flac").read_bytes() == (tmp_path / "a" / group.audio).read_bytes()


def test_a_group_that_would_pass_full_scale_lowers_the_whole_song(tmp_path: Path) -> None:
    """Two stems that a third cancels: the mix is quiet, the group of the two is not."""
    stems = tones()
    stems["S03"], stems["S00"] = -stems["S01"], np.zeros_like(stems["S00"])
    plan = MixPlan(stem_lufs=0.0, ceiling_db=0.0)
    result = mixed(tmp_path / "a", OutputPlan(rate_hz=16000, channels=2, bits=16), stems, plan=plan)
    high = result.submixes[0].groups[1]
    assert high.peak_dbfs is not None
    assert -0.01 < high.peak_dbfs < 0.0
    there = read_audio(tmp_path / "a" / high.audio)
    wanted = sum(read_audio(tmp_path / "a" / "stems" / f"{stem}.flac") for stem in high.stems)
    np.testing.assert_array_equal(there, wanted)
