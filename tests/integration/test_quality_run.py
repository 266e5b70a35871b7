"""Scores through a whole run: composed songs, a mix below what the plan asks for, and what is left of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from farm.cli.app import run_app
from schemas.annotation import SongAnnotation

pytestmark = pytest.mark.slow


def _run(folder: Path, capsys: pytest.CaptureFixture[str], **plan: object) -> int:
    file = folder / "plan.yaml"
    file.write_text(yaml.safe_dump({"seed": 3, "output": {"rate_hz": 16000}, **plan}))
    code = run_app(["run", str(file), "--out", str(folder / "out"), "--slots", "1"])
    capsys.readouterr()
    return code


def _json(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, object]:
    capsys.readouterr()
    assert run_app([*map(str, words), "--json"]) == 0
    read: dict[str, object] = json.loads(capsys.readouterr().out)
    return read


def test_composed_songs_are_scored_as_they_are_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(tmp_path, capsys, compose={"genres": ["pop"], "count": 1, "length_s": 8}) == 0
    out = tmp_path / "out"
    song = SongAnnotation.model_validate_json((out / "Track00001" / "annotation.json").read_bytes())
    assert song.score is not None
    assert song.composed is not None
    assert song.composed.symbolic is not None
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and ".farm" not in path.parts}
    assert _json(capsys, "score", out, "--force", "--jobs", 1)["scores"] == {"Track00001": song.score.score}
    told = {path: data for path, data in before.items() if path.name != "dataset.json"}
    assert {path: path.read_bytes() for path in told} == told
    assert run_app(["verify", str(out)]) == 0


def test_a_mix_below_what_the_plan_asks_for_fails_by_name_and_is_cleaned_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compose = {"genres": ["pop"], "count": 1, "length_s": 8, "tries": 1}
    assert _run(tmp_path, capsys, compose=compose, quality={"min_score": 1.0}) == 3
    out = tmp_path / "out"
    run_app(["failures", str(out), "--json"])
    (failure,) = json.loads(capsys.readouterr().out)
    assert failure["reason"] == "low_score"
    assert "and the plan asks for 1" in failure["detail"]
    assert not list(out.glob("Track*"))
    left = [path for path in (out / ".farm").rglob("*.stem") if path.is_file()]
    assert left
    assert _json(capsys, "clean", out, "--failed", "--dry-run")["files"] != 0
    assert [path for path in left if path.exists()] == left
    assert _json(capsys, "clean", out, "--failed")["songs"] == ["Track00001"]
    assert not [path for path in left if path.exists()]
    assert not list((out / ".farm" / "staging").iterdir())
    assert _json(capsys, "clean", out, "--failed")["files"] == 0
