"""Equal music: files of the same bytes or notes, and clusters of versions of one song, whatever the order of files."""

from __future__ import annotations

import base64
import random
from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.planning.duplicates import MIN_SHARED, clusters, decoded, same_song
from farm.planning.select import ScannedFile, select_songs
from schemas.song import SKETCH_SIZE, SongFacts
from schemas.states import RejectReason as R
from tests.support.ledgers import plan, sha, song_facts


def _text(hashes: Sequence[int]) -> str:
    return base64.b64encode(array("I", sorted(hashes)).tobytes()).decode()


def _song(name: str, hashes: Sequence[int] = (), fingerprint: str | None = None, notes: int = 100) -> SongFacts:
    sketch = _text(sorted(set(hashes))[:SKETCH_SIZE])
    return song_facts(name, notes=notes).model_copy(
        update={"sketch": sketch, "fingerprint": sha(("notes", name))[:32] if fingerprint is None else fingerprint}
    )


def _turns(seed: int, count: int = 500) -> list[int]:
    return sorted(random.Random(seed).sample(range(2**32), count))


def _groups(songs: Sequence[SongFacts]) -> set[frozenset[str]]:
    found = clusters(songs)
    return {
        frozenset(song.song_hash for song in songs if found[song.song_hash] == name) for name in set(found.values())
    }


def _grouped(*groups: Sequence[SongFacts]) -> set[frozenset[str]]:
    return {frozenset(song.song_hash for song in group) for group in groups}


def test_a_piece_of_a_song_is_a_version_of_it_and_two_songs_are_not() -> None:
    first, second = _turns(1), _turns(2)
    whole, piece = _song("whole", first), _song("piece", random.Random(3).sample(first, 100))
    other, more = _song("other", second), _song("more", [*second, *_turns(4)])
    assert _groups([whole, piece, other, more]) == _grouped([whole, piece], [other, more])


def test_pieces_that_share_nothing_come_together_by_the_whole() -> None:
    turns = _turns(1, 240)
    early, late, whole = _song("early", turns[::2]), _song("late", turns[1::2]), _song("whole", turns)
    assert _groups([early, late]) == _grouped([early], [late])
    assert _groups([early, late, whole]) == _grouped([early, late, whole])


@pytest.mark.parametrize(("shared", "joined"), [(MIN_SHARED - 1, False), (MIN_SHARED, True)])
def test_so_many_turns_in_common_make_a_version(shared: int, joined: bool) -> None:
    common = _turns(9, shared)
    one, other = sorted([*_turns(1, 20), *common]), sorted([*_turns(2, 20), *common])
    assert same_song(one, other) == joined


def test_a_few_turns_in_common_with_long_songs_make_no_version() -> None:
    common = _turns(9, MIN_SHARED + 2)
    one, other = sorted([*_turns(1, 100), *common]), sorted([*_turns(2, 100), *common])
    assert not same_song(one, other)


def test_turns_that_half_of_all_songs_have_join_nothing() -> None:
    stock = _turns(99, 4)
    songs = [_song(f"song {number}", [*_turns(number, 100), *stock]) for number in range(200)]
    assert len(_groups(songs)) == 200


def test_songs_are_compared_with_few_others_however_many_share_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[None] = []

    def counting(one: Sequence[int], other: Sequence[int]) -> bool:
        compared.append(None)
        return same_song(one, other)

    monkeypatch.setattr("farm.planning.duplicates.same_song", counting)
    stock = _turns(99, 4)
    songs = [_song(f"song {number}", [*_turns(number, 100), *stock]) for number in range(300)]
    clusters(songs)
    assert len(compared) <= len(stock) * len(songs)
    compared.clear()
    family = [_song(f"piece {number}", random.Random(number).sample(_turns(1, 300), 200)) for number in range(300)]
    assert len(set(clusters(family).values())) == 1
    assert len(compared) < 2 * len(family)


def test_songs_of_the_same_notes_are_versions_even_without_a_sketch() -> None:
    one, other, third = _song("a", fingerprint="0" * 32), _song("b", fingerprint="0" * 32), _song("c")
    assert _groups([one, other, third]) == _grouped([one, other], [third])


def test_songs_without_sketch_and_fingerprint_stand_alone() -> None:
    songs = [_song(name, fingerprint="") for name in "abc"]
    assert len(_groups(songs)) == 3


