"""`farm samples`: libraries of recordings, made and listed from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from farm.cli.app import run_app
from tests.support.samples import drum_loop, tune_loop, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "loops" / "groove 120bpm.wav", drum_loop(120, 8))
    write(tmp_path / "loops" / "keys_Am_100bpm.wav", tune_loop(100, 60))
    return tmp_path / "loops"


def test_a_library_is_built_and_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["samples", "build", str(folder), "--licence", "CC0-1.0", "--genre", "pop"]) == 0
    assert "2 recordings, 2 of them measured now" in capsys.readouterr().out
    assert run_app(["samples", "list", str(folder), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(item["category"], item["tempo_bpm"], item["genres"], item["licence"]) for item in listed] == [
        ("beat", 120.0, ["pop"], "CC0-1.0"),
        ("harmony", 100.0, ["pop"], "CC0-1.0"),
    ]
    assert run_app(["samples", "list", str(folder / "samples.json"), "--category", "beat"]) == 0
    shown = capsys.readouterr().out
    assert "groove 120bpm.wav" in shown
    assert "keys_Am" not in shown


def test_what_cannot_be_read_is_told_and_the_exit_code_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.wav").write_bytes(b"RIFF")
    assert run_app(["samples", "build", str(folder), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert list(answer["left_out"]) == ["broken.wav"]
    assert len(answer["samples"]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["samples", "build", "gone"], "there is no folder gone"),
        (["samples", "build", ".", "--category", "drums"], "there is no category 'drums'"),
        (["samples", "build", ".", "--meter", "4/5"], "there is no meter '4/5'"),
        (["samples", "list", "gone.json"], "cannot read the library of samples gone.json"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_written(
    tmp_path: Path,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_app(arguments) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
