"""Roles and several mixes in a whole run: drawn, published, verified, found, counted, converted, and read by others."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.farms import DEMO, farm, farm_json, published

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mirdata.datasets import slakh

MIX = {
    "preset": "band",
    "others": [{"name": "wide", "preset": "wide"}, {"name": "any", "preset": "random", "stems": True}],
}
OUTPUT = {"rate_hz": 16000, "bits": 16}


def plan_file(folder: Path, **values: Any) -> Path:
    path = folder / f"plan{len(list(folder.glob('plan*')))}.yaml"
    path.write_text(yaml.safe_dump({"source": "source", "seed": 3, "output": OUTPUT, **values}))
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixes")
    (folder / "source").mkdir()
    shutil.copy(DEMO / "greensleeves.mid", folder / "source")
    return folder


@pytest.fixture(scope="module")
def made(home: Path) -> Path:
    farm_json("run", plan_file(home, mix=MIX), "--out", home / "made", "--slots", 2)
    return home / "made"


def test_every_mix_is_published_and_as_it_claims(made: Path) -> None:
    own = yaml.safe_load((made / "Track00001" / "metadata.yaml").read_text())["stemfarm"]
    stems = own["gain_db"]
    names = {path for path in published(made) if "/mixes/" in path}
    assert names == {
        "Track00001/mixes/wide/mix.flac", "Track00001/mixes/any/mix.flac",
        *(f"Track00001/mixes/any/stems/{stem}.flac" for stem in stems),
    }  # fmt: skip
    assert {stem["pan"] for stem in own["mixes"]["wide"]["stems"].values()} > {0.0}
    done = farm("verify", made)
    assert done.returncode == 0, done.stdout


def test_run_again_with_other_slots_and_a_lost_ledger_the_bytes_are_the_same(home: Path, made: Path) -> None:
    farm_json("run", home / "plan0.yaml", "--out", home / "again", "--slots", 1)
    assert published(home / "again") == published(made)
    for ledger in (home / "again" / ".farm").glob("ledger.sqlite*"):
        ledger.unlink()
    report = farm_json("run", home / "plan0.yaml", "--out", home / "again", "--slots", 1)
    assert report["songs"]["published"] == 1
    assert published(home / "again") == published(made)


def test_beside_other_mixes_the_audio_of_a_plain_plan_is_the_same_bytes(home: Path, made: Path) -> None:
    farm_json("run", plan_file(home), "--out", home / "plain", "--slots", 2)
    farm_json(
        "run", plan_file(home, mix={"others": [{"name": "band", "preset": "band"}]}), "--out", home / "b", "--slots", 2
    )
    plain, beside = published(home / "plain"), published(home / "b")
    audio = [path for path in plain if path.endswith(".flac")]
    assert {path: beside[path] for path in audio} == {path: plain[path] for path in audio}
    assert "Track00001/mixes/band/mix.flac" in beside


def test_stems_are_found_by_pan_and_mixes_are_counted(made: Path) -> None:
    sides = farm_json("find", made, "pan!=0", "--fields", "stem,pan,role_gain")
    assert sides
    assert all(abs(stem["pan"]) <= 0.6 for stem in sides)
    assert farm_json("find", made, "mixes=wide", "--songs", "--fields", "track")
    assert farm_json("stats", made)["mixes"] == {"any": 1, "wide": 1}


def test_a_converted_copy_is_as_it_claims(made: Path, tmp_path: Path) -> None:
    done = farm("convert", made, tmp_path / "new", "--format", "wav", "--rate", 22050, "--mono")
    assert done.returncode == 0, done.stderr
    done = farm("verify", tmp_path / "new")
    assert done.returncode == 0, done.stdout


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_mirdata_opens_the_track_with_its_own_mix(made: Path, tmp_path: Path) -> None:
    said = farm_json("index", "mirdata", made, "--out", tmp_path)
    dataset = slakh.Dataset(data_home=said["data_home"], version="baby")
    dataset.index_path = said["indexes"][0]["path"]
    missing, invalid = dataset.validate(verbose=False)
    assert not any([*missing.values(), *invalid.values()])
    song = dataset.load_multitracks()["Track00001"]
    assert Path(song.mix_path) == made / "Track00001" / "mix.flac"


def test_a_pan_in_mono_is_refused_before_anything_is_made(home: Path) -> None:
    plan = plan_file(home, mix={"preset": "wide"}, output={**OUTPUT, "channels": 1})
    done = farm("run", plan, "--out", home / "none")
    assert done.returncode == 2
    assert "mono has no left and right" in done.stderr
    assert not (home / "none").exists()
