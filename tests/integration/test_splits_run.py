"""`farm run` into splits, and what later commands make of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.farms import copy_demo, farm, farm_json, published


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan with splits, three demo songs, and what was made of them."""
    folder = tmp_path_factory.mktemp("splits")
    (folder / "midi").mkdir()
    copy_demo(folder / "midi", 3, seconds=12)
    (folder / "plan.yaml").write_text(
        "source: midi\nsplits:\n  ratios: {train: 2, test: 1}\noutput: {rate_hz: 16000, channels: 1}\n"
    )
    report = farm_json("run", folder / "plan.yaml", "--out", folder / "out", "--slots", 2)
    assert report["songs"]["published"] == 3
    return folder


def test_songs_are_published_into_the_folders_of_their_splits(folder: Path) -> None:
    places = sorted(
        path.parent.relative_to(folder / "out").as_posix() for path in folder.glob("out/*/Track*/annotation.json")
    )
    assert [place.split("/")[0] for place in places] == ["test", "train", "train"]
    record = json.loads((folder / "out" / "dataset.json").read_text())
    assert record["splits"] == {"leak_free": True, "tracks": {"test": 1, "train": 2}}
    assert farm("verify", folder / "out").returncode == 0


def test_split_anew_and_taken_back_it_verifies_and_is_the_same_to_the_byte(folder: Path) -> None:
    before = published(folder / "out")
    done = farm_json("resplit", folder / "out", "--ratios", "train=1,validation=1,test=1")
    assert done["moved"] > 0
    assert done["tracks"] == {"test": 1, "train": 1, "validation": 1}
    assert farm("verify", folder / "out").returncode == 0
    assert farm_json("resplit", folder / "out", "--undo")["moved"] == done["moved"]
    assert published(folder / "out") == before


def test_a_run_again_leaves_the_tracks_where_they_were_moved_to(folder: Path) -> None:
    farm_json("resplit", folder / "out", "--ratios", "dev=1")
    moved = published(folder / "out")
    report = farm_json("run", folder / "plan.yaml", "--out", folder / "out")
    assert report["did_anything"] is False
    assert published(folder / "out") == moved
    # The ledger is lost, and with it the record: songs are recognised where they lie, and none is made again.
    for name in (".farm/ledger.sqlite", "dataset.json", "manifest.jsonl"):
        (folder / "out" / name).unlink()
    report = farm_json("run", folder / "plan.yaml", "--out", folder / "out", "--slots", 1)
    assert report["songs"]["published"] == 3
    assert report["stems"] == 0
    assert published(folder / "out") == moved
    farm_json("resplit", folder / "out", "--undo")


def test_what_a_split_file_omits_is_a_named_rejection(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "splits.json").write_text(
        json.dumps({"greensleeves": "validation", **dict.fromkeys(("blue_danube", "korobeiniki", "saints"), "omitted")})
    )
    (tmp_path / "plan.yaml").write_text(
        f"source: {folder / 'midi'}\nsplits: {{file: splits.json}}\noutput: {{rate_hz: 16000, channels: 1}}\n"
    )
    report = farm_json("run", tmp_path / "plan.yaml", "--out", tmp_path / "out", "--slots", 2)
    assert report["rejected"] == {"omitted": 2}
    assert [path.parent.name for path in tmp_path.glob("out/*/Track*")] == ["validation"]
