"""Tracks move between splits whole, back again, and survive whatever kills the move."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from farm.dataset.folder import farm_folder, locked
from farm.dataset.places import where_they_lie
from farm.dataset.records import read_dataset, read_manifest, read_shelf
from farm.dataset.splits import finish, original_places, resplit, split_file, undo
from schemas.dataset import RESPLIT
from schemas.errors import DatasetError, OutputError
from schemas.plan import OutputPlan
from tests.support.datasets import PLAN, make_dataset
from tests.support.farms import published
from workers.verifying.dataset import verify_dataset

TRACKS = [f"Track{number:05d}" for number in range(1, 5)]
THREE = dict(zip(TRACKS, ("train", "train", "validation", "test"), strict=True))
OTHER = dict(zip(TRACKS, ("test", "train", "omitted", None), strict=True))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished dataset without splits."""
    return make_dataset(tmp_path_factory.mktemp("made"), tracks=4)


@pytest.fixture
def dataset(made: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return shutil.copytree(made, tmp_path / "dataset")


def _audio(folder: Path) -> dict[str, str]:
    """Every file by track and name, wherever the track lies."""
    files = [path for path in folder.rglob("Track*/**/*") if path.is_file()]
    return {
        path.as_posix()[path.as_posix().index("Track") :]: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_tracks_go_into_the_folders_of_their_splits_and_the_records_say_so(dataset: Path, made: Path) -> None:
    done = resplit(dataset, THREE)
    assert (done.moved, done.tracks) == (4, {"test": 1, "train": 2, "validation": 1})
    assert {split: sorted(path.name for path in (dataset / split).iterdir()) for split in done.tracks} == {
        "train": TRACKS[:2], "validation": [TRACKS[2]], "test": [TRACKS[3]],
    }  # fmt: skip
    assert {track.track: track.split for track in read_manifest(dataset)} == THREE
    record = read_dataset(dataset).splits
    assert record is not None
    assert (record.tracks, record.leak_free) == ({"test": 1, "train": 2, "validation": 1}, True)
    assert _audio(dataset) == _audio(made)


def test_it_verifies_before_and_after_and_after_it_was_taken_back(dataset: Path) -> None:
    for step in (lambda: None, lambda: resplit(dataset, THREE), lambda: resplit(dataset, OTHER), lambda: undo(dataset)):
        step()
        report = verify_dataset(dataset, fast=True, processes=1)
        assert report.ok, report.findings


def test_the_second_time_nothing_is_done(dataset: Path) -> None:
    resplit(dataset, THREE)
    before = published(dataset)
    assert resplit(dataset, THREE).moved == 0
    assert published(dataset) == before
    undo(dataset)
    assert read_shelf(dataset).places == dict.fromkeys(TRACKS)


def test_undo_takes_back_one_change_after_the_other_to_the_very_bytes(dataset: Path) -> None:
    states = [published(dataset)]
    for targets in (THREE, OTHER, {"Track00002": "dev"}):
        resplit(dataset, targets)
        states.append(published(dataset))
    for state in reversed(states[:-1]):
        assert undo(dataset).moved > 0
        # The first records were written by another hand: what they hold is compared, not their spaces.
        assert {key: value for key, value in published(dataset).items() if key != "dataset.json"} == {
            key: value for key, value in state.items() if key != "dataset.json"
        }
    assert undo(dataset).moved == 0
    assert read_dataset(dataset).splits is None


def test_in_the_layout_musicgen_each_song_says_in_which_split_it_is(tmp_path: Path) -> None:
    output = OutputPlan(rate_hz=16000, channels=1, layout="musicgen")
    dataset = make_dataset(tmp_path, tracks=2, plan=PLAN.model_copy(update={"output": output}))
    before, first = published(dataset), read_manifest(dataset)
    resplit(dataset, {"Track00001": "train", "Track00002": "omitted"})
    assert where_they_lie(dataset, first) == read_manifest(dataset), "as a run writes it that goes on"
    said = {track: json.loads((dataset / place / track / "sample.json").read_text())["split"]
            for track, place in (("Track00001", "train"), ("Track00002", "omitted"))}  # fmt: skip
    assert said == {"Track00001": "train", "Track00002": "omitted"}
    assert verify_dataset(dataset, fast=True, processes=1).findings == []
    undo(dataset)
    assert verify_dataset(dataset, fast=True, processes=1).findings == []
    after = published(dataset)
    assert {file: data for file, data in after.items() if file != "dataset.json"} == {
        file: data for file, data in before.items() if file != "dataset.json"
    }


def test_a_sample_json_that_is_none_is_named_and_the_move_can_go_on(tmp_path: Path) -> None:
    output = OutputPlan(rate_hz=16000, channels=1, layout="musicgen")
    dataset = make_dataset(tmp_path, plan=PLAN.model_copy(update={"output": output}))
    sample = dataset / "Track00001" / "sample.json"
    text = sample.read_text()
    sample.write_text("[1]")
    with pytest.raises(DatasetError, match=r"sample\.json is damaged"):
        resplit(dataset, {"Track00001": "train"})
    (dataset / "train" / "Track00001" / "sample.json").write_text(text)
    assert finish(dataset).tracks == {"train": 1}
    assert verify_dataset(dataset, fast=True, processes=1).findings == []


def test_tracks_that_are_not_named_stay_and_empty_folders_go(dataset: Path) -> None:
    resplit(dataset, THREE)
    resplit(dataset, {"Track00003": "train", "Track09999": "test"})
    assert not (dataset / "validation").exists()
    assert read_shelf(dataset).places == {**THREE, "Track00003": "train"}


def test_a_file_of_a_person_keeps_its_folder(dataset: Path) -> None:
    resplit(dataset, THREE)
    (dataset / "test" / "notes.txt").write_text("mine")
    undo(dataset)
    assert (dataset / "test" / "notes.txt").read_text() == "mine"
    assert verify_dataset(dataset, fast=True, processes=1).ok


def test_a_song_with_versions_in_two_splits_is_said_to_leak(dataset: Path) -> None:
    lines = [json.loads(line) for line in (dataset / "manifest.jsonl").read_text().splitlines()]
    for line in lines[:2]:
        line["cluster"] = "same"
    (dataset / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for targets, is_whole in ((THREE, True), (OTHER, False), ({**OTHER, "Track00001": "omitted"}, True)):
        resplit(dataset, targets)
        record = read_dataset(dataset).splits
        assert record is not None
        assert record.leak_free is is_whole


def test_a_false_claim_about_splits_does_not_verify(dataset: Path) -> None:
    resplit(dataset, THREE)
    text = (dataset / "dataset.json").read_text()
    (dataset / "dataset.json").write_text(text.replace('"leak_free": true', '"leak_free": false'))
    assert [finding.code for finding in verify_dataset(dataset, fast=True, processes=1).findings] == ["splits_wrong"]


def test_a_track_in_the_wrong_split_does_not_verify(dataset: Path) -> None:
    resplit(dataset, THREE)
    (dataset / "test" / "Track00004").rename(dataset / "train" / "Track00004")
    found = {
        (finding.code.value, finding.track) for finding in verify_dataset(dataset, fast=True, processes=1).findings
    }
    assert found == {("track_missing", "test/Track00004"), ("track_extra", "train/Track00004")}


KILLED = """
import sys
from pathlib import Path
from farm.dataset.splits import finish, resplit, undo
from tests.support.farms import published
from tests.support.killing import killed_at_every_step
from tests.unit.farm.dataset.test_splits import OTHER

folder, scratch = Path(sys.argv[1]), Path(sys.argv[2])
work, end = {
    "finished": (lambda copy: resplit(copy, OTHER), finish),
    "taken back": (lambda copy: resplit(copy, OTHER), undo),
    "undo finished": (undo, finish),
}[sys.argv[3]]
seen = set()

def check(copy):
    was_broken = (copy / ".farm/resplit/journal.json").exists()
    end(copy)
    assert not (copy / ".farm/resplit/journal.json").exists()
    seen.add((was_broken, tuple(sorted(published(copy).items()))))

steps = killed_at_every_step(folder, scratch, work, check)
print(steps, len({state for _, state in seen}), len({state for broken, state in seen if broken}))
"""


@pytest.mark.parametrize("case", ["finished", "taken back", "undo finished"])
def test_killed_at_any_moment_it_is_finished_or_taken_back_by_the_next_call(
    dataset: Path, tmp_path: Path, case: str
) -> None:
    for path in dataset.rglob("*.flac"):
        path.write_bytes(b"")  # quicker to copy
    resplit(dataset, THREE)
    command = [sys.executable, "-P", "-c", KILLED, str(dataset), str(tmp_path), case]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[4])
    assert done.returncode == 0, done.stderr
    steps, states, after_journal = map(int, done.stdout.split())
    assert steps > 10
    # Before the journal is there, nothing has happened; once it is, the end is one and the same.
    assert states <= 2
    assert after_journal == 1


def test_while_a_change_is_broken_off_others_say_so(dataset: Path) -> None:
    change = {"number": 1, "moves": [{"track": "Track00001", "source": None, "target": "train"}]}
    (dataset / RESPLIT).mkdir(parents=True)
    (dataset / RESPLIT / "journal.json").write_text(json.dumps(change))
    with pytest.raises(DatasetError, match="--undo"):
        read_shelf(dataset)
    assert finish(dataset).resumed == 1
    assert read_shelf(dataset).places["Track00001"] == "train"


def test_a_track_that_is_in_both_places_is_named_and_nothing_is_moved(dataset: Path) -> None:
    (dataset / "train" / "Track00002").mkdir(parents=True)
    with pytest.raises(DatasetError, match="Track00002 is both at Track00002 and at train/Track00002"):
        resplit(dataset, THREE)
    assert (dataset / "Track00001").is_dir()
    assert not (dataset / RESPLIT / "journal.json").exists()


def test_a_dataset_that_is_still_made_or_none_at_all_is_refused(dataset: Path, tmp_path: Path) -> None:
    (farm_folder(dataset) / "plan.json").parent.mkdir(exist_ok=True)
    (farm_folder(dataset) / "plan.json").write_text("{}")
    (dataset / "dataset.json").unlink()
    with pytest.raises(DatasetError, match="not finished"):
        resplit(dataset, THREE)
    with pytest.raises(DatasetError, match="no folder"):
        resplit(tmp_path / "gone", THREE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="is no dataset"):
        resplit(tmp_path / "empty", THREE)
    assert list((tmp_path / "empty").iterdir()) == []


def test_while_another_command_works_on_it_nothing_is_moved(dataset: Path) -> None:
    resplit(dataset, THREE)
    with locked(dataset), pytest.raises(OutputError, match="another command"):
        undo(dataset)


class TestSlakhsOwnFolder:
    """A copy of Slakh2100, which has no records of the farm."""

    @pytest.fixture
    def slakh(self, tmp_path: Path) -> Path:
        for split, number in (("train", 1), ("train", 49), ("validation", 1501), ("test", 1876)):
            track = tmp_path / "slakh" / split / f"Track{number:05d}"
            track.mkdir(parents=True)
            (track / "metadata.yaml").write_text(f"UUID: {number:032x}\nstems: {{}}\n")
        return tmp_path / "slakh"

    def test_it_is_split_anew_and_back(self, slakh: Path) -> None:
        before = read_shelf(slakh).places
        resplit(slakh, {"Track00049": "omitted", "Track01501": "test"})
        assert read_shelf(slakh).places == {**before, "Track00049": "omitted", "Track01501": "test"}
        assert (slakh / "omitted" / "Track00049" / "metadata.yaml").is_file()
        undo(slakh)
        assert read_shelf(slakh).places == before
        assert sorted(path.name for path in slakh.iterdir()) == [".farm", "test", "train", "validation"]

    def test_what_is_written_leads_there_from_anywhere(self, slakh: Path) -> None:
        first = read_shelf(slakh).places
        resplit(slakh, {"Track00049": "omitted", "Track01501": "test"})
        written, now = split_file(read_shelf(slakh)), read_shelf(slakh).places
        assert written.destinations() == now
        assert original_places(read_shelf(slakh)) == first
        undo(slakh)
        resplit(slakh, written.destinations())
        assert read_shelf(slakh).places == now
