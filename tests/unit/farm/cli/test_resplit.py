"""`farm resplit` as a person calls it, on datasets of the farm and on a folder of Slakh2100's shape."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from farm.dataset.records import read_shelf
from schemas.splits import slakh_split
from tests.support.datasets import make_dataset
from tests.unit.farm.cli.conftest import Call

RATIOS = "train=0.5,validation=0.25,test=0.25"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("made"), tracks=4)


@pytest.fixture
def dataset(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "dataset")


def _cluster(dataset: Path, *names: str) -> None:
    """Make tracks versions of one song."""
    lines = [json.loads(line) for line in (dataset / "manifest.jsonl").read_text().splitlines()]
    for line in lines:
        line["cluster"] = "same" if line["track"] in names else ""
    (dataset / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


class TestRatios:
    def test_tracks_are_shared_out_and_the_second_call_does_nothing(self, dataset: Path, call: Call) -> None:
        first = call("resplit", dataset, "--ratios", RATIOS, "--json")
        assert first.code == 0
        assert first.json["tracks"] == {"train": 2, "validation": 1, "test": 1}
        second = call("resplit", dataset, "--ratios", RATIOS)
        assert second.code == 0
        assert "every track is where it is to be" in second.out
        assert "train: 2 tracks" in second.out

    def test_versions_of_a_song_stay_together_unless_songs_are_asked_for(self, dataset: Path, call: Call) -> None:
        _cluster(dataset, "Track00001", "Track00003", "Track00004")
        assert call("resplit", dataset, "--ratios", "train=3,test=1").code == 0
        places = read_shelf(dataset).places
        assert len({places[name] for name in ("Track00001", "Track00003", "Track00004")}) == 1
        call("resplit", dataset, "--ratios", "train=2,test=2", "--by", "song")
        assert Counter(read_shelf(dataset).places.values()) == {"train": 2, "test": 2}

    def test_another_seed_makes_other_splits(self, dataset: Path, call: Call) -> None:
        found = set()
        for seed in range(6):
            call("resplit", dataset, "--ratios", RATIOS, "--seed", seed)
            found.add(tuple(read_shelf(dataset).places.items()))
        assert len(found) > 1

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("train", "no name and number"),
            ("train=many", "no name and number"),
            ("train=0", "above 0"),
            ("train=-1,test=2", "above 0"),
            ("Train=1", "should match pattern"),
            ("omitted=1", "cannot be called `omitted`"),
        ],
    )
    def test_what_is_no_share_is_refused(self, dataset: Path, call: Call, text: str, message: str) -> None:
        answer = call("resplit", dataset, "--ratios", text)
        assert answer.code == 2
        assert message in answer.err
        assert "train=0.8" in answer.err


@pytest.mark.parametrize("change", [["--ratios", RATIOS], ["--undo"]])
def test_an_index_that_names_the_old_places_is_removed_and_said(dataset: Path, call: Call, change: list[str]) -> None:
    if change == ["--undo"]:
        call("resplit", dataset, "--ratios", RATIOS)
    assert call("index", "mirdata", dataset).code == 0
    answer = call("resplit", dataset, *change)
    assert "slakh_index_baby.json, which named the old places" in answer.out
    assert f"`farm index mirdata {dataset}` writes it anew" in answer.out
    assert not list(dataset.glob("slakh_index_*"))
    assert "slakh_index" not in call("resplit", dataset, *change).out


def test_an_index_whose_places_are_true_stays_and_a_broken_one_goes(dataset: Path, call: Call) -> None:
    call("index", "mirdata", dataset)
    index = dataset / "slakh_index_baby.json"
    assert call("resplit", dataset, "--json").json["removed_indexes"] == []
    assert index.is_file()
    index.write_text("{}")
    assert call("resplit", dataset, "--json").json["removed_indexes"] == [index.name]


def test_shares_that_do_not_sum_to_one_are_divided_and_said(dataset: Path, call: Call) -> None:
    answer = call("resplit", dataset, "--ratios", "train=0.8,test=0.4", "--json")
    assert answer.code == 0
    assert "the shares sum to 1.2, not to 1, and are divided by that: train 0.6667, test 0.3333" in answer.err
    assert answer.json["tracks"] == {"test": 1, "train": 3}
    assert call("resplit", dataset, "--ratios", "train=0.7,validation=0.2,test=0.1").err == ""
    assert call("resplit", dataset, "--ratios", "train=3,test=1").err == "", "nobody takes these for shares of 1"


class TestUndo:
    def test_it_takes_back_and_says_so(self, dataset: Path, call: Call) -> None:
        call("resplit", dataset, "--ratios", RATIOS)
        assert "4 tracks moved back" in call("resplit", dataset, "--undo").out
        assert "nothing to take back" in call("resplit", dataset, "--undo").out
        assert set(read_shelf(dataset).places.values()) == {None}

    def test_what_was_broken_off_is_finished_and_said(self, dataset: Path, call: Call) -> None:
        journal = dataset / ".farm" / "resplit" / "journal.json"
        journal.parent.mkdir(parents=True)
        moves = [{"track": "Track00001", "source": None, "target": "train"}]
        journal.write_text(json.dumps({"number": 1, "moves": moves}))
        for command in (("verify", "--fast"), ("stats",), ("find",)):
            answer = call(command[0], dataset, *command[1:])
            assert answer.code == 1
            assert f"farm resplit {dataset}" in answer.err
        answer = call("resplit", dataset)
        assert "a change of 1 track had been broken off; it is finished" in answer.out
        assert (dataset / "train" / "Track00001").is_dir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ratios", RATIOS, "--undo"], "exclude one another"),
        (["--ratios", RATIOS, "--by", "author"], "`cluster` or `song`"),
        (["--file", "gone.json"], "cannot read the split file gone.json"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(
    dataset: Path, call: Call, arguments: list[str], message: str
) -> None:
    answer = call("resplit", dataset, *arguments, "--json")
    assert answer.code == 2
    assert message in answer.json["error"]
    assert set(read_shelf(dataset).places.values()) == {None}


def test_a_file_that_names_no_track_of_the_dataset_is_refused(dataset: Path, call: Call, tmp_path: Path) -> None:
    (tmp_path / "splits.json").write_text(json.dumps({"Track00900": "test"}))
    answer = call("resplit", dataset, "--file", tmp_path / "splits.json")
    assert (answer.code, "names no track" in answer.err) == (2, True)


def test_a_folder_that_is_no_dataset_is_refused(tmp_path: Path, call: Call) -> None:
    answer = call("resplit", tmp_path, "--ratios", RATIOS)
    assert answer.code == 2
    assert "is no dataset" in answer.err


@pytest.fixture(scope="module")
def groups() -> list[list[str]]:
    """Made-up groups of tracks with the same MIDI, two and three at a time, in all splits."""
    names = [f"Track{number:05d}" for number in range(1, 2101)]
    random.Random(4).shuffle(names)
    return [names[start : start + 2 + start % 2] for start in range(0, 600, 3)]


@pytest.fixture(scope="module")
def slakh(tmp_path_factory: pytest.TempPathFactory, groups: list[list[str]]) -> Path:
    folder = tmp_path_factory.mktemp("slakh")
    uuid = {name: index for index, group in enumerate(groups) for name in group}
    for number in range(1, 2101):
        name = f"Track{number:05d}"
        track = folder / str(slakh_split(name)) / name
        track.mkdir(parents=True)
        (track / "metadata.yaml").write_text(f"UUID: {uuid.get(name, 10_000 + number):032x}\n")
    return folder


def _file(path: Path, entries: dict[str, Any]) -> Path:
    """Write a file as Slakh's are: a track that stays has no split beside it."""
    whole: dict[str, Any] = {f"Track{number:05d}": {"action": None} for number in range(1, 2101)}
    path.write_text(json.dumps({**whole, **entries}, indent=4))
    return path


