"""What a plan leaves out of a song: the rest has the bytes and figures that it has in the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from schemas.dataset import MixResult
from schemas.mixplan import MixPlan
from schemas.plan import OutputPlan
from tests.support.stems import stem_inputs
from workers.mixing.mix import mix_song, unrendered


def _mixed(folder: Path, **output: object) -> MixResult:
    (folder / "raw").mkdir(parents=True)
    noise = np.random.default_rng(4).normal(0.0, 0.1, (30_000, 2)).astype(np.float32)
    stems = stem_inputs(folder / "raw", {"S00": noise[:20_000], "S01": noise[::-1].copy()})
    out = folder / "out"
    out.mkdir()
    return mix_song(stems, MixPlan(), OutputPlan.model_validate(output), out)


@pytest.mark.parametrize("form", [{"bits": 24}, {"bits": 32, "format": "wav"}])
@pytest.mark.parametrize("parts", ["mix", "stems"])
def test_what_is_published_is_as_in_the_whole(tmp_path: Path, parts: str, form: dict[str, object]) -> None:
    whole, less = _mixed(tmp_path / "whole", **form), _mixed(tmp_path / parts, parts=parts, **form)
    kept = [file for file in whole.files if file.path.startswith(parts)]
    assert kept
    assert less.files == kept
    there = sorted(
        path.relative_to(tmp_path / parts / "out").as_posix() for path in (tmp_path / parts / "out").rglob("*.*")
    )
    assert there == sorted(file.path for file in kept)
    figures = ("frames", "common_gain_db", "peak_dbfs", "loudness_lufs")
    assert [getattr(less, name) for name in figures] == [getattr(whole, name) for name in figures]
    assert [stem.gain_db for stem in less.stems] == [stem.gain_db for stem in whole.stems]
    assert all((stem.audio is None) is (parts == "mix") for stem in less.stems)


def test_a_song_of_which_nothing_is_rendered_is_as_long_as_its_music_on_the_grid() -> None:
    mix = unrendered(OutputPlan(rate_hz=44100), duration_s=8.001)
    assert mix.frames % 64 == 0
    assert 0 <= mix.frames / 44100 - 8.001 < 64 / 44100
    assert (mix.stems, mix.files, mix.peak_dbfs) == ([], [], None)
