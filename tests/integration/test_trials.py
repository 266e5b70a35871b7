"""The trials of the score with songs that are really played."""

from __future__ import annotations

import json

import pytest

from farm.cli.app import run_app

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("trial", ["validity", "reliability"])
def test_the_score_passes_its_trials(trial: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["eval", trial, "--genre", "pop", "--genre", "rock", "--songs", "4", "--seed", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["passed"]
    if trial == "validity":
        assert len(report["faults"]) == 11
        assert report["eight"]["value"] >= 0.97
        assert report["void_most"] < 0.1
    else:
        assert report["deviation"] < 1e-6
        assert set(report["by_way"]) == {"quieter", "other rate", "with reverb", "other instruments"}
