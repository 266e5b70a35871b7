from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.datasets import make_dataset
from workers.verifying.__main__ import main


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("good"))


def test_a_good_dataset_ends_with_0(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(dataset)]) == 0
    assert "1 track, everything is as it claims" in capsys.readouterr().out


def test_a_damaged_dataset_ends_with_1_and_names_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = make_dataset(tmp_path)
    (damaged / "Track00001" / "mix.flac").unlink()
    assert main([str(damaged), "--fast"]) == 1
    assert "Track00001/mix.flac: file_missing: " in capsys.readouterr().out


def test_what_is_no_dataset_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert "is no finished dataset" in captured.err
    assert captured.out == ""


def test_the_report_is_json_on_request(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(dataset), "--json", "--fast", "--processes", "1"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "dataset": "test",
        "tracks": 1,
        "fast": True,
        "ok": True,
        "findings": [],
    }
