"""`farm compose`: songs that are written and rendered, here and on the service, whole, in ranges, and with less published."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.test_service import service
from tests.support.farms import farm, farm_json, kill_tree, published, start, wait_until, wait_until_done

ASKED = ("--genre", "jazz", "--genre", "latin", "--seed", 42, "--length", "8s")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three songs in one undisturbed run."""
    out = tmp_path_factory.mktemp("whole") / "out"
    report = farm_json("compose", *ASKED, "--count", 3, "--slots", 2, "--out", out)
    assert report["songs"] == {"published": 3, "failed": 0, "accepted": 3}
    return out


def tracks(out: Path) -> dict[str, str]:
    """Return path -> SHA-256 of the files of songs."""
    return {path: sha256 for path, sha256 in published(out).items() if path.startswith("Track")}


def annotation(out: Path, track: str = "Track00001") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / track / "annotation.json").read_bytes())
    return found


def test_what_is_composed_is_as_it_claims(whole: Path) -> None:
    done = farm("verify", whole, "--json")
    assert done.returncode == 0, done.stdout
    remake = json.loads(done.stdout)["remake"]
    assert (len(remake["tracks"]), remake["differing"], remake["skipped"]) == (1, 0, {})


def test_labels_say_what_the_composer_meant_and_agree_with_what_was_read_from_the_midi(whole: Path) -> None:
    for name in ("Track00001", "Track00002", "Track00003"):
        song = annotation(whole, name)
        composed = song["composed"]
        assert composed["genres"] == ["jazz", "latin"]
        assert composed["end_s"] == pytest.approx(8.0, abs=1e-3)
        assert [bar["time_s"] for bar in composed["bars"]] == pytest.approx(
            song["downbeats_s"][: len(composed["bars"])], abs=2e-6
        )
        assert composed["tempo_bpm"] == pytest.approx(song["tempo"][0]["bpm"], rel=1e-5)
        for before, chord in zip(composed["chords"], composed["chords"][1:], strict=False):
            assert before["end_s"] == chord["start_s"]
        assert composed["chords"][-1]["end_s"] == composed["end_s"]
        stems = {stem["name"]: stem for stem in song["stems"]}
        for layer in composed["layers"]:
            (stem,) = layer["stems"]
            assert (stems[stem]["track_name"], stems[stem]["program"]) == (layer["name"], layer["program"])
            inside = [
                any(
                    section["start_s"] <= onset <= section["end_s"] and layer["name"] in section["layers"]
                    for section in composed["sections"]
                )
                for onset in stems[stem]["notes"]["onset_s"]
            ]
            assert all(inside)


def test_a_range_of_songs_has_the_bytes_of_the_whole_run(whole: Path, tmp_path: Path) -> None:
    farm_json("compose", *ASKED, "--range", "1:3", "--slots", 1, "--out", tmp_path / "out")
    some = tracks(tmp_path / "out")
    assert {path.partition("/")[0] for path in some} == {"Track00002", "Track00003"}
    assert some == {path: sha256 for path, sha256 in tracks(whole).items() if not path.startswith("Track00001")}


def test_killed_and_given_again_it_goes_on_to_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    command = ("compose", *ASKED, "--count", 3, "--out", tmp_path / "out")
    process = start(*command, log=tmp_path / "log")
    wait_until(lambda: any((tmp_path / "out" / ".farm").glob("store/specs/*/*")), what="the first stem")
    kill_tree(process)
    farm_json(*command)
    assert published(tmp_path / "out") == published(whole)
    before = time.time_ns()
    assert farm_json(*command)["did_anything"] is False
    assert all(path.stat().st_mtime_ns < before for path in (tmp_path / "out").glob("Track*/*"))


def test_the_service_makes_the_same_bytes_from_the_plan_that_was_written_down(whole: Path, tmp_path: Path) -> None:
    plan, out = tmp_path / "jazz.yaml", tmp_path / "out"
    assert farm_json("compose", *ASKED, "--count", 3, "--plan", plan)["plan"] == str(plan)
    assert yaml.safe_load(plan.read_text())["compose"]["genres"] == ["jazz", "latin"]
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    with service(tmp_path, url, workers=1) as running:
        number = farm_json("submit", plan, "--out", out, env=running.env)["submission"]
        wait_until_done(url, number)
    assert published(out) == published(whole)


@pytest.mark.parametrize(
    ("mode", "there", "gone"),
    [("mix", ["mix.flac"], ["stems"]), ("stems", ["stems"], ["mix.flac"]), ("midi", [], ["mix.flac", "stems"])],
)
def test_less_is_published_where_less_is_asked_for_and_it_is_the_same(
    whole: Path, tmp_path: Path, mode: str, there: list[str], gone: list[str]
) -> None:
    out = tmp_path / "out"
    report = farm_json("compose", *ASKED, "--count", 1, "--mode", mode, "--out", out)
    assert report["songs"]["published"] == 1
    assert (report["stems"] == 0) is (mode == "midi")
    track = out / "Track00001"
    assert all((track / name).exists() for name in there)
    assert not any((track / name).exists() for name in gone)
    full, less = tracks(whole), tracks(out)
    changed = {path for path in less if less[path] != full[path]}
    assert changed == {"Track00001/annotation.json", "Track00001/metadata.yaml"}
    assert any(path.endswith("all_stems.mid") for path in less)
    said, own = annotation(out), annotation(whole)
    assert [stem["notes"] for stem in said["stems"]] == [stem["notes"] for stem in own["stems"]]
    assert said["composed"] == {**own["composed"]}
    assert (said["mix"]["audio"] is None) is (mode != "mix")
    assert all((stem["audio"] is None) is (mode != "stems") for stem in said["stems"])
    if mode != "midi":
        assert [stem["gain_db"] for stem in said["stems"]] == [stem["gain_db"] for stem in own["stems"]]
        assert said["mix"]["loudness_lufs"] == own["mix"]["loudness_lufs"]
    done = farm("verify", out, "--json")
    assert done.returncode == 0, done.stdout
