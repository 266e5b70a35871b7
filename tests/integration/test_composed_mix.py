"""Composed songs in the mix that they usually have: loudness, ceiling, levels, exact sums, and effects that go by the genre."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.support.farms import farm, farm_json
from tests.support.plugins import needs_dawdreamer
from workers.audio.files import read_audio

pytestmark = needs_dawdreamer


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("composed")
    plan = {
        "seed": 11,
        "compose": {"genres": ["jazz", "electronic", "latin"], "together": False, "count": 4, "length_s": 10},
        "filters": {"min_duration_s": 0},
        "output": {"rate_hz": 22050},
    }
    (home / "plan.yaml").write_text(yaml.safe_dump(plan))
    farm_json("run", home / "plan.yaml", "--out", home / "out")
    return home / "out"


def songs(made: Path) -> list[tuple[Path, dict[str, Any]]]:
    return [(path.parent, json.loads(path.read_bytes())) for path in sorted(made.glob("Track*/annotation.json"))]


def test_they_are_as_they_claim(made: Path) -> None:
    done = farm("verify", made)
    assert done.returncode == 0, done.stdout


def test_no_sample_passes_the_ceiling_and_stems_sum_to_the_mix(made: Path) -> None:
    for folder, song in songs(made):
        mix = read_audio(folder / "mix.flac").astype(np.int64)
        stems = [read_audio(folder / stem["audio"]).astype(np.int64) for stem in song["stems"]]
        assert np.array_equal(sum(stems), mix)
        assert max(int(np.abs(audio).max()) for audio in (mix, *stems)) <= 10 ** (-1 / 20) * 2**23


def test_every_mix_has_its_loudness_and_no_layer_is_lost(made: Path) -> None:
    for _, song in songs(made):
        assert song["mix"]["loudness_lufs"] == pytest.approx(-16, abs=0.2)
        levels = [stem["published_loudness_lufs"] for stem in song["stems"]]
        assert None not in levels
        assert max(levels) - min(levels) <= 15


def test_layers_stand_where_their_rules_say_and_some_went_through_effects(made: Path) -> None:
    seen = 0
    for _, song in songs(made):
        stems = {stem["track_name"]: stem for stem in song["stems"]}
        assert "pan" not in stems["bassline"] or stems["bassline"]["pan"] == 0
        if "harmony" in stems:
            assert abs(stems["harmony"]["pan"]) in (0.2, 0.3, 0.4)
            assert -5.5 <= stems["harmony"]["role_gain_db"] <= -2.5
        seen += sum(len(stem.get("effects", [])) for stem in song["stems"])
    assert seen > 4


def test_an_effect_that_a_genre_never_has_is_in_none_of_its_songs(tmp_path: Path) -> None:
    effects = dict.fromkeys(("compressor", "gain", "chorus", "ladder_filter", "phaser", "delay"), 0) | {"reverb": 10}
    plan = {
        "compose": {"genres": [{"name": "plain", "effects": effects}], "count": 2, "length_s": 6},
        "filters": {"min_duration_s": 0},
        "output": {"rate_hz": 16000, "parts": "mix"},
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    farm_json("run", tmp_path / "plan.yaml", "--out", tmp_path / "out")
    for _, song in songs(tmp_path / "out"):
        chains = {stem["track_name"]: [one["effect"] for one in stem.get("effects", [])] for stem in song["stems"]}
        assert chains.pop("bassline", []) == []
        assert chains
        assert all(chain == ["reverb"] for chain in chains.values())
