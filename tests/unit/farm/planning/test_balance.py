"""Balanced patches: every patch near its share at every moment, whoever else is in the song, and the seed decides the rest."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from farm.ledger.records import ChosenSong
from farm.planning.balance import patch_in_turn, with_places
from farm.planning.draw import draw_stems
from farm.planning.select import Selection
from schemas.base import draw
from schemas.instruments import InstrumentGroup
from schemas.patch import Patch
from schemas.plan import DatasetPlan
from schemas.song import Part, PartFacts, SongSpec, SplitResult
from tests.support.ledgers import engine_facts, plan, sha, song_facts, split_result

SONGS = 300
GUITARS, BASSES = ("A", "B", "C", "D"), ("E", "F", "G")


def group(weights: dict[str, float]) -> InstrumentGroup:
    return InstrumentGroup.model_validate(
        {
            "name": "G",
            "programs": [0],
            "patches": [{"name": name, "weight": weight} for name, weight in weights.items()],
        }
    )


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize(
    "weights",
    [
        {"only": 1.0},
        {"a": 1.0, "b": 1.0},
        {"often": 3.0, "rare": 1.0},
        {"nearly always": 97.0, "x": 1.0, "y": 1.0, "z": 1.0},
        dict.fromkeys("abcdefghijkl", 1.0),
        {name: float(weight) for weight, name in enumerate("abcdefgh", start=1)},
        {"half": 10.0, **{f"small {number}": 0.5 for number in range(20)}},
        {"golden": 1.618, "one": 1.0, "pi": 3.14159},
    ],
)
def test_of_any_first_n_draws_every_patch_has_its_share_within_two(weights: dict[str, float], seed: int) -> None:
    made, total, counts = group(weights), sum(weights.values()), Counter[str]()
    for number in range(1, 1001):
        counts[patch_in_turn(seed, made, number - 1)] += 1
        for name, weight in weights.items():
            assert abs(counts[name] - number * weight / total) < 2, (number, name)


def test_the_turns_depend_on_seed_and_group_and_not_on_who_asks_first_or_how_the_map_lists_them() -> None:
    made = group(dict.fromkeys("abcde", 1.0))
    order = [patch_in_turn(0, made, place) for place in range(200)]
    assert [patch_in_turn(0, made, place) for place in reversed(range(200))] == order[::-1]
    backwards = made.model_copy(update={"patches": made.patches[::-1]})
    assert [patch_in_turn(0, backwards, place) for place in range(200)] == order
    assert [patch_in_turn(1, made, place) for place in range(200)] != order
    other = made.model_copy(update={"name": "H"})
    pairs = Counter(zip(order, [patch_in_turn(0, other, place) for place in range(200)], strict=True))
    assert len(pairs) == 25, "each patch of a group meets each of another"
    assert len(set(pairwise(order))) > 15, "and they do not come round in one order"


# ---------------------------------------------------------------- a whole corpus


def balanced(**values: Any) -> DatasetPlan:
    groups = [
        {"name": "Guitar", "programs": [24, 25, 26], "patches": [{"name": n} for n in GUITARS]},
        {"name": "Bass", "programs": [33], "patches": [{"name": n} for n in BASSES]},
        {"name": "Mute", "programs": [99], "patches": []},
    ]
    return plan(instruments={"map": {"name": "m", "groups": groups}, "balance": True, **values})


def corpus() -> Selection:
    """Return songs of which each has some of the programs, now and then one of them twice."""
    chosen = []
    for track in range(1, SONGS + 1):
        programs = [p for p in (24, 25, 26, 33, 33, 99) if draw(track, p) < 0.6]
        parts = [PartFacts(program=p, is_drum=False, inst_class="Guitar", notes=9) for p in programs]
        facts = song_facts(track).model_copy(update={"parts": parts})
        spec = SongSpec(song_hash=sha(track), track=track, name=f"Track{track:05d}", source=f"{track}.mid", facts=facts)
        chosen.append(ChosenSong(track, spec))
    return Selection(chosen, [])


def split_of(spec: SongSpec, *keys: int) -> SplitResult:
    base = split_result("x", parts=1).parts[0]
    mask = f"{sum(1 << key for key in keys):x}" if keys else ""
    parts: list[Part] = [
        base.model_copy(update={"name": f"S{index:02d}", "program": part.program, "keys": mask})
        for index, part in enumerate(spec.facts.parts)
    ]
    return SplitResult(parts=parts, duration_s=1.0)


def drawn(wanted: DatasetPlan, spec: SongSpec, *keys: int) -> list[Patch]:
    stems = draw_stems(wanted, engine_facts(), split_of(spec, *keys), spec.song_hash, spec.places)
    return [stem.job.patch for stem in stems]


def draws(wanted: DatasetPlan, spec: SongSpec, *keys: int) -> set[tuple[int, str]]:
    return {(patch.program, patch.choice) for patch in drawn(wanted, spec, *keys)}


def test_in_a_corpus_every_patch_is_near_its_share_after_any_number_of_songs() -> None:
    wanted, counts = balanced(), Counter[str]()
    for song in with_places(wanted, corpus()).chosen:
        counts.update(choice for _, choice in draws(wanted, song.spec))
        for names in (GUITARS, BASSES):
            share = sum(counts[name] for name in names) / len(names)
            # A song may take several turns of a group at once: the law holds between songs.
            assert all(abs(counts[name] - share) < 2 for name in names)
    assert min(counts.values()) > 40


def test_left_to_chance_they_are_not() -> None:
    wanted, counts = balanced(balance=False), Counter[str]()
    for song in with_places(wanted, corpus()).chosen:
        assert song.spec.places == {}
        counts.update(choice for _, choice in draws(wanted, song.spec))
    share = sum(counts[name] for name in GUITARS) / len(GUITARS)
    assert max(abs(counts[name] - share) for name in GUITARS) > 2


def test_each_part_has_a_turn_where_parts_of_a_program_are_drawn_for_alone() -> None:
    wanted, counts = balanced(same_program_same_patch=False), Counter[str]()
    for song in with_places(wanted, corpus()).chosen:
        counts.update(patch.choice for patch in drawn(wanted, song.spec))
    share = sum(counts[name] for name in BASSES) / len(BASSES)
    assert all(abs(counts[name] - share) < 2 for name in BASSES)


def test_a_patch_whose_turn_it_is_and_that_lacks_the_keys_is_passed_over() -> None:
    wanted = balanced().model_dump()
    wanted["instruments"]["map"]["groups"][0]["patches"][0]["key_range"] = (60, 72)
    limited = DatasetPlan.model_validate(wanted)
    high, low = Counter[str](), Counter[str]()
    for song in with_places(limited, corpus()).chosen:
        high.update(patch.choice for patch in drawn(limited, song.spec, 64))
        low.update(patch.choice for patch in drawn(limited, song.spec, 30))
    assert high["A"] > 0
    assert low["A"] == 0
    assert sum(low.values()) == sum(high.values()), "another one plays the part"


def test_a_patch_whose_turn_it_is_gives_way_where_programs_are_to_have_different_ones() -> None:
    groups = balanced().model_dump()["instruments"]["map"]
    for number, patch in enumerate(groups["groups"][0]["patches"]):
        patch["program"] = number
    wanted = balanced(distinct_patches=True, map=groups)
    for song in with_places(wanted, corpus()).chosen:
        guitars = [patch.choice for patch in drawn(wanted, song.spec) if patch.group == "Guitar"]
        assert len(set(guitars)) == len(guitars)


# ---------------------------------------------------------------- the plan


def test_a_plan_that_says_nothing_of_balance_and_tries_is_the_plan_that_it_was() -> None:
    made = balanced(balance=False)
    said = made.instruments.model_dump() | {"balance": False, "tries": 2}
    assert plan(instruments=said).plan_hash == made.plan_hash
    assert balanced().plan_hash != made.plan_hash
    assert balanced(balance=False, tries=3).plan_hash != made.plan_hash


def test_what_needs_a_map_is_refused_without_one() -> None:
    with pytest.raises(ValidationError, match="balance needs an instrument map"):
        plan(instruments={"balance": True})
    with pytest.raises(ValidationError, match=r"other_patch needs instruments\.map"):
        plan(on_failed_stem="other_patch")
