"""What a genre may say: every value that no song could be made of is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.genre import MINOR_MODES, MODES, Genre, Matrix, key_mode, progression_modes, tempo_bucket
from workers.composing import theory


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"meters": {"4/3": 1}}, "there is no meter '4/3'"),
        ({"meters": {"4/4": 0}}, "no meter has a weight above 0"),
        ({"patterns": {"9/8": {"verse": ["36"]}}}, "there is no meter '9/8'"),
        ({"patterns": {"4/4": {"verse": ["36, bang"]}}}, "there is no drum 'bang'"),
        ({"keys": {"H": 1}}, "there is no key 'H'"),
        ({"keys": {"Am dorian": 1}}, "there is no key 'Am dorian'"),
        ({"keys": {"C": 0}}, "no key has a weight above 0"),
        ({"tempos": {"fast": 1}}, "'fast' is no range of tempos"),
        ({"tempos": {"100-90": 1}}, "the lowest comes first"),
        ({"tempo_bpm": [120, 90]}, "tempo_bpm: the lowest value must not be above the highest"),
        ({"tempo_bpm": [0, 90]}, "tempos lie above 0"),
        ({"swing": [0.5, 0.9]}, "it lies between 0.5"),
        ({"velocity": [0, 90]}, "it lies between 1 and 127"),
        ({"chord_types": {"maj13": 1}}, "there is no chord type 'maj13'"),
        ({"chord_filter": []}, "an empty filter leaves no chord"),
        ({"chord_filter": ["major"]}, "there is no chord type 'major'"),
        ({"inversions": {"fourth": 1}}, "there is no inversion 'fourth'"),
        ({"effects": {"echo": 1}}, "there is no effect 'echo'"),
        ({"structures": {"intro verse": 1}}, "'intro verse' is no structure"),
        ({"section_bars": {"verse": {0: 1}}}, "every value must be above 0"),
        ({"section_bars": {"verse": {8: 0}}}, "none of the values has a weight above 0"),
        ({"harmonic_rhythm": {0: 1}}, "every value must be above 0"),
        ({"progressions": {"verse": ["I, H"]}}, "there is no chord 'H'"),
        ({"progressions": {"verse": ["I, V13"]}}, "the chord 'V13' ends in '13'"),
        ({"chord_matrix": {"init_probs": {"I": 1}, "transitions": {"I": {"X": 1}}}}, "there is no chord 'X'"),
        ({"chord_matrix": {"init_probs": {"I": 0}}}, "nothing has a weight above 0"),
        ({"melody_matrix": {"init_probs": {"8": 1}}}, "there is no scale degree '8'"),
        ({"layers": {"lead": {"role": "melody", "key_range": [60, 65]}}}, "an octave at least"),
        ({"layers": {"lead": {"role": "melody", "programs": {5: 0}}}}, "no program has a weight above 0"),
        ({"layers": {"lead": {"role": "melody", "style": "walking"}}}, "there is no style 'walking'"),
        ({"layers": {"lead": {"role": "melody", "rhythms": ["9/8 x-."]}}}, "should match pattern"),
    ],
)
def test_a_genre_of_which_no_song_can_be_made_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Genre.model_validate({"name": "wrong", **values})
    assert words in str(caught.value)


def test_keys_of_plans_and_of_the_composer_are_the_same() -> None:
    assert tuple(theory.MODES) == MODES
    assert {mode for mode, scale in theory.MODES.items() if scale[2] == 3} == set(MINOR_MODES)
    for word in ("C", "F#m", "Bb", "D dorian", "A mixolydian"):
        assert key_mode(word) == theory.parse_key(word).mode


def test_a_bucket_of_tempos_may_be_one_tempo() -> None:
    assert tempo_bucket("90-100") == (90, 100)
    assert tempo_bucket("120") == (120, 120)


@pytest.mark.parametrize(
    ("line", "modes"),
    [
        ("I,V,vi,IV", {"major"}),
        ("i,VI,III,VII", {"minor"}),
        ("I,i", {"major", "minor"}),
        ("ii7,V7", {"major"}),
        ("iiø7,V7", {"minor"}),
        ("iv,VII", {"minor"}),
        ("IV,V,IV,V", {"major"}),
        ("bVI,bVII,I,I", {"major"}),
        ("V,V7", set()),
    ],
)
def test_a_progression_tells_of_which_keys_it_is(line: str, modes: set[str]) -> None:
    assert progression_modes(line) == modes


def test_a_chain_names_its_symbols_whether_they_have_rows_or_not() -> None:
    matrix = Matrix(order=2, init_probs={"I": 1}, transitions={"I,V": {"vi": 1}, "vi": {"IV": 1}})
    assert matrix.symbols == {"I", "V", "vi", "IV"}
