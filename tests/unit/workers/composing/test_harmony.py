from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from schemas.genre import CHORD_TYPES, Genre
from schemas.score import Score
from tests.support.composing import genre, songs
from workers.composing.harmony import voiced
from workers.composing.theory import parse_key, parse_numeral


def _chords_of(song: Score, name: str) -> list[str]:
    section = next(section for section in song.sections if section.name == name)
    return [chord.numeral for chord in song.chords if section.start <= chord.start < section.end]


def test_chords_follow_one_another_from_the_first_bar_to_the_last_and_never_cross_a_section() -> None:
    for song in songs(genre(), 25):
        assert (song.chords[0].start, song.chords[-1].end) == (0, song.end)
        assert all(before.end == chord.start for before, chord in pairwise(song.chords))
        edges = {section.start for section in song.sections}
        assert edges <= {chord.start for chord in song.chords}


def test_every_chord_is_what_its_numeral_says_in_the_key() -> None:
    for song in songs(genre(), 25):
        key = parse_key(song.key)
        for chord in song.chords:
            numeral = parse_numeral(chord.numeral, key)
            assert chord.root == (key.tonic + numeral.offset) % 12
            thirds = {3, 4} & set(CHORD_TYPES[chord.quality])
            assert not thirds or thirds == {3, 4} & set(CHORD_TYPES[numeral.plain]), chord


def test_the_keys_of_a_chord_are_its_notes_with_the_inversion_lowest() -> None:
    for song in songs(genre(), 15):
        for chord in song.chords:
            steps = CHORD_TYPES[chord.quality]
            assert {key % 12 for key in chord.keys} == {(chord.root + step) % 12 for step in steps}
            assert chord.keys[0] % 12 == (chord.root + steps[chord.inversion]) % 12
            assert chord.keys == sorted(chord.keys)


@pytest.mark.parametrize("minor", [False, True])
def test_progressions_are_those_of_the_keys_kind_and_go_round(minor: bool) -> None:
    data = genre(keys={"Em" if minor else "E": 1}, progressions={"verse": ["I,V,vi,IV", "i,VI,III,VII"]})
    expected = ["i", "VI", "III", "VII"] if minor else ["I", "V", "vi", "IV"]
    for song in songs(data, 5):
        found = _chords_of(song, "verse")
        assert found == [expected[number % 4] for number in range(len(found))]


def test_chains_are_walked_as_their_rows_say_and_minor_keys_have_their_own() -> None:
    rows = {"init_probs": {"I": 1}, "transitions": {"I": {"IV": 1}, "IV": {"V": 1}, "V": {"I": 1}}}
    minor = {"init_probs": {"i": 1}, "transitions": {"i": {"VII": 1}, "VII": {"i": 1}}}
    data = genre(chord_matrix=rows, minor_chord_matrix=minor, keys={"C": 1, "Am": 1})
    for song in songs(data, 8):
        cycle = ["i", "VII"] if song.key == "Am" else ["I", "IV", "V"]
        found = _chords_of(song, "verse")
        assert found == [cycle[number % len(cycle)] for number in range(len(found))]


def test_how_often_chords_come_from_the_chain_is_what_the_genre_says() -> None:
    rows = {"init_probs": {"IV": 1}, "transitions": {"IV": {"IV": 1}}}
    data = genre(chord_matrix=rows, keys={"C": 1}, progressions={"verse": ["I,V"]}, chain=0.3)
    chained = [set(_chords_of(song, "verse")) == {"IV"} for song in songs(data, 80, length_s=16)]
    assert 0.18 < sum(chained) / 80 < 0.42


def test_songs_end_on_the_tonic_in_root_position_for_a_whole_bar_after_a_chord_that_leads_there() -> None:
    for song in songs(genre(), 25):
        last, before = song.chords[-1], song.chords[-2]
        assert last.root == parse_key(song.key).tonic
        assert last.inversion == 0
        assert last.start == song.bars[-1].start
        assert before.numeral not in ("I", "i")


def test_the_last_chord_but_one_is_of_the_genres_own_way_to_its_tonic() -> None:
    rows = {"init_probs": {"I": 1}, "transitions": {"I": {"IV": 1}, "IV": {"I": 1}}}
    for song in songs(genre(chord_matrix=rows, keys={"C": 1}, progressions={}), 6):
        assert song.chords[-2].numeral == "IV"


@pytest.mark.parametrize(
    ("per_bar", "meter", "beats"), [(1, "4/4", 4), (2, "4/4", 2), (4, "4/4", 1), (0.5, "4/4", 8), (2, "6/8", 1)]
)
def test_chords_change_as_often_as_the_genre_says(per_bar: float, meter: str, beats: int) -> None:
    data = genre(harmonic_rhythm={per_bar: 1}, meters={meter: 1}, meter_change=0)
    song = songs(data, 1)[0]
    unit = (3 if meter == "6/8" else 2) * 420
    verse = next(section for section in song.sections if section.name == "verse")
    lengths = {chord.end - chord.start for chord in song.chords if verse.start <= chord.start < verse.end}
    assert lengths == {beats * unit}


def _kinds(data: Genre) -> Counter[str]:
    return Counter(chord.quality for song in songs(data, 12) for chord in song.chords)


def test_types_follow_the_weights_within_the_function_of_the_numeral() -> None:
    data = genre(
        keys={"C": 1}, progressions={"verse": ["I,vi"], "chorus": ["I,vi"]}, chord_types={"maj": 1, "maj7": 3, "m7": 1}
    )
    found = Counter((chord.numeral, chord.quality) for song in songs(data, 40, length_s=20) for chord in song.chords)
    assert found["vi", "m7"] > 50
    assert found["vi", "min"] == 0, "minor chords of this genre are sevenths"
    assert found["I", "maj7"] > 1.5 * found["I", "maj"] > 0


def test_the_filter_lets_no_other_type_through() -> None:
    found = _kinds(genre(chord_filter=["maj7", "m7", "dom7"]))
    assert set(found) <= {"maj7", "m7", "dom7"}


def test_inversions_follow_their_weights() -> None:
    only_first = genre(inversions={"first": 1})
    for song in songs(only_first, 5):
        assert {chord.inversion for chord in song.chords[:-1]} == {1}
    none = genre(inversions={})
    assert {chord.inversion for song in songs(none, 5) for chord in song.chords} == {0}


def test_voices_move_little_from_chord_to_chord() -> None:
    before = voiced(0, "maj", 0, [], (55, 72))
    after = voiced(11, "maj", 0, before, (55, 72))
    assert max(abs(low - high) for low, high in zip(before, after, strict=True)) <= 1
