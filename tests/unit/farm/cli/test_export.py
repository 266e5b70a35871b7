"""`farm export` hands a dataset on: every byte is that of the dataset, and what cannot be is refused by name."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from pathlib import Path

import pytest

from farm.cli.export import size_bytes
from farm.dataset.splits import resplit
from schemas.assets import Credit
from schemas.dataset import DATASET, DatasetRecord
from schemas.errors import PlanError
from tests.support.datasets import make_dataset, read_records
from tests.support.exports import lines, tree
from tests.unit.farm.cli.conftest import Call


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of two songs in train, one in test, one that is omitted."""
    dataset = make_dataset(tmp_path_factory.mktemp("made"), tracks=4)
    resplit(dataset, {"Track00001": "train", "Track00002": "train", "Track00003": "test", "Track00004": "omitted"})
    return dataset


@pytest.fixture
def dataset(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "pop")


def _members(shard: Path) -> dict[str, bytes]:
    with tarfile.open(shard) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


class TestShards:
    def test_every_file_of_every_song_is_in_a_shard_of_its_split_byte_for_byte(self, dataset: Path, call: Call) -> None:
        assert call("export", dataset, "--format", "webdataset").code == 0
        out = dataset.with_name("pop-webdataset")
        assert sorted(path.name for path in out.iterdir()) == [
            "export.json", "index.jsonl", "test-000000.tar", "train-000000.tar",
        ]  # fmt: skip
        names = {
            "annotation.json": "json", "all_stems.mid": "mid", "all_src.mid": "source.mid", "mix.flac": "mix.flac",
            **{f"stems/S0{n}.flac": f"S0{n}.flac" for n in range(4)},
            **{f"MIDI/S0{n}.mid": f"S0{n}.mid" for n in range(4)},
        }  # fmt: skip
        for split, tracks in (("train", ["Track00001", "Track00002"]), ("test", ["Track00003"])):
            wanted = {
                f"{split}/{track}.{name}": (dataset / split / track / path).read_bytes()
                for track in tracks
                for path, name in names.items()
            }
            assert _members(out / f"{split}-000000.tar") == wanted

    def test_a_sample_is_in_one_piece_and_belongs_to_nobody(self, dataset: Path, call: Call) -> None:
        call("export", dataset, "--format", "webdataset", "--split", "train")
        with tarfile.open(dataset.with_name("pop-webdataset") / "train-000000.tar") as tar:
            members = tar.getmembers()
        keys = [member.name.split(".")[0] for member in members]
        assert keys == sorted(keys)
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}

    def test_the_index_finds_a_member_by_its_bytes_alone(self, dataset: Path, call: Call) -> None:
        call("export", dataset, "--format", "webdataset", "--shard-size", "1MB")
        out = dataset.with_name("pop-webdataset")
        records = {record.track: record for record in read_records(dataset)}
        index = lines(out / "index.jsonl")
        assert [line["key"] for line in index] == ["train/Track00001", "train/Track00002", "test/Track00003"]
        for line in index:
            split, track = line["key"].split("/")
            hashes = {file.path: file.sha256 for file in records[track].files}
            shard = (out / line["shard"]).read_bytes()
            for name, place in line["members"].items():
                found = shard[place["offset"] : place["offset"] + place["size"]]
                assert hashlib.sha256(found).hexdigest() == place["sha256"], name
            stem = line["members"]["S02.flac"]
            assert shard[stem["offset"] :].startswith(b"fLaC")
            assert stem["sha256"] == hashes["stems/S02.flac"]
            assert split == line["split"]

    def test_no_shard_is_larger_than_asked_unless_a_song_is(self, dataset: Path, call: Call) -> None:
        whole = call("export", dataset, "--format", "webdataset", "--split", "train", "--json").json
        (tar,) = [file for file in whole["files"] if file["path"].endswith(".tar")]
        for size, shards in ((tar["size_bytes"], 1), (tar["size_bytes"] - 1, 2), (10, 2)):
            out = dataset.with_name(f"shards-{size}")
            call("export", dataset, "--format", "webdataset", "--split", "train", "--out", out, "--shard-size", size)
            found = sorted(path.name for path in out.glob("*.tar"))
            assert found == [f"train-{number:06d}.tar" for number in range(shards)]
            assert size < 100 or all((out / name).stat().st_size <= size for name in found)

    def test_a_seed_shuffles_songs_within_their_split(self, tmp_path: Path, call: Call) -> None:
        dataset = make_dataset(tmp_path, tracks=5)
        orders = set()
        for seed in range(4):
            one, two = tmp_path / f"{seed}-one", tmp_path / f"{seed}-two"
            for out in (one, two):
                call("export", dataset, "--format", "webdataset", "--shuffle", seed, "--out", out, "--no-midi")
            assert tree(one) == tree(two)
            orders.add(tuple(line["key"] for line in lines(one / "index.jsonl")))
        assert len(orders) > 1
        assert {tuple(sorted(order)) for order in orders} == {tuple(f"Track0000{n}" for n in range(1, 6))}

    @pytest.mark.parametrize(
        ("options", "names"),
        [
            (["--what", "mix,annotation"], {"json", "mix.flac"}),
            (["--what", "mix,midi", "--no-midi"], {"mix.flac"}),
            (["--no-midi"], {"json", "mix.flac", "S00.flac", "S01.flac", "S02.flac", "S03.flac"}),
        ],
    )
    def test_what_is_not_asked_for_stays_out(
        self, dataset: Path, call: Call, options: list[str], names: set[str]
    ) -> None:
        call("export", dataset, "--format", "webdataset", *options)
        for line in lines(dataset.with_name("pop-webdataset") / "index.jsonl"):
            assert set(line["members"]) == names


