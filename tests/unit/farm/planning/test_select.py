"""The choice of songs: each filter by its name, and laws that hold whatever the order of files."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.planning.select import ScannedFile, Selection, select_songs
from schemas.plan import DatasetPlan
from schemas.song import PartFacts, SongFacts
from schemas.states import RejectReason as R
from tests.support.ledgers import plan, song_facts


def _facts(count: int, copies: int = 0) -> list[ScannedFile]:
    files = [(index, f"{index % 7}/{index:03d}.mid", song_facts(index)) for index in range(count)]
    return files + [(count + index, f"0/copy{index:03d}.mid", song_facts(index)) for index in range(copies)]


def _shape(selection: Selection) -> tuple[object, object]:
    chosen = [(song.file_id, song.spec.name, song.spec.source, song.spec.song_hash) for song in selection.chosen]
    return chosen, selection.rejected


@pytest.mark.parametrize(
    ("filters", "facts", "reason", "detail"),
    [
        ({"min_duration_s": 61}, song_facts("x"), R.TOO_SHORT, "60.0 s, at least 61 s are wanted"),
        ({"max_duration_s": 59}, song_facts("x"), R.TOO_LONG, "60.0 s, at most 59 s are wanted"),
        ({"min_parts": 6}, song_facts("x"), R.TOO_FEW_PARTS, "5 parts, at least 6 are wanted"),
        ({"max_parts": 4}, song_facts("x"), R.TOO_MANY_PARTS, "5 parts, at most 4 are wanted"),
        ({"min_notes": 101}, song_facts("x"), R.TOO_FEW_NOTES, "100 notes, at least 101 are wanted"),
        ({"band": ["Guitar", "Piano", "Bass"]}, song_facts("x"), R.BAND_NOT_MET, "it has no Bass, Piano"),
        ({}, song_facts("x", notes=0), R.NO_NOTES, "it has no notes"),
    ],
)
def test_every_filter_rejects_by_its_own_name(
    filters: dict[str, object], facts: SongFacts, reason: R, detail: str
) -> None:
    wanted = plan(filters={"min_duration_s": 0, "min_parts": 1, **filters})
    selection = select_songs(wanted, [(7, "a.mid", facts)])
    assert selection.chosen == []
    assert [(file.file_id, file.reason, file.detail) for file in selection.rejected] == [(7, reason, detail)]


@pytest.mark.parametrize(
    "filters",
    [
        {"min_duration_s": 60},
        {"max_duration_s": 60},
        {"min_parts": 5},
        {"max_parts": 5},
        {"min_notes": 100},
        {"band": ["Guitar"]},
    ],
)
def test_a_song_that_just_meets_a_filter_is_taken(filters: dict[str, object]) -> None:
    wanted = plan(filters={"min_duration_s": 0, "min_parts": 1, **filters})
    assert len(select_songs(wanted, [(7, "a.mid", song_facts("x"))]).chosen) == 1


def test_a_band_is_met_by_parts_of_each_class() -> None:
    parts = [PartFacts(program=0, is_drum=False, inst_class=name, notes=9) for name in ("Piano", "Bass", "Drums")]
    band = song_facts("x").model_copy(update={"parts": parts})
    wanted = plan(filters={"min_duration_s": 0, "band": ["Drums", "Bass"]})
    assert [song.file_id for song in select_songs(wanted, [(1, "a", band), (2, "b", song_facts("y"))]).chosen] == [1]


@given(st.randoms(use_true_random=False), st.integers(0, 3), st.sampled_from([None, 1, 7, 100]))
def test_the_order_of_files_changes_nothing(shuffler: random.Random, seed: int, limit: int | None) -> None:
    wanted, files = plan(seed=seed, limit=limit), _facts(30, copies=10)
    expected = _shape(select_songs(wanted, files))
    shuffler.shuffle(files)
    assert _shape(select_songs(wanted, files)) == expected


@given(st.integers(0, 40), st.integers(0, 20), st.integers(1, 50))
def test_every_file_has_exactly_one_fate(count: int, copies: int, limit: int) -> None:
    files = _facts(count, copies=min(count, copies))
    selection = select_songs(plan(limit=limit), files)
    fates = [song.file_id for song in selection.chosen] + [file.file_id for file in selection.rejected]
    assert sorted(fates) == sorted(file_id for file_id, _, _ in files)
    assert [song.spec.name for song in selection.chosen] == [f"Track{n:05d}" for n in range(1, min(count, limit) + 1)]
    assert [song.spec.track for song in selection.chosen] == list(range(1, min(count, limit) + 1))
    assert len({song.spec.song_hash for song in selection.chosen}) == len(selection.chosen)


def test_of_equal_contents_the_first_path_is_kept() -> None:
    files = [(1, "b/song.mid", song_facts("x")), (2, "a/song.mid", song_facts("x")), (3, "c.mid", song_facts("x"))]
    selection = select_songs(plan(), files)
    assert [song.spec.source for song in selection.chosen] == ["a/song.mid"]
    assert [(file.file_id, file.reason, file.detail) for file in selection.rejected] == [
        (1, R.DUPLICATE, "same content as a/song.mid"),
        (3, R.DUPLICATE, "same content as a/song.mid"),
    ]


def test_a_smaller_limit_takes_the_first_of_the_same_songs() -> None:
    files = _facts(50)
    everything = _shape(select_songs(plan(seed=3), files))[0]
    few = select_songs(plan(seed=3, limit=10), files)
    assert isinstance(everything, list)
    assert _shape(few)[0] == everything[:10]
    assert {file.reason for file in few.rejected} == {R.OVER_LIMIT}


def test_a_new_song_moves_no_other_song_past_another() -> None:
    before = [song.spec.song_hash for song in select_songs(plan(seed=3), _facts(50)).chosen]
    after = [song.spec.song_hash for song in select_songs(plan(seed=3), _facts(51)).chosen]
    assert [song_hash for song_hash in after if song_hash in before] == before


def test_another_seed_orders_the_songs_anew() -> None:
    def order(wanted: DatasetPlan) -> list[str]:
        return [song.spec.song_hash for song in select_songs(wanted, _facts(50)).chosen]

    assert order(plan(seed=1)) != order(plan(seed=2))
    assert sorted(order(plan(seed=1))) == sorted(order(plan(seed=2)))


def test_no_file_at_all_gives_an_empty_selection() -> None:
    assert select_songs(plan(), []) == Selection([], [])
