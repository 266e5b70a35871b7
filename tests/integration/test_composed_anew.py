"""Composed songs whose mixes score too low: composed and rendered anew, to the same bytes however the farm is disturbed."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

from farm.ledger import open_ledger
from tests.integration.test_service import service
from tests.support.databases import new_ledger_url
from tests.support.farms import farm, farm_json, published, wait_until

pytestmark = pytest.mark.slow

SONGS: Final = 3
TRIES: Final = 2
#: Kills the slot that is about to report a rejected try, and the next one when it has: each once.
HOOK: Final = """
import os, signal, sys
from pathlib import Path

def die(name):
    mark = Path(os.environ["MARKS"], name)
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)

def install():
    from farm.ledger.working import Working
    whole = Working.reject_try
    def reject_try(self, task, rejected):
        die("before")
        done = whole(self, task, rejected)
        die("after")
        return done
    Working.reject_try = reject_try

if "MARKS" in os.environ:
    install()
"""


class Material(NamedTuple):
    """Songs with the scores of all their tries, and a threshold that some of them miss and a later try of them meets."""

    scores: list[list[float]]
    min_score: float

    @property
    def attempts(self) -> list[int | None]:
        """The first try of each song that is good enough; None where none is."""
        return [next((n for n, score in enumerate(s) if score >= self.min_score), None) for s in self.scores]

    def plan(self, path: Path) -> Path:
        """Write the plan that asks for the threshold."""
        return written(path, self.min_score)


def written(path: Path, min_score: float) -> Path:
    plan = {
        "seed": 4, "output": {"rate_hz": 16000}, "mix": {"preset": "composed-dry"}, "quality": {"min_score": min_score},
        "compose": {"genres": ["pop"], "count": SONGS, "length_s": 6, "tries": TRIES},
    }  # fmt: skip
    path.write_text(yaml.safe_dump(plan))
    return path


def _shows(scores: list[list[float]], min_score: float) -> tuple[bool, bool, bool]:
    """Return whether a threshold lets a song by after a rejection, keeps one out, and lets one by at once."""
    found = Material(scores, min_score).attempts
    return any(found), None in found, 0 in found


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """The scores of all tries, from a run that no song passes."""
    folder = tmp_path_factory.mktemp("material")
    farm_json("run", written(folder / "all.yaml", 1.0), "--out", folder / "out", "--slots", 2, exit_code=3)
    songs = farm_json("songs", folder / "out")
    scores = [[item["audio"]["score"] for item in song["rejected"]] for song in songs]
    assert [len(some) for some in scores] == [TRIES] * SONGS
    best = max((score for some in scores for score in some), key=lambda score: (_shows(scores, score), score))
    assert _shows(scores, best)[0], "no later try is better than the first: take another seed"
    return Material(scores, best)


@pytest.fixture(scope="module")
def made(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of one undisturbed run."""
    folder = tmp_path_factory.mktemp("made")
    code = 3 if None in material.attempts else 0
    plan = material.plan(folder / "plan.yaml")
    report = farm_json("run", plan, "--out", folder / "out", "--slots", 2, exit_code=code)
    missed = sum(TRIES if attempt is None else attempt for attempt in material.attempts)
    assert (
        report["rejected_tries"] == {"low_audio_score": missed} == farm_json("status", folder / "out")["rejected_tries"]
    )
    return folder / "out"


def rejected(out: Path) -> dict[str, list[dict[str, Any]]]:
    """Return what the annotation of each published song says of the tries before it."""
    songs = {path.parent.name: json.loads(path.read_bytes()) for path in out.glob("Track*/annotation.json")}
    return {name: song["composed"]["rejected"] for name, song in songs.items()}


def test_a_song_is_the_first_try_that_is_good_enough_and_tells_of_those_before(material: Material, made: Path) -> None:
    wanted = {f"Track{n + 1:05d}": tried for n, tried in enumerate(material.attempts)}
    kept = rejected(made)
    assert {name: len(found) for name, found in kept.items()} == {
        name: attempt for name, attempt in wanted.items() if attempt is not None
    }
    for song in farm_json("songs", made):
        scores = material.scores[song["track"] - 1]
        attempt = wanted[song["name"]]
        before = scores[: len(scores) if attempt is None else attempt]
        assert [item["audio"]["score"] for item in song["rejected"]] == before
        assert song["reason"] == ("low_score" if attempt is None else None)
        if attempt is not None:
            published_song = json.loads((made / song["name"] / "annotation.json").read_bytes())
            assert published_song["composed"]["rejected"] == song["rejected"]
            assert published_song["composed"]["attempt"] == attempt
            assert published_song["score"]["score"] == scores[attempt]
    done = farm("verify", made)
    assert done.returncode == 0, done.stdout


def test_nothing_is_left_of_tries_that_were_thrown_away(made: Path) -> None:
    assert farm_json("fsck", made)["ok"] is True
    farm_json("clean", made, "--failed")
    left = [path for name in ("store", "staging") for path in (made / ".farm" / name).rglob("*") if path.is_file()]
    assert left == []


def test_slots_killed_on_both_sides_of_a_rejection_and_the_count_of_slots_change_no_byte(
    material: Material, made: Path, tmp_path: Path
) -> None:
    hook, marks = tmp_path / "hook", tmp_path / "marks"
    hook.mkdir()
    marks.mkdir()
    (hook / "sitecustomize.py").write_text(HOOK)
    code = 3 if None in material.attempts else 0
    plan, out = material.plan(tmp_path / "plan.yaml"), tmp_path / "out"
    root = str(Path(__file__).resolve().parents[2])
    env = {"PYTHONPATH": f"{hook}:{root}", "MARKS": str(marks)}
    farm_json("run", plan, "--out", out, "--slots", 1, exit_code=code, env=env)
    assert sorted(mark.name for mark in marks.iterdir()) == ["after", "before"]
    assert published(out) == published(made)
    assert rejected(out) == rejected(made)
    assert farm_json("fsck", out)["ok"] is True


def test_without_its_ledger_a_farm_recognises_songs_that_are_no_first_tries(
    material: Material, made: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(made, out)
    for name in ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"):
        (out / ".farm" / name).unlink(missing_ok=True)
    (out / "dataset.json").unlink()
    before = {path: path.stat().st_mtime_ns for path in out.glob("Track*/*")}
    code = 3 if None in material.attempts else 0
    report = farm_json("run", material.plan(tmp_path / "plan.yaml"), "--out", out, "--slots", 2, exit_code=code)
    assert report["songs"]["published"] == len(rejected(made))
    assert report["rejected_tries"] == farm_json("status", made)["rejected_tries"]
    assert published(out) == published(made)
    assert {path: path.stat().st_mtime_ns for path in out.glob("Track*/*")} == before


@pytest.mark.services
def test_the_service_makes_the_same_songs(material: Material, made: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    url = new_ledger_url("postgres", tmp_path)
    with service(tmp_path, url, workers=1) as running:
        number = farm_json("submit", material.plan(tmp_path / "plan.yaml"), "--out", out, env=running.env)["submission"]
        ends = ("done", "failed")
        wait_until(lambda: farm_json("status", number, env=running.env)["state"] in ends, what="the end")
    with closing(open_ledger(url)) as ledger:
        assert ledger.audit() == []
    assert published(out) == published(made)
