"""The libraries for which `farm export` writes open what it wrote."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import webdataset

from farm.dataset.exporting.export import export
from farm.dataset.exporting.order import ExportFormat, ExportOrder
from farm.dataset.splits import resplit
from tests.support.datasets import make_dataset, read_records

#: Loads a dataset by its card, or by the arguments given, and prints the rows; paths stand for the audio, which the
#: library decodes with FFmpeg. It asks for that decoder also where it only keeps the path: an empty one will do.
_LOAD = """
import json, sys, types, warnings
warnings.simplefilter("error")
import datasets
from datasets import Audio, List, load_dataset
datasets.disable_progress_bars()
for name in ("torchcodec", "torchcodec.encoders"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["torchcodec.encoders"].AudioEncoder = None
answers = []
for arguments, keys in json.loads(sys.argv[1]):
    loaded = load_dataset(*arguments, **keys)
    for split, rows in loaded.items():
        plain = Audio(decode=False)
        for column, feature in rows.features.items():
            if isinstance(feature, Audio):
                rows = rows.cast_column(column, plain)
            elif isinstance(feature, List) and isinstance(feature.feature, Audio):
                rows = rows.cast_column(column, List(plain))
        loaded[split] = rows.to_list()
    answers.append(loaded)
print(json.dumps(answers, default=lambda data: "bytes"))
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_dataset(tmp_path_factory.mktemp("made"), tracks=3)
    resplit(made, {"Track00001": "train", "Track00002": "train", "Track00003": "test"})
    return made


def _exported(dataset: Path, out: Path, form: ExportFormat) -> Path:
    return export(dataset, out, ExportOrder(format=form), lambda done, songs: None).folder


def _loaded(cache: Path, *calls: tuple[list[str], dict[str, Any]]) -> Any:
    environment = {**os.environ, "HF_HOME": str(cache), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", _LOAD, json.dumps(calls)]
    answer = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    return json.loads(answer.stdout)


@pytest.mark.slow
def test_datasets_opens_the_folder_by_its_card_and_as_a_folder_of_audio(dataset: Path, tmp_path: Path) -> None:
    out = _exported(dataset, tmp_path / "hf", ExportFormat.HUGGINGFACE)
    tables = _exported(dataset, tmp_path / "tables", ExportFormat.PARQUET)
    songs, stems, folder, table = _loaded(
        tmp_path / "cache",
        ([str(out)], {}),
        ([str(out), "stems"], {}),
        (["audiofolder"], {"data_dir": str(out)}),
        (["parquet"], {"data_files": str(tables / "stems.parquet")}),
    )
    assert folder == songs
    assert {split: len(rows) for split, rows in songs.items()} == {"train": 2, "test": 1}
    assert {split: len(rows) for split, rows in stems.items()} == {"train": 8, "test": 4}
    assert len(table["train"]) == 12
    for record in read_records(dataset):
        hashes = {file.path: file.sha256 for file in record.files}
        (song,) = [row for row in songs[record.split] if row["track"] == record.track]
        assert _sha256(song["mix"]) == hashes["mix.flac"]
        assert [_sha256(stem) for stem in song["stems"]] == [
            hashes[f"stems/{name}.flac"] for name in song["stems_names"]
        ]
        for row in stems[record.split]:
            if row["track"] == record.track:
                assert (_sha256(row["audio"]), _sha256(row["mix"])) == (row["audio_sha256"], hashes["mix.flac"])


def _sha256(audio: dict[str, str]) -> str:
    return hashlib.sha256(Path(audio["path"]).read_bytes()).hexdigest()


def test_webdataset_reads_the_shards_as_one_sample_a_song(dataset: Path, tmp_path: Path) -> None:
    order = ExportOrder(format=ExportFormat.WEBDATASET, split="train", shard_size_bytes=1)
    out = export(dataset, tmp_path / "out", order, lambda done, songs: None).folder
    # Its reader leaves closing to the collector; a pipe is closed by itself.
    urls = f"pipe:cat {out}/train-{{000000..000001}}.tar"
    samples = list(webdataset.WebDataset(urls, shardshuffle=False).decode())
    assert [sample["__key__"] for sample in samples] == ["train/Track00001", "train/Track00002"]
    for record, sample in zip(read_records(dataset), samples, strict=False):
        hashes = {file.path: file.sha256 for file in record.files}
        assert hashlib.sha256(sample["s01.flac"]).hexdigest() == hashes["stems/S01.flac"]
        assert hashlib.sha256(sample["mix.flac"]).hexdigest() == hashes["mix.flac"]
        assert sample["mid"].startswith(b"MThd")
        assert sample["json"]["track"] == record.track
