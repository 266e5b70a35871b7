"""`farm run` with a patch that is mute: its stems are played by another of its group, and the dataset says so and is sound."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.annotation import SongAnnotation, StemAnnotation
from schemas.dataset import DatasetRecord
from tests.support.datasets import reseal
from tests.support.farms import farm, farm_json, published
from tests.support.midi import Event, name, note, program, song
from tests.support.soundfont import HELD, MUTE, ONE_SHOT, SINE, write_soundfont
from workers.verifying import Code, verify_dataset

#: The mute patch is all but always drawn first.
MAP = f"""
name: keys
groups:
  - name: Keys
    programs: [0, 1]
    patches:
      - {{name: Broken, program: {MUTE}, weight: 1000000}}
      - {{name: Sine, program: {SINE}}}
      - {{name: Plucked, program: {ONE_SHOT}}}
  - name: Organ
    programs: [16]
    patches: [{{name: Organ, program: {HELD}}}]
"""
PLAN = """
source: midi
filters: {min_duration_s: 0.5}
engine: {soundfont: test.sf2}
output: {channels: 1, rate_hz: 22050}
instruments: {map: map.yaml}
on_failed_stem: other_patch
"""


def _part(title: str, number: int, key: int, channel: int) -> list[Event]:
    notes = [event for step in range(3) for event in note(480 * step, 400, key + step, channel=channel)]
    return [name(0, title), program(0, number, channel=channel), *notes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("other")
    (folder / "midi").mkdir()
    write_soundfont(folder / "test.sf2")
    parts = (_part("left hand", 0, 48, 0), _part("organ", 16, 60, 1), _part("right hand", 0, 67, 2))
    (folder / "midi" / "song.mid").write_bytes(song(*parts))
    (folder / "map.yaml").write_text(MAP, encoding="utf-8")
    (folder / "plan.yaml").write_text(PLAN, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def report(folder: Path) -> Any:
    return farm_json("run", folder / "plan.yaml", "--out", folder / "out", "--slots", 1)


@pytest.fixture
def out(report: Any, folder: Path) -> Path:
    assert report["songs"]["published"] == 1
    return folder / "out"


def _stems(out: Path) -> dict[str, StemAnnotation]:
    text = (out / "Track00001" / "annotation.json").read_bytes()
    return {stem.name: stem for stem in SongAnnotation.model_validate_json(text).stems}


def test_both_stems_of_the_program_are_played_by_another_patch(out: Path, report: Any) -> None:
    stems = _stems(out)
    assert stems["S00"].choice == stems["S02"].choice
    assert stems["S00"].choice in ("Sine", "Plucked")
    for stem in (stems["S00"], stems["S02"]):
        assert stem.audio is not None
        assert stem.findings == ["other_patch"]
        (old,) = stem.replaces
        assert (old.choice, old.patch, old.reason, old.stem) == (
            "Broken",
            f"test:000:{MUTE:03d}",
            "all_zero",
            stem.name,
        )
        assert (out / "Track00001" / stem.audio).is_file()
    assert stems["S01"].replaces == []
    assert report["warnings"]["other_patch"] == 2


def test_metadata_says_it_and_stems_that_were_not_replaced_have_no_new_key(out: Path) -> None:
    metadata = yaml.safe_load((out / "Track00001" / "metadata.yaml").read_text(encoding="utf-8"))
    assert sorted(metadata["stemfarm"]["replaced"]) == ["S00", "S02"]
    assert metadata["stemfarm"]["replaced"]["S00"][0]["reason"] == "all_zero"
    written = json.loads((out / "Track00001" / "annotation.json").read_bytes())["stems"]
    assert ["replaces" in stem for stem in written] == [True, False, True]


def test_the_dataset_verifies_and_what_was_replaced_can_be_found(out: Path) -> None:
    assert farm("verify", out).returncode == 0
    found = farm("find", out, "findings=other_patch", "--fields", "stem", "--csv")
    assert found.stdout.split() == ["stem", "S00", "S02"], found.stderr


def test_nothing_is_left_in_the_store(out: Path) -> None:
    assert not list((out / ".farm").rglob("*.stem"))


def test_other_slots_make_the_same_bytes(out: Path, folder: Path) -> None:
    farm_json("run", folder / "plan.yaml", "--out", folder / "two", "--slots", 2)
    assert published(folder / "two") == published(out)


@pytest.mark.parametrize("claimed", [b"Unknown", b"Organ", None], ids=["unknown", "another group's", "itself"])
def test_a_replacement_that_the_map_does_not_allow_is_found(out: Path, tmp_path: Path, claimed: bytes | None) -> None:
    forged = tmp_path / "forged"
    shutil.copytree(out, forged, ignore=shutil.ignore_patterns(".farm"))
    file = forged / "Track00001" / "annotation.json"
    other = claimed or _stems(out)["S00"].choice.encode()
    file.write_bytes(file.read_bytes().replace(b'"choice":"Broken"', b'"choice":"%s"' % other))
    reseal(forged, DatasetRecord.model_validate_json((forged / "dataset.json").read_bytes()).plan)
    assert {finding.code for finding in verify_dataset(forged, processes=1).findings} == {Code.PATCH_DIFFERS}


def test_a_plan_without_a_map_is_told_that_there_are_no_other_patches(folder: Path) -> None:
    plan = folder / "no-map.yaml"
    plan.write_text("source: midi\non_failed_stem: other_patch\n", encoding="utf-8")
    done = farm("run", plan, "--out", folder / "none")
    assert done.returncode == 2
    assert "on_failed_stem: other_patch needs instruments.map" in done.stderr
    assert not (folder / "none").exists()
