from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.compose import ComposePlan
from schemas.errors import PlanError
from schemas.plan import DatasetPlan
from tests.support.composing import genre, plan
from workers.composing.song import composed

ROOT = Path(__file__).resolve().parents[4]
_PRINT = """
import hashlib, json, sys
from tests.support.composing import plan
from workers.composing.song import composed
asked = plan(length_s=20)
print(json.dumps([hashlib.sha256(composed(asked, number).midi).hexdigest() for number in json.loads(sys.argv[1])]))
"""


def _hashes(numbers: list[int], hash_seed: str) -> dict[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", _PRINT, json.dumps(numbers)],
        capture_output=True, text=True, check=True, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )  # fmt: skip
    return dict(zip(numbers, json.loads(done.stdout), strict=True))


def test_a_song_has_the_same_bytes_in_every_process_in_any_order_and_whatever_python_hashes() -> None:
    one, other = _hashes([0, 1, 2, 900], "1"), _hashes([900, 2, 0], "77")
    assert other == {number: one[number] for number in other}
    assert len(set(one.values())) == 4


def test_the_range_that_is_asked_for_changes_no_song() -> None:
    some, all_ = plan(length_s=20, first=5, count=2), plan(length_s=20, count=100)
    assert some.plan_hash == all_.plan_hash
    assert composed(some, 6).midi == composed(all_, 6).midi


@pytest.mark.parametrize("other", [plan(seed=2, length_s=20), plan(genre(rests=0.4), length_s=20), plan(length_s=21)])
def test_seed_genre_and_length_make_another_song(other: DatasetPlan) -> None:
    assert composed(other, 0).midi != composed(plan(length_s=20), 0).midi


def test_with_several_genres_each_song_is_of_one_of_them() -> None:
    first, second = genre(name="first"), genre(name="second")
    asked = DatasetPlan(compose=ComposePlan(genres=[first, second], together=False, length_s=10))
    found = [composed(asked, number) for number in range(24)]
    names = [song.score.genres for song in found]
    assert {("first",), ("second",)} == {tuple(name) for name in names}
    assert 5 < names.count(["first"]) < 19
    assert all(song.genre.name == song.score.genres[0] for song in found)


def test_songs_are_composed_again_to_the_same_bytes_when_the_kept_ones_are_gone() -> None:
    asked = plan(length_s=8)
    before = [hashlib.sha256(composed(asked, number).midi).hexdigest() for number in range(20)]
    assert [hashlib.sha256(composed(asked, number).midi).hexdigest() for number in range(20)] == before


def test_a_plan_without_composer_and_one_whose_genres_were_not_read_are_refused() -> None:
    with pytest.raises(PlanError, match="composes nothing"):
        composed(DatasetPlan(source="midi"), 0)
    with pytest.raises(PlanError, match="never read"):
        composed(DatasetPlan(compose=ComposePlan(genres=["jazz"])), 0)
