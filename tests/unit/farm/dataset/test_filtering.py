"""Tracks that are moved out of a dataset for their scores, and back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from farm.dataset import filtering, splits
from farm.dataset.filtering import default_folder, filter_tracks, moved_out, undo
from farm.dataset.records import read_dataset, read_manifest, read_shelf
from schemas.base import canonical_json
from schemas.dataset import FILTER, DatasetRecord
from schemas.errors import DatasetError, NoDatasetError, OutputError
from tests.support.datasets import make_dataset
from workers.verifying.dataset import verify_dataset

SCORES = {"Track00001": 0.9, "Track00002": 0.3, "Track00003": 0.7, "Track00004": 0.5}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dataset = make_dataset(tmp_path_factory.mktemp("made"), tracks=4)
    splits.resplit(dataset, {"Track00001": "train", "Track00002": "test", "Track00003": "train", "Track00004": "train"})
    records = [track.model_copy(update={"score": SCORES[track.track]}) for track in read_manifest(dataset)]
    (dataset / "manifest.jsonl").write_text("".join(canonical_json(record) + "\n" for record in records))
    return dataset


@pytest.fixture
def dataset(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "dataset")


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".farm" not in path.parts
    }


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def test_low_scores_go_and_everything_else_stays_true(dataset: Path) -> None:
    done = filter_tracks(dataset, 0.6, None)
    assert sorted(done.moved) == ["Track00002", "Track00004"]
    assert done.kept == 2
    record: DatasetRecord = read_dataset(dataset)
    assert (record.tracks, record.splits and record.splits.tracks) == (2, {"train": 2})
    assert record.duration_s == pytest.approx(sum(track.duration_s for track in read_manifest(dataset)))
    assert {item.detail for item in record.rejected} == {
        "Track00002 scores 0.3000, less than 0.6", "Track00004 scores 0.5000, less than 0.6"
    }  # fmt: skip
    assert not (dataset / "test").exists()
    assert verify_dataset(dataset, fast=True, processes=1).findings == []


def test_what_was_moved_out_is_whole_and_listed(dataset: Path) -> None:
    before = _files(dataset)
    filter_tracks(dataset, 0.6, None)
    after = _files(default_folder(dataset))
    lines = [json.loads(line) for line in after.pop("manifest.jsonl").splitlines()]
    assert [line["track"] for line in lines] == ["Track00002", "Track00004"]
    assert after == {path: data for path, data in before.items() if "Track00002/" in path or "Track00004/" in path}


def test_undo_gives_back_every_byte(dataset: Path) -> None:
    before = _files(dataset)
    filter_tracks(dataset, 0.4, None)
    filter_tracks(dataset, 0.8, None)
    assert len(read_manifest(dataset)) == 1
    assert undo(dataset).kept == 3
    assert undo(dataset).kept == 4
    assert _files(dataset) == before
    assert not default_folder(dataset).exists()
    assert undo(dataset).moved == []


def test_a_dry_run_moves_nothing(dataset: Path) -> None:
    before = _files(dataset)
    assert sorted(filter_tracks(dataset, 0.6, None, dry_run=True).moved) == ["Track00002", "Track00004"]
    assert _files(dataset) == before


def test_the_threshold_itself_stays(dataset: Path) -> None:
    assert filter_tracks(dataset, 0.3, None).moved == []
    assert filter_tracks(dataset, 0.3001, None).moved == ["Track00002"]


@pytest.mark.parametrize("step", ["_rewrite", "_list_rejected"])
@pytest.mark.parametrize("back", [False, True])
def test_what_was_broken_off_is_finished_or_taken_back(
    dataset: Path, step: str, back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _files(dataset)
    with monkeypatch.context() as patch:
        patch.setattr(filtering, step, _stop)
        with pytest.raises(KeyboardInterrupt):
            filter_tracks(dataset, 0.6, None)
    with pytest.raises(DatasetError, match="moved out of it"):
        read_shelf(dataset)
    if back:
        undo(dataset)
        assert _files(dataset) == before
    else:
        assert filter_tracks(dataset, 0.0, None).resumed == 2
        assert len(read_manifest(dataset)) == 2
    assert verify_dataset(dataset, fast=True, processes=1).findings == []


def test_the_ledger_is_told_what_was_moved_out(dataset: Path) -> None:
    assert moved_out(dataset) == {}
    filter_tracks(dataset, 0.6, None)
    assert {track: item.reason for track, item in moved_out(dataset).items()} == {
        "Track00002": "low_score", "Track00004": "low_score"
    }  # fmt: skip


def test_indexes_that_name_what_is_gone_are_removed(dataset: Path) -> None:
    index = dataset / "slakh_index_baby.json"
    index.write_text(json.dumps({"multitracks": {"Track00002": {"mix": ["dataset/test/Track00002/mix.flac", "0"]}}}))
    assert filter_tracks(dataset, 0.4, None).removed_indexes == [index.name]


class TestRefusals:
    def test_tracks_without_a_score(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match=r"1 track of .* have no score, Track00001 first"):
            filter_tracks(make_dataset(tmp_path), 0.6, None)

    def test_a_folder_inside_the_dataset(self, dataset: Path) -> None:
        with pytest.raises(OutputError, match="lie in each other"):
            filter_tracks(dataset, 0.6, dataset / "rejected")

    def test_a_folder_that_is_no_dataset(self, tmp_path: Path) -> None:
        with pytest.raises(NoDatasetError):
            filter_tracks(tmp_path, 0.6, None)

    def test_a_track_that_is_in_both_places(self, dataset: Path) -> None:
        shutil.copytree(dataset / "test" / "Track00002", default_folder(dataset) / "test" / "Track00002")
        with pytest.raises(DatasetError, match="Track00002 is both at"):
            filter_tracks(dataset, 0.6, None)
        assert not (dataset / FILTER / "journal.json").exists()
        assert len(read_manifest(dataset)) == 4
