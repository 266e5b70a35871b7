"""`farm compose`: the plan that it makes of a few words, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from farm.cli.compose import seconds
from farm.planning.plans import load_plan
from schemas.errors import PlanError
from tests.unit.farm.cli.conftest import Call


def _plan(call: Call, tmp_path: Path, *arguments: object) -> dict[str, Any]:
    assert call("compose", *arguments, "--plan", tmp_path / "plan.yaml").code == 0
    found: dict[str, Any] = yaml.safe_load((tmp_path / "plan.yaml").read_text())
    return found


def test_what_is_asked_for_stands_in_the_plan(call: Call, tmp_path: Path) -> None:
    plan = _plan(call, tmp_path, "--genre", "jazz", "--genre", "latin", "--seed", 42, "--count", 100, "--length", "1m30s",
                 "--mode", "mix", "--format", "wav", "--bits", 16, "--min-score", 0.6)  # fmt: skip
    assert plan["name"] == "jazz+latin"
    assert plan["compose"] == {
        "genres": ["jazz", "latin"],
        "first": 0,
        "count": 100,
        "length_s": 90.0,
        "min_score": 0.6,
    }
    assert plan["seed"] == 42
    assert plan["output"] == {"parts": "mix", "format": "wav", "bits": 16}


def test_the_plan_that_is_written_is_one_that_can_be_made(call: Call, tmp_path: Path) -> None:
    _plan(call, tmp_path, "--genre", "blues", "--range", "1000:1010", "--length", "4s")
    plan = load_plan(tmp_path / "plan.yaml")
    assert plan.compose is not None
    assert (plan.compose.first, plan.compose.count) == (1000, 10)
    assert plan.compose.genres[0].name == "blues"  # type: ignore[union-attr]


def test_genres_have_shares_where_they_are_given_and_folders_by_number(call: Call, tmp_path: Path) -> None:
    plan = _plan(call, tmp_path, "--genre", "jazz=60", "--genre", "rock=40", "--layout", "musicgen", "--shard-width", 3)
    assert (plan["name"], plan["compose"]["genres"]) == ("jazz+rock", ["jazz", "rock"])
    assert (plan["compose"]["together"], plan["compose"]["shares"]) == (False, {"jazz": 60.0, "rock": 40.0})
    assert (plan["output"]["layout"], plan["output"]["shard_width"]) == ("musicgen", 3)
    read = load_plan(tmp_path / "plan.yaml")
    assert read.compose is not None
    assert read.compose.shares == {"jazz": 60.0, "rock": 40.0}


@pytest.mark.parametrize(
    ("genres", "words"),
    [
        (["jazz=60", "rock"], "some genres have a share and others none"),
        (["jazz=most", "rock=1"], "a share is no number"),
        (["jazz=0", "rock=1"], "a share must be above 0"),
        (["jazz=inf", "rock=1"], "a share must be above 0"),
    ],
)
def test_shares_that_are_none_are_refused(call: Call, tmp_path: Path, genres: list[str], words: str) -> None:
    options = [word for genre in genres for word in ("--genre", genre)]
    refused = call("compose", *options, "--plan", tmp_path / "plan.yaml")
    assert refused.code == 2
    assert words in refused.err
    assert not (tmp_path / "plan.yaml").exists()


def test_a_genre_of_ones_own_has_its_share_under_its_name(call: Call, tmp_path: Path) -> None:
    (tmp_path / "g=1").mkdir()
    (tmp_path / "g=1" / "genre.yaml").write_text("name: mine\ntempo_bpm: [90, 91]\n")
    _plan(call, tmp_path, "--genre", f"{tmp_path}/g=1=3", "--genre", "rock=1")
    read = load_plan(tmp_path / "plan.yaml")
    assert read.compose is not None
    assert read.compose.shares == {"mine": 3.0, "rock": 1.0}


def test_a_genre_in_a_folder_is_found_from_wherever_the_plan_lies(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "mine").mkdir(parents=True)
    (tmp_path / "here" / "mine" / "genre.yaml").write_text("name: mine\ntempo_bpm: [90, 91]\n")
    monkeypatch.chdir(tmp_path / "here")
    for word in ("mine", "./mine"):
        assert _plan(call, tmp_path, "--genre", word)["compose"]["genres"] == [str(tmp_path / "here" / "mine")]
    plan = load_plan(tmp_path / "plan.yaml")
    assert plan.compose is not None
    assert plan.compose.genres[0].tempo_bpm == (90, 91)  # type: ignore[union-attr]


def test_each_song_may_be_of_one_genre(call: Call, tmp_path: Path) -> None:
    plan = _plan(call, tmp_path, "--genre", "jazz", "--genre", "rock", "--each")
    assert plan["compose"]["together"] is False


def test_machines_are_told_the_plans_hash(call: Call, tmp_path: Path) -> None:
    said = call("compose", "--genre", "pop", "--plan", tmp_path / "plan.yaml", "--json").json
    assert said == {"plan": str(tmp_path / "plan.yaml"), "plan_sha256": load_plan(tmp_path / "plan.yaml").plan_hash}


@pytest.mark.parametrize(("word", "found"), [("30s", 30), ("45", 45), ("2m", 120), ("1m30s", 90), ("12.5s", 12.5)])
def test_lengths_are_read_as_people_write_them(word: str, found: float) -> None:
    assert seconds(word) == found


@pytest.mark.parametrize("word", ["", "long", "0s", "m", "30x", "-4s"])
def test_what_is_no_length_is_refused(word: str) -> None:
    with pytest.raises(PlanError, match="is no length"):
        seconds(word)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--genre", "jaz"), "Did you mean `jazz`?"),
        (("--count", 3, "--range", "0:3"), "--range and --count both say how many songs"),
        (("--range", "5:5"), "is no range of songs"),
        (("--range", "five"), "is no range of songs"),
        (("--length", "long"), "is no length"),
        (("--mode", "vocals"), "output.parts"),
        (("--length", "2s"), "length_s"),
        (("--bits", 32), "needs format: wav"),
    ],
)
def test_what_cannot_be_asked_for_is_said_and_nothing_is_made(
    call: Call, tmp_path: Path, arguments: tuple[object, ...], message: str
) -> None:
    for place in (("--out", tmp_path / "out"), ("--plan", tmp_path / "plan.yaml")):
        answer = call("compose", *arguments, *place)
        assert answer.code == 2
        assert message in answer.err
    assert not list(tmp_path.iterdir())


def test_a_place_for_the_dataset_or_the_plan_is_needed(call: Call, tmp_path: Path) -> None:
    answer = call("compose", "--genre", "pop")
    assert (answer.code, "where the dataset goes is not said" in answer.err) == (2, True)
    refused = call("compose", "--genre", "pop", "--plan", tmp_path / "no" / "plan.yaml")
    assert refused.code == 2
    assert "cannot write" in refused.err