@pytest.mark.parametrize("form", ["webdataset", "parquet", "jsonl", "csv", "huggingface"])
class TestEveryForm:
    def test_the_same_again_does_nothing_and_elsewhere_it_is_the_same_bytes(
        self, dataset: Path, tmp_path: Path, call: Call, form: str
    ) -> None:
        first = call("export", dataset, "--format", form, "--out", tmp_path / "one", "--json").json
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "one").rglob("*")}
        again = call("export", dataset, "--format", form, "--out", tmp_path / "one", "--json").json
        assert (first["new"], again["new"], first["omitted"]) == (True, False, 1)
        assert {path: path.stat().st_mtime_ns for path in (tmp_path / "one").rglob("*")} == before
        call("export", dataset, "--format", form, "--out", tmp_path / "two")
        found = tree(tmp_path / "one")
        assert found == tree(tmp_path / "two")
        assert {file["path"]: file["sha256"] for file in first["files"]} == {
            path: sha256 for path, sha256 in found.items() if path != "export.json"
        }
        assert not (tmp_path / "one.part").exists()

    def test_a_missing_file_is_named_and_nothing_is_left(self, dataset: Path, call: Call, form: str) -> None:
        (dataset / "test" / "Track00003" / "stems" / "S01.flac").unlink()
        answer = call("export", dataset, "--format", form)
        assert answer.code == 1
        assert "test/Track00003/stems/S01.flac cannot be read" in answer.err
        assert "farm verify" in answer.err
        assert [path.name for path in dataset.parent.iterdir() if path.name.startswith("pop-")] == []

    def test_a_damaged_annotation_is_named(self, dataset: Path, call: Call, form: str) -> None:
        path = dataset / "train" / "Track00001" / "annotation.json"
        path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
        answer = call("export", dataset, "--format", form)
        assert answer.code == 1
        assert "train/Track00001/annotation.json is not what the manifest says" in answer.err

    def test_what_an_export_left_that_broke_off_is_no_part_of_the_next(
        self, dataset: Path, tmp_path: Path, call: Call, form: str
    ) -> None:
        left = tmp_path / "out.part" / "train"
        left.mkdir(parents=True)
        (left / "stems.parquet").write_text("half of it")
        (left.parent / "train-000000.tar").write_text("half of it")
        assert call("export", dataset, "--format", form, "--out", tmp_path / "out").code == 0
        call("export", dataset, "--format", form, "--out", tmp_path / "new")
        assert tree(tmp_path / "out") == tree(tmp_path / "new")
        assert not (tmp_path / "out.part").exists()


@pytest.mark.parametrize("form", ["webdataset", "huggingface"])
def test_other_audio_than_the_manifest_says_is_not_handed_on(dataset: Path, call: Call, form: str) -> None:
    path = dataset / "train" / "Track00002" / "mix.flac"
    data = path.read_bytes()
    for damaged in (data[:-1] + bytes([data[-1] ^ 1]), data[:-1], data + b"x"):
        path.write_bytes(damaged)
        answer = call("export", dataset, "--format", form)
        assert answer.code == 1
        assert "Track00002/mix.flac" in answer.err
        assert not dataset.with_name(f"pop-{form}").exists()


