"""The tables of `farm export` say what the records say, and lead to the files."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path

import pytest

from farm.dataset.splits import resplit
from tests.support.datasets import make_dataset, read_annotation, read_records, reseal
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


class TestTables:
    def test_rows_say_what_the_records_say(self, dataset: Path, call: Call) -> None:
        call("export", dataset, "--format", "jsonl")
        out = dataset.with_name("pop-jsonl")
        songs, stems = lines(out / "songs.jsonl"), lines(out / "stems.jsonl")
        assert [(row["track"], row["split"]) for row in songs] == [
            ("Track00001", "train"), ("Track00002", "train"), ("Track00003", "test"),
        ]  # fmt: skip
        annotation = read_annotation(dataset / "train", "Track00002")
        hashes = {file.path: file.sha256 for file in read_records(dataset)[1].files}
        song = songs[1]
        assert (song["duration_s"], song["mix_lufs"]) == (annotation.duration_s, annotation.mix.loudness_lufs)
        assert (song["stem_count"], song["note_count"]) == (4, sum(len(s.notes.pitch) for s in annotation.stems))
        assert (song["mix"], song["mix_sha256"]) == ("train/Track00002/mix.flac", hashes["mix.flac"])
        assert (song["keys"], song["meters"], song["licences"]) == (["C major"], ["4/4", "3/4"], ["CC0"])
        mine = [row for row in stems if row["track"] == "Track00002"]
        assert [row["program"] for row in mine] == [73, 33, 19, 128]
        for row, stem in zip(mine, annotation.stems, strict=True):
            said = (
                row["stem"],
                row["gain_db"],
                row["loudness_lufs"],
                row["peak_dbfs"],
                row["note_count"],
                row["patch"],
            )
            assert said == (
                stem.name, stem.gain_db, stem.loudness_lufs, stem.peak_dbfs, len(stem.notes.pitch), stem.patch,
            )  # fmt: skip
            assert (row["audio_sha256"], row["verdict"]) == (hashes[f"stems/{stem.name}.flac"], "pass")
            for name in ("audio", "midi"):
                assert (dataset / row[name]).is_file()

    def test_quality_is_that_of_the_annotation_and_of_older_ones_what_findings_say(
        self, tmp_path: Path, call: Call
    ) -> None:
        dataset = make_dataset(tmp_path, spoil=lambda stems: {name: stems[name] for name in stems if name != "S01"})
        call("export", dataset, "--format", "jsonl", "--out", tmp_path / "new")
        quality = read_annotation(dataset).stems[0].quality
        assert quality is not None
        first, given_up, *_ = lines(tmp_path / "new" / "stems.jsonl")
        assert (first["verdict"], first["raw_rms_dbfs"], first["tail_db"]) == (
            "pass",
            quality.rms_dbfs,
            quality.tail_db,
        )
        assert (given_up["verdict"], given_up["raw_rms_dbfs"], given_up["audio"]) == (None, None, None)
        (song,) = lines(tmp_path / "new" / "songs.jsonl")
        assert (song["verdict"], song["sounding_share"] <= 1.0) == ("warn", True)
        path = dataset / "Track00001" / "annotation.json"
        older = json.loads(path.read_bytes())
        del older["quality"]
        for stem in older["stems"]:
            stem.pop("quality", None)
        older["stems"][2]["findings"] = ["clipped"]
        path.write_text(json.dumps(older))
        reseal(dataset)
        call("export", dataset, "--format", "jsonl", "--out", tmp_path / "old")
        stems = lines(tmp_path / "old" / "stems.jsonl")
        assert [row["verdict"] for row in stems] == ["pass", None, "warn", "pass"]
        (song,) = lines(tmp_path / "old" / "songs.jsonl")
        assert (song["verdict"], song["findings"], song["sounding_share"]) == ("warn", ["clipped", "dropped"], None)

    def test_csv_and_parquet_hold_the_same_rows(self, dataset: Path, call: Call) -> None:
        from pyarrow import parquet

        for form in ("jsonl", "csv", "parquet"):
            call("export", dataset, "--format", form)
        for table in ("songs", "stems"):
            rows = lines(dataset.with_name("pop-jsonl") / f"{table}.jsonl")
            read = parquet.read_table(dataset.with_name("pop-parquet") / f"{table}.parquet")
            assert read.to_pylist() == rows
            assert all(field.metadata[b"meaning"] for field in read.schema)
            with open(dataset.with_name("pop-csv") / f"{table}.csv", encoding="utf-8", newline="") as handle:
                cells = list(csv.DictReader(handle))
            assert cells == [{name: _cell(value) for name, value in row.items()} for row in rows]

    def test_columns_keep_their_types_where_nothing_is_known(self, dataset: Path, call: Call) -> None:
        from pyarrow import parquet

        call("export", dataset, "--format", "parquet")
        schema = parquet.read_schema(dataset.with_name("pop-parquet") / "songs.parquet")
        assert {str(schema.field(name).type) for name in ("mix_true_peak_dbtp", "duration_s")} == {"double"}
        assert {str(schema.field(name).type) for name in ("frames", "seed")} == {"int64"}
        assert (str(schema.field("cluster").type), str(schema.field("mix_is_sum").type)) == ("string", "bool")
        assert schema.metadata[b"dataset"] == b"test"

    def test_relative_paths_lead_from_the_tables_to_the_files(self, dataset: Path, tmp_path: Path, call: Call) -> None:
        out = tmp_path / "some" / "where"
        call("export", dataset, "--format", "csv", "--relative", "--out", out)
        with open(out / "stems.csv", encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle))
        assert rows[0]["audio"] == "../../pop/train/Track00001/stems/S00.flac"
        assert all((out / row["audio"]).resolve().is_file() for row in rows)

    def test_paths_of_what_is_not_asked_for_are_no_columns(self, dataset: Path, call: Call) -> None:
        call("export", dataset, "--format", "jsonl", "--what", "mix")
        song = lines(dataset.with_name("pop-jsonl") / "songs.jsonl")[0]
        stem = lines(dataset.with_name("pop-jsonl") / "stems.jsonl")[0]
        assert {"mix", "midi", "annotation"} & song.keys() == {"mix"}
        assert {"audio", "midi", "gain_db"} & stem.keys() == {"gain_db"}

    def test_without_pyarrow_the_error_names_the_command(
        self, dataset: Path, call: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        for form in ("parquet", "huggingface"):
            answer = call("export", dataset, "--format", form)
            assert answer.code == 2
            assert "pip install 'stemfarm[export]'" in answer.err
        assert [path.name for path in dataset.parent.iterdir() if path.name.startswith("pop-")] == []
        assert call("export", dataset, "--format", "webdataset").code == 0


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ";".join(value) if isinstance(value, list) else str(value)


class TestFolderForHuggingFace:
    def test_it_holds_the_files_of_each_split_and_tables_that_lead_to_them(self, dataset: Path, call: Call) -> None:
        from pyarrow import parquet

        call("export", dataset, "--format", "huggingface")
        out = dataset.with_name("pop-huggingface")
        copied = {path: sha256 for path, sha256 in tree(out).items() if "Track" in path}
        assert copied == {
            path: sha256
            for path, sha256 in tree(dataset).items()
            if path.startswith(("train/", "test/")) and not path.endswith("metadata.yaml")
        }
        for split, rows in (("train", 2), ("test", 1)):
            songs = parquet.read_table(out / split / "metadata.parquet").to_pylist()
            stems = parquet.read_table(out / split / "stems.parquet").to_pylist()
            assert (len(songs), len(stems)) == (rows, 4 * rows)
            for row in songs:
                assert len(row["stems_file_names"]) == len(row["stems_names"]) == len(row["stems_classes"]) == 4
                assert all((out / split / path).is_file() for path in [row["mix_file_name"], *row["stems_file_names"]])
                assert all((out / row[name]).is_file() for name in ("midi_path", "annotation_path"))
            assert all(
                (out / split / row["file_name"]).is_file() and (out / row["midi_path"]).is_file() for row in stems
            )

    def test_stems_without_audio_have_no_row(self, tmp_path: Path, call: Call) -> None:
        from pyarrow import parquet

        dataset = make_dataset(tmp_path, spoil=lambda stems: {name: stems[name] for name in stems if name != "S01"})
        call("export", dataset, "--format", "huggingface", "--out", tmp_path / "hf")
        (song,) = parquet.read_table(tmp_path / "hf" / "train" / "metadata.parquet").to_pylist()
        assert (song["stems_names"], song["stem_count"], song["stems_with_audio"]) == (["S00", "S02", "S03"], 4, 3)
        assert (
            parquet.read_table(tmp_path / "hf" / "train" / "stems.parquet")["stem"].to_pylist() == song["stems_names"]
        )
