"""An export is there whole or not at all, whatever happens while it is written."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from farm.dataset.exporting import export as exporting
from farm.dataset.exporting.export import export
from farm.dataset.exporting.order import ExportFormat, ExportOrder, What
from farm.dataset.exporting.song import copies
from schemas.dataset import FileRecord
from schemas.errors import DatasetError, DiskFullError, OutputError
from tests.support.datasets import make_dataset, read_records, write_records

SHARDS = ExportOrder(format=ExportFormat.WEBDATASET)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("made"), tracks=2)


def _ignore(done: int, songs: int) -> None:
    pass


def test_it_tells_how_far_it_is(dataset: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    made = export(dataset, tmp_path / "out", SHARDS, lambda done, songs: told.append((done, songs)))
    assert told == [(1, 2), (2, 2)]
    assert json.loads((tmp_path / "out" / "export.json").read_bytes()) == made.record.model_dump(mode="json")


def test_killed_in_the_middle_nothing_has_its_name_and_the_next_begins_again(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from farm.dataset.exporting.export import export\n"
        "from farm.dataset.exporting.order import ExportOrder\n"
        "order = ExportOrder.model_validate({'format': 'webdataset'})\n"
        "export(Path(sys.argv[1]), Path(sys.argv[2]), order, lambda done, songs: os.kill(os.getpid(), signal.SIGKILL))\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(dataset), str(out)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not out.exists()
    assert (tmp_path / "out.part" / "songs-000000.tar").exists()
    assert export(dataset, out, SHARDS, _ignore).is_new
    export(dataset, tmp_path / "other", SHARDS, _ignore)
    for file in (tmp_path / "other").iterdir():
        assert (out / file.name).read_bytes() == file.read_bytes()
    assert not (tmp_path / "out.part").exists()


def test_two_at_once_do_not_mix(dataset: Path, tmp_path: Path) -> None:
    def meanwhile(done: int, songs: int) -> None:
        with pytest.raises(OutputError, match="another command is exporting"):
            export(dataset, tmp_path / "out", SHARDS, _ignore)

    assert export(dataset, tmp_path / "out", SHARDS, meanwhile).is_new


def test_a_dataset_that_changes_meanwhile_is_not_exported(dataset: Path, tmp_path: Path) -> None:
    manifest = dataset / "manifest.jsonl"
    text = manifest.read_text()

    def change(done: int, songs: int) -> None:
        manifest.write_text(text + "\n")

    with contextlib.ExitStack() as stack:
        stack.callback(manifest.write_text, text)
        with pytest.raises(DatasetError, match="changed while it was exported"):
            export(dataset, tmp_path / "out", SHARDS, change)
    assert list(tmp_path.iterdir()) == []


def test_without_room_it_does_not_begin(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "free_bytes", lambda path: 1000)
    with pytest.raises(DiskFullError, match="the export needs"):
        export(dataset, tmp_path / "out", SHARDS, _ignore)
    assert list(tmp_path.iterdir()) == []
    assert export(dataset, tmp_path / "out", ExportOrder(format=ExportFormat.CSV), _ignore).is_new


def test_an_empty_dataset_has_nothing_to_export(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    write_records(tmp_path / "made", [])
    with pytest.raises(DatasetError, match="no song to export"):
        export(tmp_path / "made", tmp_path / "out", SHARDS, _ignore)


@pytest.mark.parametrize(
    ("path", "what", "name"),
    [
        ("annotation.json", What.ANNOTATION, "json"),
        ("annotation.jams", What.ANNOTATION, "jams"),
        ("all_src.mid", What.MIDI, "source.mid"),
        ("all_stems.mid", What.MIDI, "mid"),
        ("MIDI/S07.mid", What.MIDI, "S07.mid"),
        ("MIDI_played/S07.mid", What.MIDI, "S07.played.mid"),
        ("mix.wav", What.MIX, "mix.wav"),
        ("stems/S07.flac", What.STEMS, "S07.flac"),
        ("mixes/wide/mix.flac", What.MIXES, "mixes.wide.mix.flac"),
        ("mixes/wide/stems/S07.flac", What.MIXES, "mixes.wide.stems.S07.flac"),
        ("submixes/band/drums.flac", What.SUBMIXES, "submixes.band.drums.flac"),
    ],
)
def test_every_file_of_a_song_has_its_name_in_a_sample(dataset: Path, path: str, what: What, name: str) -> None:
    file = FileRecord(path=path, size_bytes=1, sha256="0" * 64)
    track = read_records(dataset)[0].model_copy(update={"files": [file]})
    assert [(copy.what, copy.name) for copy in copies(track)] == [(what, name)]


def test_only_the_metadata_of_the_layout_is_never_exported(dataset: Path) -> None:
    for track in read_records(dataset):
        exported = {copy.file.path for copy in copies(track)}
        assert {file.path for file in track.files} - exported == {"metadata.yaml"}