@given(st.randoms(use_true_random=False))
def test_the_order_of_files_changes_no_cluster_and_no_name(shuffler: random.Random) -> None:
    songs = [
        _song(f"{seed}/{number}", random.Random(number).sample(_turns(seed, 200), 90))
        for seed in range(5)
        for number in range(6)
    ]
    expected = clusters(songs)
    assert len(set(expected.values())) == 5
    shuffler.shuffle(songs)
    assert clusters(songs) == expected


def test_a_cluster_is_named_after_the_smallest_hash_in_it() -> None:
    songs = [_song(name, _turns(1)) for name in "abc"]
    assert set(clusters(songs).values()) == {min(song.song_hash for song in songs)[:16]}


@given(st.lists(st.integers(0, 2**32 - 1), unique=True, max_size=SKETCH_SIZE))
def test_a_sketch_is_read_as_it_was_written(hashes: list[int]) -> None:
    assert list(decoded(_text(hashes))) == sorted(hashes)


@pytest.mark.parametrize("text", ["?", "abc", "AAAA"])
def test_what_is_no_sketch_is_an_empty_one(text: str) -> None:
    assert list(decoded(text)) == []


VERSIONS = [_song("first", _turns(1), notes=100), _song("fuller", _turns(1), notes=300), _song("another", _turns(2))]
FILES: list[ScannedFile] = [(1, "a.mid", VERSIONS[0]), (2, "b.mid", VERSIONS[1]), (3, "c.mid", VERSIONS[2])]


def test_versions_are_kept_and_know_their_cluster() -> None:
    chosen = {song.file_id: song.spec.cluster for song in select_songs(plan(), FILES).chosen}
    assert chosen[1] == chosen[2] != chosen[3]
    assert all(chosen.values())


def test_of_the_versions_of_a_song_that_with_the_most_notes_is_taken_where_one_is_wanted() -> None:
    selection = select_songs(plan(duplicates={"versions": "reject"}), FILES)
    assert {song.file_id for song in selection.chosen} == {2, 3}
    assert [(file.file_id, file.reason, file.detail) for file in selection.rejected] == [
        (1, R.SAME_SONG, "a version of b.mid")
    ]


def test_a_version_that_breaks_a_rule_keeps_no_other_from_being_taken() -> None:
    wanted = plan(
        duplicates={"versions": "reject"}, filters={"min_duration_s": 0, "min_parts": 1, "max_duration_s": 70}
    )
    files = [FILES[0], (2, "b.mid", VERSIONS[1].model_copy(update={"duration_s": 90.0}))]
    selection = select_songs(wanted, files)
    assert [song.file_id for song in selection.chosen] == [1]
    assert [file.reason for file in selection.rejected] == [R.TOO_LONG]


def test_files_that_play_the_same_notes_are_rejected_by_name_or_kept() -> None:
    files = [(1, "b.mid", _song("x", fingerprint="1" * 32)), (2, "a.mid", _song("y", fingerprint="1" * 32))]
    selection = select_songs(plan(), files)
    assert [song.file_id for song in selection.chosen] == [2]
    assert [(file.file_id, file.reason, file.detail) for file in selection.rejected] == [
        (1, R.SAME_NOTES, "the same notes as a.mid")
    ]
    kept = select_songs(plan(duplicates={"notes": "keep"}), files)
    assert len(kept.chosen) == 2
    assert len({song.spec.cluster for song in kept.chosen}) == 1


def test_files_of_the_same_bytes_have_the_same_md5_and_are_rejected_as_duplicates() -> None:
    song = _song("x", _turns(1))
    selection = select_songs(plan(duplicates={"notes": "keep"}), [(1, "a.mid", song), (2, f"{song.md5}.mid", song)])
    assert len(selection.chosen) + len(selection.rejected) == 2
    assert [file.reason for file in selection.rejected] == [R.DUPLICATE]


def test_clusters_reach_through_files_that_are_rejected() -> None:
    """Two pieces that only a third, rejected file joins are versions of one song all the same."""
    turns = _turns(1, 240)
    whole = _song("whole", turns).model_copy(update={"duration_s": 1.0})
    files = [(1, "a", _song("early", turns[::2])), (2, "b", _song("late", turns[1::2])), (3, "c", whole)]
    selection = select_songs(plan(filters={"min_duration_s": 5, "min_parts": 1}), files)
    assert [file.reason for file in selection.rejected] == [R.TOO_SHORT]
    assert len({song.spec.cluster for song in selection.chosen}) == 1
