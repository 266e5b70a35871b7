"""`farm score`, `farm filter`, `farm clean` and `farm eval` as a person calls them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from farm.cli import trials
from farm.dataset.records import read_manifest
from schemas.evaluation import EvalAnswer, EvalOrder, Interval, ReliabilityReport, ValidityReport
from tests.support.datasets import make_dataset
from tests.support.farms import published
from tests.unit.farm.cli.conftest import Call


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("made"), tracks=2)


@pytest.fixture
def dataset(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "dataset")


def test_a_dataset_is_scored_searched_counted_and_filtered(dataset: Path, call: Call) -> None:
    first = call("score", dataset, "--jobs", "1", "--json")
    assert (first.code, first.json["reworked"]) == (0, 2)
    scores = first.json["scores"]
    again = call("score", dataset, "--jobs", "1")
    assert "0 tracks scored, 2 had their score" in again.out
    found = call("find", dataset, "score>=0", "--songs", "--fields", "track,score", "--json").json
    assert {song["track"]: song["score"] for song in found} == scores
    stats = call("stats", dataset, "--json").json
    assert stats["spreads"]["score of the mix, percent"]["most"] == pytest.approx(100 * max(scores.values()))
    page = call("stats", dataset, "--format", "html")
    assert page.out.startswith("<!DOCTYPE html>")
    assert "score of the mix" in page.out
    above = max(scores.values()) + 1e-4
    dry = call("filter", dataset, "--min-score", str(above), "--dry-run", "--json").json
    assert (len(dry["moved"]), dry["dry_run"]) == (2, True)
    assert len(read_manifest(dataset)) == 2
    moved = call("filter", dataset, "--min-score", str(above))
    assert f"2 tracks moved to {dataset}-rejected, 0 in the dataset" in moved.out
    assert "2 tracks moved back" in call("filter", dataset, "--undo").out
    assert len(read_manifest(dataset)) == 2


def test_audio_files_are_scored_and_nothing_is_written(dataset: Path, call: Call) -> None:
    before = published(dataset)
    mixes = [dataset / f"Track0000{number}" / "mix.flac" for number in (1, 2)]
    told = call("score", *mixes, "--json").json
    assert told["scores"].keys() == told["parts"].keys() == {str(mix) for mix in mixes}
    lines = call("score", mixes[0])
    assert f"{mixes[0]}: {told['scores'][str(mixes[0])]:.2f} (tempo " in lines.out
    assert published(dataset) == before
    some = call("score", mixes[0], dataset / "manifest.jsonl")
    assert some.code == 3
    assert "manifest.jsonl cannot be read" in some.out


def test_a_filter_without_scores_says_what_to_do(dataset: Path, call: Call) -> None:
    refused = call("filter", dataset, "--min-score", "0.5")
    assert refused.code == 1
    assert f"`farm score {dataset}` gives them" in refused.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "needs --min-score"),
        (["--min-score", "0.5", "--undo"], "--undo alone"),
        (["--undo", "--dry-run"], "--undo excludes"),
        (["--min-score", "2"], "less than or equal to 1"),
    ],
)
def test_options_of_the_filter_that_make_no_sense(options: list[str], words: str, dataset: Path, call: Call) -> None:
    refused = call("filter", dataset, *options)
    assert refused.code == 2
    assert words in refused.err


def test_a_folder_that_is_not_there_has_no_scores(tmp_path: Path, call: Call) -> None:
    assert call("score", tmp_path / "nowhere").code == 2
    assert "there is no folder" in call("filter", tmp_path / "nowhere", "--min-score", "0.5").err
    assert "there is no folder" in call("eval", "validity", tmp_path / "nowhere").err


def test_clean_wants_to_be_told_what_and_where(tmp_path: Path, call: Call) -> None:
    assert "--failed" in call("clean", tmp_path).err
    refused = call("clean", tmp_path, "--failed")
    assert refused.code == 2
    assert "neither a submission's number nor the folder of a local run" in refused.err


def _interval(value: float) -> Interval:
    return Interval(value=value, low=value, high=value)


def _validity(value: float) -> ValidityReport:
    return ValidityReport(
        songs=2, seconds=1.0, good_mean=0.9, good_deviation=0.1, good_least=0.8, good_rejected_share=0.0, faults=[],
        eight=_interval(value), ten=_interval(value), void_most=0.0, passed=value >= 0.97,
    )  # fmt: skip


@pytest.mark.parametrize(("value", "code"), [(0.98, 0), (0.9, 1)])
def test_the_trial_fails_by_its_exit_code(value: float, code: int, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    orders: list[EvalOrder] = []

    def answer(order: EvalOrder, progress: object) -> EvalAnswer:
        orders.append(order)
        return EvalAnswer(validity=_validity(value))

    monkeypatch.setattr(trials, "evaluate", answer)
    assert call("eval", "validity", "--songs", "3", "--genre", "jazz", "--json").code == code
    said = call("eval", "validity", "--songs", "3", "--seed", "5")
    assert ("the score is valid" in said.out) == (code == 0)
    one, all_ = (order.plan for order in orders)
    assert one is not None
    assert all_ is not None
    assert one.compose is not None
    assert all_.compose is not None
    assert len(one.compose.genres) == 1
    assert len(all_.compose.genres) > 5
    assert (orders[0].midi, len(orders[1].midi), orders[1].seed) == ([], 4, 5)


def test_reliability_says_how_far_each_way_moves_a_score(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    report = ReliabilityReport(
        songs=2, repeats=3, deviation=0.0, render_deviation=0.2, by_way={"quieter": 0.01}, genres=[], passed=False
    )
    monkeypatch.setattr(trials, "evaluate", lambda order, progress: EvalAnswer(reliability=report))
    said = call("eval", "reliability")
    assert said.code == 1
    assert "quieter 0.010" in said.out
    assert "NOT reliable" in said.out


def test_a_dataset_has_no_genres_to_choose(dataset: Path, call: Call) -> None:
    assert "--genre is for songs that are composed" in call("eval", "validity", dataset, "--genre", "jazz").err
