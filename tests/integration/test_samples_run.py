"""Composed songs with recordings, made and verified: their stems are stems like any other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from farm.cli.app import run_app
from schemas.base import canonical_json
from tests.support.composing import VALUES
from tests.support.samples import band

PLAN = """
seed: 3
compose:
  genres: [{genre}]
  count: 2
  length_s: 16
  samples:
    library: loops.json
    layers:
      beat: {{mode: instead, gain_db: -2}}
      melody: {{mode: alongside, gain_db: -5}}
filters: {{min_duration_s: 1}}
output: {{bits: 16, rate_hz: 22050, format: wav}}
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    library = band(folder / "loops", 120.0)
    (folder / "loops.json").write_text(library.model_copy(update={"folder": "loops"}).model_dump_json())
    genre = {
        **VALUES, "tempo_bpm": [116, 124], "meters": {"4/4": 1}, "meter_change": 0.0, "keys": {"D": 1},
        "layers": {
            name: {**VALUES["layers"][name], "probability": 1.0} for name in ("beat", "melody", "bassline")
        },
    }  # fmt: skip
    (folder / "plan.yaml").write_text(PLAN.format(genre=canonical_json(genre)))
    assert run_app(["run", str(folder / "plan.yaml"), "--out", str(folder / "out"), "--slots", "1", "--json"]) == 0
    return folder / "out"


def songs(dataset: Path) -> list[tuple[Path, dict[str, Any]]]:
    return [(path.parent, json.loads(path.read_text())) for path in sorted(dataset.glob("Track*/annotation.json"))]


def test_a_dataset_with_recordings_is_as_it_claims(dataset: Path) -> None:
    assert run_app(["verify", str(dataset)]) == 0


def test_recordings_are_named_with_licence_and_how_they_were_used(dataset: Path) -> None:
    assert len(songs(dataset)) == 2
    for _, song in songs(dataset):
        stems = {stem["track_name"]: stem for stem in song["stems"]}
        assert "beat" not in stems or "beat sample" in stems
        drums, tune = stems["beat sample"]["sample"], stems["melody sample"]["sample"]
        assert (drums["name"], drums["mode"], drums["licence"], drums["gain_db"]) == ("beat", "instead", "CC0-1.0", -2)
        assert drums["stretch"] == pytest.approx(120.0 / song["composed"]["tempo_bpm"], rel=1e-3)
        assert (tune["shift_semitones"], tune["gain_db"]) == (2, -5)
        assert all("sample" not in stem for name, stem in stems.items() if not name.endswith(" sample"))
        assert stems["beat sample"]["engine"] == "sampler"
        assert song["provenance"]["engines"]["sampler"]


def test_a_recording_in_a_layers_place_is_as_loud_as_the_layer_and_one_beside_it_as_more_of_its_role(
    dataset: Path,
) -> None:
    """Levels of the mix `composed`: the layer beat has -1.5 to 1.5 dB, other leads -4.5 to -1.5; -2 and -5 are the plan's."""
    for _, song in songs(dataset):
        level = {stem["track_name"]: stem["role_gain_db"] for stem in song["stems"]}
        assert -3.5 <= level["beat sample"] <= -0.5
        assert -9.5 <= level["melody sample"] <= -6.5


def test_the_stems_sum_to_the_mix_recordings_included(dataset: Path) -> None:
    for folder, song in songs(dataset):
        mix, _ = soundfile.read(folder / song["mix"]["audio"], dtype="int16", always_2d=True)
        total = sum(
            soundfile.read(folder / stem["audio"], dtype="int16", always_2d=True)[0].astype(np.int32)
            for stem in song["stems"]
        )
        assert (total == mix).all()


def test_the_hits_of_a_loop_fall_on_the_beats_of_the_labels(dataset: Path) -> None:
    for folder, song in songs(dataset):
        stem = next(stem for stem in song["stems"] if stem["track_name"] == "beat sample")
        audio, rate_hz = soundfile.read(folder / stem["audio"], dtype="float32", always_2d=True)
        level = np.abs(audio[:, 0])
        struck = list(zip(stem["notes"]["onset_s"], stem["notes"]["offset_s"], strict=True))
        beats = [
            beat["time_s"]
            for beat in song["beats"]
            if beat["time_s"] > 0.2 and any(start - 0.01 < beat["time_s"] < end - 0.2 for start, end in struck)
        ]
        assert len(beats) > 12
        hits = sum(
            _peak(level, rate_hz, beat, 0.0, 0.08) > 3 * _peak(level, rate_hz, beat, -0.06, -0.02) for beat in beats
        )
        assert hits >= 0.95 * len(beats)


def _peak(level: Any, rate_hz: int, beat_s: float, since_s: float, until_s: float) -> float:
    return float(level[round((beat_s + since_s) * rate_hz) : round((beat_s + until_s) * rate_hz)].max())


def test_a_recording_under_another_licence_is_found_out(
    dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(dataset, copy, ignore=shutil.ignore_patterns(".farm"))
    path = copy / "Track00001" / "annotation.json"
    song = json.loads(path.read_text())
    stem = next(stem for stem in song["stems"] if "sample" in stem)
    stem["sample"]["licence"] = "MIT"
    path.write_text(json.dumps(song))
    assert run_app(["verify", str(copy), "--fast", "--json"]) == 1
    found = json.loads(capfd.readouterr().out)["findings"]
    assert "sample_differs" in {finding["code"] for finding in found}
