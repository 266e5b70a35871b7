"""Effects in a whole run: applied, recorded, summed exactly, checked, and the same for any number of slots."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import soundfile as sf
import yaml

from tests.support.farms import DEMO, farm, farm_json, published
from tests.support.plugins import needs_dawdreamer

pytestmark = needs_dawdreamer

MIX = {
    "roles": [
        {"match": {"drums": True}, "effects": [{"effect": "compressor", "parameters": {"threshold": -24, "ratio": 4}}]},
        {"match": {"inst_class": "Bass"}, "effects": ["saturation"], "pan": 0.2},
    ],
    "room": [{"effect": "reverb", "parameters": {"wet": {"uniform": [0.1, 0.3]}, "decay": 1.0}}],
    "others": [{"name": "wide", "preset": "wide"}],
}
#: What libfaust says of itself.
LIBFAUST = """
import ctypes
from workers.effects.libfaust import library
version = library().getCLibFaustVersion
version.restype = ctypes.c_char_p
print(version().decode().split()[0])
"""


def plan_file(folder: Path, **values: Any) -> Path:
    path = folder / "plan.yaml"
    output = {"rate_hz": 16000, "bits": 16}
    path.write_text(yaml.safe_dump({"source": "source", "seed": 3, "output": output, **values}))
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("effects")
    (folder / "source").mkdir()
    shutil.copy(DEMO / "korobeiniki.mid", folder / "source")
    return folder


@pytest.fixture(scope="module")
def made(home: Path) -> Path:
    farm_json("run", plan_file(home, mix=MIX), "--out", home / "made", "--slots", 2)
    return home / "made"


def annotation(made: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((made / "Track00001" / "annotation.json").read_text())
    return found


def test_the_dataset_is_as_it_claims(made: Path) -> None:
    done = farm("verify", made)
    assert done.returncode == 0, done.stdout


def test_the_stems_sum_to_the_mix_to_the_last_bit(made: Path) -> None:
    folder = made / "Track00001"
    mix, _ = sf.read(folder / "mix.flac", dtype="int16")
    total = sum(sf.read(path, dtype="int32")[0] >> 16 for path in sorted(folder.glob("stems/*.flac")))
    assert (total == mix).all()


def test_annotations_say_what_every_stem_went_through(made: Path) -> None:
    chains = {
        stem["inst_class"]: [effect["effect"] for effect in stem["effects"]] for stem in annotation(made)["stems"]
    }
    assert chains["Drums"] == ["compressor", "reverb"]
    assert chains["Bass"] == ["saturation", "reverb"]
    rooms = [stem["effects"][-1] for stem in annotation(made)["stems"]]
    assert all(room == rooms[0] for room in rooms)
    assert 0.1 <= rooms[0]["parameters"]["wet"] <= 0.3
    asked = subprocess.run([sys.executable, "-c", LIBFAUST], capture_output=True, text=True, check=True)
    assert rooms[0]["processor"] == f"DawDreamer {metadata.version('dawdreamer')} (libfaust {asked.stdout.strip()})"


def test_one_slot_gives_the_same_bytes(home: Path, made: Path) -> None:
    farm_json("run", home / "plan.yaml", "--out", home / "again", "--slots", 1)
    assert published(home / "again") == published(made)
    assert not list((home / "again").rglob(".effects-*"))


def test_effects_that_the_annotation_denies_are_found(made: Path, tmp_path: Path) -> None:
    dataset = Path(shutil.copytree(made, tmp_path / "false"))
    path = dataset / "Track00001" / "annotation.json"
    path.write_text(path.read_text().replace('"effect":"saturation"', '"effect":"distortion"'))
    assert "went through" in farm("verify", dataset).stdout


def test_a_parameter_that_does_not_exist_fails_the_song_by_name(home: Path, tmp_path: Path) -> None:
    plan = tmp_path / "bad.yaml"
    room = [{"effect": "reverb", "parameters": {"wte": 1}}]
    plan.write_text(yaml.safe_dump({"source": str(home / "source"), "mix": {"room": room}}))
    done = farm("run", plan, "--out", tmp_path / "out", "--json")
    assert done.returncode == 3
    assert "no parameter `wte`" in done.stdout
