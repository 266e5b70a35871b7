"""Libraries made of folders: what is in them, what is left out, and what stays when they are built again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import OutputError, SourceError
from schemas.samples import SampleLibrary
from tests.support.samples import decaying, drum_loop, names, tune_loop, write
from workers.samples.__main__ import main
from workers.samples.build import Wanted, build, write_library


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("loops")
    write(made / "drums" / "groove 120bpm.wav", drum_loop(120, 8))
    write(made / "drums" / "clap hit.wav", decaying(900.0, 0.4, steep=14.0))
    write(made / "keys_Am_100bpm.wav", tune_loop(100, 60))
    write(made / "empty.wav", np.zeros(4410, np.float32))
    (made / "broken.wav").write_bytes(b"RIFF")
    (made / "notes.txt").write_text("no recording")
    write(made / ".trash" / "old.wav", decaying(900.0, 0.4))
    return made


@pytest.fixture(scope="module")
def library(folder: Path) -> SampleLibrary:
    built = build(Wanted(folder, "loops", said={"licence": "CC0-1.0"}))
    assert built.measured == 3
    assert list(built.left_out) == ["broken.wav", "empty.wav"]
    return built.library


def test_every_recording_is_named_and_measured(library: SampleLibrary) -> None:
    assert [
        (sample.file, sample.category, sample.tempo_bpm, sample.quarters, sample.key) for sample in library.samples
    ] == [
        ("drums/clap hit.wav", "beat", None, None, None),
        ("drums/groove 120bpm.wav", "beat", 120.0, 8.0, None),
        ("keys_Am_100bpm.wav", "harmony", 100.0, 16.0, "Am"),
    ]
    assert {sample.licence for sample in library.samples} == {"CC0-1.0"}


def test_built_again_nothing_is_measured_and_what_was_said_stays(folder: Path, library: SampleLibrary) -> None:
    built = build(Wanted(folder, "loops", said={"genres": ["pop"]}), library)
    assert built.measured == 0
    assert [(sample.licence, sample.genres) for sample in built.library.samples] == [("CC0-1.0", ["pop"])] * 3


def test_a_changed_recording_is_measured_anew(tmp_path: Path) -> None:
    write(tmp_path / "groove.wav", drum_loop(120, 8))
    write(tmp_path / "pad C.wav", tune_loop(100))
    before = build(Wanted(tmp_path, "x", said={"licence": "CC0-1.0"})).library
    write(tmp_path / "groove.wav", drum_loop(100, 16))
    built = build(Wanted(tmp_path, "x"), before)
    assert built.measured == 1
    assert [sample.tempo_bpm for sample in built.library.samples] == [100.0, 100.0]
    assert [sample.licence for sample in built.library.samples] == ["unknown", "CC0-1.0"]


def test_a_category_holds_for_all_and_folders_below_may_stay_out(folder: Path) -> None:
    built = build(Wanted(folder, "flat", recursive=False, category="melody"))
    assert names(built.library.samples) == ["keys_Am_100bpm"]
    assert built.library.samples[0].category == "melody"


def test_a_folder_without_recordings_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no recording in"):
        build(Wanted(tmp_path, "x"))
    with pytest.raises(SourceError, match="no folder"):
        build(Wanted(tmp_path / "gone", "x"))


def test_a_library_lies_anywhere_and_finds_its_folder(tmp_path: Path, library: SampleLibrary) -> None:
    (tmp_path / "loops").mkdir()
    write_library(library, tmp_path / "loops", tmp_path / "libraries" / "mine.json")
    assert json.loads((tmp_path / "libraries" / "mine.json").read_text())["folder"] == "../loops"
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_library(library, tmp_path, tmp_path / "file" / "mine.json")


def test_a_file_that_is_no_library_is_never_written_over(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.json"
    other.write_text("{}")
    assert main([str(folder), "--out", str(other)]) == 2
    assert "is no library of samples" in json.loads(capsys.readouterr().out)["message"]
    assert other.read_text() == "{}"
