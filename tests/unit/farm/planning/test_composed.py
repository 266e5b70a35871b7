"""Plans that compose: what they refuse, and songs that are the same in any range."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from farm.planning.select import ScannedFile, select_songs
from farm.planning.sources import source_of
from farm.planning.splits import place_songs
from schemas.compose import path_of
from schemas.plan import DatasetPlan
from tests.support.composing import genre
from tests.support.ledgers import song_facts

RATIOS = {"train": 0.8, "validation": 0.1, "test": 0.1}


def _plan(first: int = 0, count: int = 200, **values: Any) -> DatasetPlan:
    compose = {"genres": [genre().model_dump()], "first": first, "count": count, **values.pop("compose", {})}
    return DatasetPlan.model_validate({"compose": compose, **values})


def _facts(plan: DatasetPlan, *, alike: bool = False) -> list[ScannedFile]:
    """Return songs as they are scanned; when alike, all have the same notes."""
    found = []
    for path in source_of(plan).paths:
        facts = song_facts(path)
        found.append((int(path[:6]) + 1, path, facts.model_copy(update={"fingerprint": "same"}) if alike else facts))
    return found


def _places(plan: DatasetPlan) -> dict[str, tuple[str | None, str, str]]:
    selection = place_songs(plan, select_songs(plan, _facts(plan)))
    return {song.spec.name: (song.spec.split, song.spec.cluster, song.spec.source) for song in selection.chosen}


def test_a_song_keeps_number_name_and_split_whatever_the_range() -> None:
    whole = _places(_plan(splits={"ratios": RATIOS}))
    assert _places(_plan(50, 30, splits={"ratios": RATIOS})) == {
        name: whole[name] for name in [f"Track{number:05d}" for number in range(51, 81)]
    }
    assert {place[0] for place in whole.values()} == set(RATIOS)
    assert 140 < sum(split == "train" for split, _, _ in whole.values()) < 178


def test_no_composed_song_is_taken_for_another_however_like_it_is() -> None:
    plan = _plan(count=5)
    selection = select_songs(plan, _facts(plan, alike=True))
    assert len(selection.chosen) == 5
    assert len({song.spec.cluster for song in selection.chosen}) == 5


def test_the_files_of_a_plan_that_composes_are_its_numbers() -> None:
    assert source_of(_plan(7, 3)).paths == [path_of(7), path_of(8), path_of(9)]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"source": "midi"}, "either `source` .* or `compose`"),
        ({"compose": {"length_s": 5.0}}, "songs of 5 s are not between filters.min_duration_s"),
        ({"compose": {"length_s": 1300}}, "filters.max_duration_s"),
        ({"output": {"parts": "mix"}, "mix": {"others": [{"name": "dry"}]}}, "mix.others needs both mix and stems"),
        ({"output": {"parts": "stems"}, "mix": {"made_of": "song"}}, "mix.made_of: song needs both"),
    ],
)
def test_what_cannot_be_had_is_refused_with_the_keys_that_forbid_it(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _plan(**values)


def test_plans_that_publish_everything_are_known_by_the_hash_that_they_always_had() -> None:
    assert (
        DatasetPlan(source="a").plan_hash
        == DatasetPlan.model_validate({"source": "a", "output": {"parts": "full"}}).plan_hash
    )
    hashes = {
        DatasetPlan.model_validate({"source": "a", "output": {"parts": parts}}).plan_hash
        for parts in ("full", "mix", "stems", "midi")
    }
    assert len(hashes) == 4


def test_a_length_that_no_song_of_a_genre_can_have_is_refused_before_anything_is_made() -> None:
    slow = genre(name="slow", tempo_bpm=[60, 64], meters={"4/4": 1, "3/4": 1, "2/4": 0}).model_dump()
    with pytest.raises(
        ValidationError, match=r"slow \(60 to 64 a minute\) fills the length_s of 5 with whole bars of 4/4"
    ):
        _plan(compose={"genres": [slow], "length_s": 5})
    for possible_s in (3 * 60 / 64 * 2, 6.0, 8.0):
        _plan(compose={"genres": [slow], "length_s": possible_s})