@pytest.fixture(scope="module")
def split2(tmp_path_factory: pytest.TempPathFactory, groups: list[list[str]]) -> Path:
    """Every group in the split of its first track."""
    entries = {
        name: {"action": "move", "source_split": slakh_split(name), "destination_split": slakh_split(group[0])}
        for group in groups
        for name in group[1:]
        if slakh_split(name) != slakh_split(group[0])
    }
    return _file(tmp_path_factory.mktemp("files") / "splits_v2.json", entries)


@pytest.fixture(scope="module")
def redux(tmp_path_factory: pytest.TempPathFactory, groups: list[list[str]]) -> Path:
    """Only the first track of each group."""
    entries = {name: {"action": "omit", "source_split": slakh_split(name)} for group in groups for name in group[1:]}
    return _file(tmp_path_factory.mktemp("files") / "redux.json", entries)


class TestFormsOfSlakh:
    """`orig`, `split2` and `redux`: made-up duplicates, in files of the form in which Slakh's are."""

    def test_each_form_applies_to_any_other(self, slakh: Path, split2: Path, redux: Path, call: Call) -> None:
        orig = read_shelf(slakh).places
        states = {}
        for name, file in (("split2", split2), ("redux", redux), ("orig", "orig")):
            assert call("resplit", slakh, "--file", file).code == 0
            states[name] = read_shelf(slakh).places
        assert states["orig"] == orig
        assert Counter(states["redux"].values())["omitted"] == 300
        assert "omitted" not in states["split2"].values()
        for before, after in (("redux", "split2"), ("split2", "redux"), ("redux", "redux"), ("orig", "split2")):
            for name in (before, after):
                call("resplit", slakh, "--file", {"split2": split2, "redux": redux}.get(name, "orig"))
            assert read_shelf(slakh).places == states[after]

    def test_no_song_is_in_two_splits_of_split2_redux_and_of_what_ratios_make(
        self, slakh: Path, split2: Path, redux: Path, call: Call, groups: list[list[str]]
    ) -> None:
        def leaking() -> int:
            places = read_shelf(slakh).places
            return sum(len({places[name] for name in group} - {"omitted"}) > 1 for group in groups)

        call("resplit", slakh, "--file", "orig")
        assert leaking() > 50
        for file in (split2, redux):
            call("resplit", slakh, "--file", file)
            assert leaking() == 0
        answer = call("resplit", slakh, "--ratios", "train=1500,validation=375,test=225", "--json")
        assert answer.json["tracks"] == {"train": 1500, "validation": 375, "test": 225}
        assert leaking() == 0

    def test_what_is_written_has_slakhs_form_and_is_read_again(
        self, slakh: Path, redux: Path, call: Call, tmp_path: Path, groups: list[list[str]]
    ) -> None:
        call("resplit", slakh, "--file", "orig")
        assert call("resplit", slakh, "--file", redux, "--write", tmp_path / "mine.json").code == 0
        there = read_shelf(slakh).places
        written = json.loads((tmp_path / "mine.json").read_text())
        alone = min({f"Track{number:05d}" for number in range(1, 1501)} - {name for group in groups for name in group})
        assert written[alone] == {"action": None, "source_split": "train", "destination_split": "train"}
        assert Counter(entry["action"] for entry in written.values()) == {None: 1800, "omit": 300}
        call("resplit", slakh, "--file", "orig")
        call("resplit", slakh, "--file", tmp_path / "mine.json")
        assert read_shelf(slakh).places == there
