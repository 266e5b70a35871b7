"""`farm find` answers from what a dataset says of itself, as a table, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from farm.dataset.catalogue import FIELDS, SONG_FIELDS, STEM_FIELDS, read_catalogue
from farm.dataset.splits import resplit
from tests.support.datasets import make_dataset, read_annotation
from tests.unit.farm.cli.conftest import Call


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("made"), tracks=2)


@pytest.fixture
def dataset(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "dataset")


def test_stems_are_found_by_what_is_true_of_them(dataset: Path, call: Call) -> None:
    answer = call("find", dataset, "program=33 and not class=Drums and duration>5", "--json")
    assert answer.code == 0
    assert [(row["track"], row["stem"], row["class"]) for row in answer.json] == [
        ("Track00001", "S01", "Bass"), ("Track00002", "S01", "Bass"),
    ]  # fmt: skip
    assert call("find", dataset, "program=33 and duration>5000", "--json").json == []


def test_every_fact_is_that_of_the_annotation(dataset: Path, call: Call) -> None:
    song = read_annotation(dataset)
    rows = call("find", dataset, "track=Track00001", "--json").json
    assert len(rows) == len(song.stems)
    for row, stem in zip(rows, song.stems, strict=True):
        assert row.keys() == FIELDS.keys()
        said = {name: row[name] for name in ("stem", "class", "lufs", "gain", "peak", "notes", "low", "high", "drums")}
        assert said == {
            "stem": stem.name, "class": stem.inst_class, "lufs": stem.loudness_lufs, "gain": stem.gain_db,
            "peak": stem.peak_dbfs, "notes": len(stem.notes.pitch), "low": min(stem.notes.pitch),
            "high": max(stem.notes.pitch), "drums": stem.is_drum,
        }  # fmt: skip
        assert row["program"] == (128 if stem.is_drum else stem.program)
        assert (row["duration"], row["mix_lufs"], row["stems"]) == (song.duration_s, song.mix.loudness_lufs, 4)
        assert (row["tempo"], row["meter"], row["key"]) == (song.tempo[0].bpm, ["4/4", "3/4"], ["C major"])
        assert (dataset / row["audio"]).is_file()
        assert (dataset / row["midi"]).is_file()
        assert (dataset / row["mix"]).is_file()


def test_songs_are_found_by_their_stems(dataset: Path, call: Call) -> None:
    rows = call("find", dataset, "any(drums) and no(class=Guitar) and not drums", "--songs", "--json").json
    assert [(row["track"], row["found"]) for row in rows] == [("Track00001", 3), ("Track00002", 3)]
    assert rows[0].keys() == {*SONG_FIELDS, "found"}
    assert call("find", dataset, "no(drums)", "--songs", "--json").json == []


def test_the_table_counts_and_a_limit_says_that_it_cut(dataset: Path, call: Call) -> None:
    whole = call("find", dataset, "class=Bass").out
    assert "2 stems" in whole
    assert whole.count("Electric Bass") == 2
    cut = call("find", dataset, "--limit", 3).out
    assert "8 stems, the first 3" in cut
    assert "no song is like that" in call("find", dataset, "drums and class=Bass", "--songs").out


def test_csv_is_read_back_as_it_was(dataset: Path, call: Call) -> None:
    answer = call("find", dataset, "track=Track00002", "--csv")
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert [row["stem"] for row in rows] == ["S00", "S01", "S02", "S03"]
    assert set(rows[0]) == set(FIELDS)
    assert [row["drums"] for row in rows] == ["false", "false", "false", "true"]
    assert (rows[0]["meter"], rows[0]["split"]) == ("4/4;3/4", "")
    some = call("find", dataset, "drums", "--csv", "--fields", "track, audio").out
    assert some.splitlines() == [
        "track,audio",
        "Track00001,Track00001/stems/S03.flac",
        "Track00002,Track00002/stems/S03.flac",
    ]
    assert call("find", dataset, "split=train", "--csv", "--fields", "track").out == "track\n"


def test_splits_are_those_of_now(dataset: Path, call: Call) -> None:
    call("find", dataset)
    resplit(dataset, {"Track00001": "train", "Track00002": "test"})
    (row,) = call("find", dataset, "split=test and drums", "--json").json
    assert (row["track"], row["audio"]) == ("Track00002", "test/Track00002/stems/S03.flac")
    assert (dataset / row["audio"]).is_file()


def test_what_was_read_once_is_kept_until_the_annotation_changes(dataset: Path, call: Call) -> None:
    first = call("find", dataset, "--json").json
    kept = dataset / ".farm" / "catalogue.jsonl"
    assert len(kept.read_text().splitlines()) == 2
    for path in dataset.glob("Track*/annotation.json"):
        path.write_text("{}")  # the manifest still has the hash of what was read
    assert call("find", dataset, "--json").json == first
    kept.write_text("not JSON")
    answer = call("find", dataset)
    assert answer.code == 1
    assert "is damaged" in answer.err
    text = (dataset / "manifest.jsonl").read_text()
    kept.unlink()
    (dataset / "Track00001" / "annotation.json").unlink()
    assert "cannot be read" in call("find", dataset).err
    assert (dataset / "manifest.jsonl").read_text() == text


def test_fields_are_listed_with_their_meaning(dataset: Path, call: Call) -> None:
    rows = call("find", dataset, "--list-fields", "--json").json
    assert [row["field"] for row in rows] == [*SONG_FIELDS, *STEM_FIELDS]
    assert all(row["meaning"] for row in rows)
    assert "seconds of audio" in call("find", dataset, "--list-fields").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["progam=3"], "Did you mean `program`?"),
        (["drums", "--fields", "track,adio"], "Did you mean `audio`?"),
        (["drums", "--songs", "--fields", "audio"], "there is no field `audio`"),
        (["drums", "--csv", "--json"], "exclude one another"),
    ],
)
def test_what_cannot_be_answered_is_refused(dataset: Path, call: Call, arguments: list[str], message: str) -> None:
    answer = call("find", dataset, *arguments)
    assert answer.code == 2
    assert message in answer.err


def test_a_folder_that_is_no_dataset_is_refused(tmp_path: Path, call: Call) -> None:
    assert call("find", tmp_path).code == 2
    assert call("find", tmp_path / "gone").code == 2


@pytest.mark.parametrize(
    "command", [("verify",), ("find",), ("stats",), ("resplit",), ("index", "mirdata"), ("convert",), ("submix",)]
)
def test_a_folder_that_is_not_there_is_the_same_error_for_every_command(
    tmp_path: Path, call: Call, command: tuple[str, ...]
) -> None:
    behind = {"convert": ["--in-place", "--mono"], "submix": ["band"]}.get(command[0], [])
    answer = call(*command, tmp_path / "gone", *behind, "--json")
    assert answer.code == 2
    assert answer.json["reason"] == "no_dataset"
    assert str(tmp_path / "gone") in answer.json["error"]


class TestSlakhsOwnFolder:
    @pytest.fixture
    def slakh(self, tmp_path: Path) -> Path:
        track = tmp_path / "slakh" / "train" / "Track00003"
        (track / "stems").mkdir(parents=True)
        (track / "MIDI").mkdir()
        for path in ("mix.flac", "stems/S01.flac", "MIDI/S01.mid", "MIDI/S02.mid"):
            (track / path).touch()
        stem = {
            "inst_class": "Bass",
            "is_drum": False,
            "midi_program_name": "Electric Bass (finger)",
            "program_num": 33,
        }
        stems = {
            "S01": {**stem, "plugin_name": "x.nkm", "audio_rendered": False, "midi_saved": False, "integrated_loudness": -19.4},
            "S02": {**stem, "plugin_name": "None", "audio_rendered": True, "midi_saved": True},
        }  # fmt: skip
        metadata = {"UUID": "00ff", "lmd_midi_dir": "lmd_matched/A/00ff.mid", "stems": stems}
        (track / "metadata.yaml").write_text(json.dumps(metadata))
        return tmp_path / "slakh"

    def test_it_answers_from_metadata_and_from_the_files_that_are_there(self, slakh: Path, call: Call) -> None:
        rows = call("find", slakh, "class=Bass and split=train", "--json").json
        # Flags of Slakh's metadata may be false; what is published is what is there.
        assert [(row["stem"], row["rendered"], row["patch"]) for row in rows] == [
            ("S01", True, "x.nkm"),
            ("S02", False, None),
        ]
        assert rows[0]["audio"] == "train/Track00003/stems/S01.flac"
        assert (rows[0]["uuid"], rows[0]["lufs"], rows[0]["duration"]) == ("00ff", -19.4, None)

    def test_damaged_metadata_is_named(self, slakh: Path, call: Call) -> None:
        (slakh / "train" / "Track00003" / "metadata.yaml").write_text("stems: {S01: {}}")
        answer = call("find", slakh)
        assert answer.code == 1
        assert "Track00003/metadata.yaml is damaged" in answer.err


def test_the_catalogue_is_sorted_by_track(dataset: Path) -> None:
    _, entries = read_catalogue(dataset)
    assert [entry.song["track"] for entry in entries] == ["Track00001", "Track00002"]