def test_a_folder_that_holds_something_else_is_left_alone(dataset: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "out"
    call("export", dataset, "--format", "csv", "--out", out)
    before = tree(out)
    other = call("export", dataset, "--format", "jsonl", "--out", out)
    assert (other.code, "with other options" in other.err) == (2, True)
    resplit(dataset, {"Track00003": "validation"})
    changed = call("export", dataset, "--format", "csv", "--out", out)
    assert (changed.code, "as it was before" in changed.err) == (2, True)
    assert tree(out) == before
    (out / "songs.csv").write_text("")
    resplit(dataset, {"Track00003": "test"})
    assert "songs.csv is missing or has another size" in call("export", dataset, "--format", "csv", "--out", out).err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    answer = call("export", dataset, "--format", "csv", "--out", tmp_path / "mine")
    assert (answer.code, "holds no export" in answer.err) == (2, True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    (tmp_path / "empty").mkdir()
    assert call("export", dataset, "--format", "csv", "--out", tmp_path / "empty").code == 0


def test_a_split_alone_also_the_omitted_one(dataset: Path, tmp_path: Path, call: Call) -> None:
    for split, tracks in (("test", ["Track00003"]), ("omitted", ["Track00004"])):
        call("export", dataset, "--format", "jsonl", "--split", split, "--out", tmp_path / split)
        assert [row["track"] for row in lines(tmp_path / split / "songs.jsonl")] == tracks
    text = call("export", dataset, "--format", "jsonl").out
    assert "3 songs, 12 stems in 2 files" in text
    assert "1 song in `omitted` left out" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "zip"], "webdataset, parquet, jsonl, csv, huggingface"),
        (["--format", "csv", "--what", "mix,steams"], "no such part of a song"),
        (["--format", "csv", "--what", "midi", "--no-midi"], "leaves nothing"),
        (["--format", "csv", "--shard-size", "1GB"], "--shard-size is of tar shards"),
        (["--format", "parquet", "--shuffle", "1"], "--shuffle is of tar shards"),
        (["--format", "webdataset", "--shard-size", "big"], "this is no size"),
        (["--format", "webdataset", "--relative"], "--relative is of tables"),
        (["--format", "huggingface", "--what", "midi"], "no audio to load"),
        (["--format", "csv", "--split", "dev"], "It has omitted, test, train"),
    ],
)
def test_options_that_mean_nothing_are_refused(dataset: Path, call: Call, options: list[str], message: str) -> None:
    answer = call("export", dataset, *options)
    assert answer.code == 2
    assert message in answer.err
    assert [path.name for path in dataset.parent.iterdir() if path.name.startswith("pop-")] == []


def test_what_is_no_dataset_of_the_farm_is_refused(dataset: Path, tmp_path: Path, call: Call) -> None:
    assert call("export", tmp_path / "gone", "--format", "csv").code == 2
    assert call("export", dataset, "--format", "csv", "--out", dataset / "tables").code == 2
    slakh = tmp_path / "slakh" / "train" / "Track00001"
    slakh.mkdir(parents=True)
    (slakh / "metadata.yaml").write_text("stems: {}")
    answer = call("export", tmp_path / "slakh", "--format", "csv")
    assert (answer.code, "no dataset of the farm" in answer.err) == (1, True)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1GB", 10**9), ("500 mb", 5 * 10**8), ("1.5KB", 1500), ("1GiB", 2**30), ("4096", 4096), ("12B", 12)],
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "GB", "0", "-1GB", "1 elephant", "0.1B"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match="no size"):
        size_bytes(text)


@pytest.mark.parametrize("form", ["jsonl", "csv", "webdataset"])
def test_whose_work_it_is_goes_along(dataset: Path, call: Call, form: str) -> None:
    path = dataset / DATASET
    record = DatasetRecord.model_validate_json(path.read_bytes())
    credit = Credit(kind="soundfont", name="Grand", licence="CC-BY-4.0", attribution="Grand by A. Builder")
    path.write_text(record.model_copy(update={"credits": [credit]}).model_dump_json(), encoding="utf-8")
    assert call("export", dataset, "--format", form).code == 0
    out = dataset.with_name(f"pop-{form}")
    assert "to be named as: Grand by A. Builder" in (out / "NOTICE").read_text()
    assert "NOTICE" in [file["path"] for file in json.loads((out / "export.json").read_text())["files"]]
