"""Scores that are written into a finished dataset."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from schemas.convert import ScoreOrder
from schemas.errors import DatasetError
from tests.support.datasets import make_dataset, read_annotation, read_records
from workers.reworking import score as scoring
from workers.reworking.score import score_dataset
from workers.verifying.dataset import verify_dataset


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("made"), tracks=2)


@pytest.fixture
def dataset(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "dataset")


def _ignore(done: int, tracks: int) -> None:
    """Show nothing."""


def _order(dataset: Path, *, force: bool = False) -> ScoreOrder:
    return ScoreOrder(folder=str(dataset), force=force)


def test_every_track_gets_a_score_and_the_dataset_stays_true(dataset: Path) -> None:
    report = score_dataset(_order(dataset), _ignore)
    assert (report.tracks, report.reworked, report.failed) == (2, 2, [])
    for record in read_records(dataset):
        song = read_annotation(dataset, record.track)
        assert song.score is not None
        assert song.score.labels is not None
        assert record.score == song.score.score == report.scores[record.track]
    assert verify_dataset(dataset, fast=True, processes=1).findings == []


def test_what_has_a_score_is_left_alone_unless_it_is_forced(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    score_dataset(_order(dataset), _ignore)
    before = (dataset / "manifest.jsonl").read_bytes()
    assert score_dataset(_order(dataset), _ignore).reworked == 0
    assert score_dataset(_order(dataset, force=True), _ignore).reworked == 2
    assert (dataset / "manifest.jsonl").read_bytes() == before
    monkeypatch.setattr(scoring, "SCORE_VERSION", 1000)
    assert score_dataset(_order(dataset), _ignore).reworked == 2


def test_killed_before_the_manifest_was_written_it_goes_on(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(scoring, "write_manifest", stop)
        with pytest.raises(KeyboardInterrupt):
            score_dataset(_order(dataset), _ignore)
    assert read_annotation(dataset).score is not None
    assert read_records(dataset)[0].score is None
    assert len(score_dataset(_order(dataset), _ignore).scores) == 2
    assert verify_dataset(dataset, fast=True, processes=1).findings == []


def test_a_score_that_is_made_up_is_found_out(dataset: Path) -> None:
    score_dataset(_order(dataset), _ignore)
    path = dataset / "Track00001" / "annotation.json"
    song = json.loads(path.read_text())
    song["score"]["score"] = 1.0
    path.write_text(json.dumps(song))
    assert verify_dataset(dataset, fast=True, processes=1).findings != []


def test_a_track_whose_audio_is_damaged_fails_alone(dataset: Path) -> None:
    (dataset / "Track00001" / "mix.flac").write_bytes(b"no audio")
    report = score_dataset(_order(dataset), _ignore)
    assert [note.track for note in report.failed] == ["Track00001"]
    assert list(report.scores) == ["Track00002"]


def test_a_folder_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Track00001" / "stems").mkdir(parents=True)
    with pytest.raises(DatasetError, match="no dataset of the farm"):
        score_dataset(_order(tmp_path), _ignore)
