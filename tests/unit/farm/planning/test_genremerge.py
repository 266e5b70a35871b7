"""Merged genres: ranges cut, weights averaged as shares, probabilities that do not shrink, lists united."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from farm.planning.genrefill import complete
from farm.planning.genremerge import merge
from farm.planning.genres import genre_names, load_genre
from schemas.errors import PlanError
from schemas.genre import Genre


def _genre(name: str, **values: Any) -> Genre:
    return Genre.model_validate({"name": name, **values})


def test_one_genre_is_itself() -> None:
    genre = load_genre("pop")
    assert merge([genre]) is genre


def test_ranges_are_cut_to_what_all_allow_and_silence_allows_all() -> None:
    merged = merge([_genre("a", tempo_bpm=[80, 120]), _genre("b", tempo_bpm=[100, 160], swing=[0.6, 0.7]), _genre("c")])
    assert merged.tempo_bpm == (100.0, 120.0)
    assert merged.swing == (0.6, 0.7)
    assert "velocity" not in merged.model_fields_set


@pytest.mark.parametrize(
    ("field", "first", "second", "words"),
    [
        ("tempo_bpm", [60, 90], [110, 160], r"a and b cannot be merged: they have no tempo in common \(a 60 to 90, b 110 to 160\)"),
        ("swing", [0.6, 0.7], [0.5, 0.55], r"they have no swing in common \(b 0.5 to 0.55, a 0.6 to 0.7\)"),
        ("velocity", [10, 20], [90, 100], "no velocity in common"),
    ],
)  # fmt: skip
def test_ranges_without_anything_in_common_are_named_with_both_genres(
    field: str, first: list[float], second: list[float], words: str
) -> None:
    with pytest.raises(PlanError, match=words):
        merge([_genre("a", **{field: first}), _genre("b", **{field: second})])


def test_weights_are_brought_to_shares_before_they_are_averaged() -> None:
    merged = merge([_genre("a", meters={"4/4": 9, "3/4": 1}), _genre("b", meters={"4/4": 0.5, "6/8": 0.5})])
    assert merged.meters == pytest.approx({"4/4": 0.7, "3/4": 0.05, "6/8": 0.25})


def test_probabilities_do_not_shrink() -> None:
    first = _genre("a", rests=0.2, layers={"beat": {"role": "beat", "probability": 0.9}}, effects={"reverb": 0.8})
    second = _genre(
        "b", layers={"beat": {"role": "beat", "probability": 0.7}, "pad": {"role": "harmony", "probability": 0.6}}
    )
    merged = merge([first, second])
    assert merged.rests == 0.2
    assert merged.layers["beat"].probability == 0.8
    assert merged.layers["pad"].probability == 0.6
    assert merged.effects == {"reverb": 0.8}


def test_tables_by_section_are_averaged_over_those_that_name_them() -> None:
    first = _genre(
        "a", sections={"verse": {"beat": 1.0, "melody": 0.5}}, section_bars={"verse": {8: 1}}, dynamics={"verse": 0.9}
    )
    second = _genre("b", sections={"verse": {"beat": 0.5}}, section_bars={"verse": {16: 3}}, dynamics={"verse": 1.1})
    merged = merge([first, second])
    assert merged.sections == {"verse": {"beat": 0.75, "melody": 0.5}}
    assert merged.section_bars == {"verse": {8: 0.5, 16: 0.5}}
    assert merged.dynamics == {"verse": 1.0}


def test_chains_are_averaged_row_by_row() -> None:
    first = _genre("a", chord_matrix={"init_probs": {"I": 2}, "transitions": {"I": {"V": 4}, "V": {"I": 1}}})
    second = _genre(
        "b", chord_matrix={"order": 2, "init_probs": {"vi": 1}, "transitions": {"I": {"IV": 1}, "I,V": {"vi": 1}}}
    )
    matrix = merge([first, second]).chord_matrix
    assert matrix is not None
    assert matrix.order == 2
    assert matrix.init_probs == {"I": 0.5, "vi": 0.5}
    assert matrix.transitions == {"I": {"IV": 0.5, "V": 0.5}, "V": {"I": 1.0}, "I,V": {"vi": 1.0}}


def test_filters_are_united_and_one_genre_without_lets_everything_through() -> None:
    first, second = _genre("a", chord_filter=["maj", "min"]), _genre("b", chord_filter=["min", "m7"])
    assert merge([first, second]).chord_filter == ["maj", "min", "m7"]
    assert merge([first, _genre("c")]).chord_filter is None


def test_layers_are_united_with_their_tags_rhythms_and_programs() -> None:
    bass = {"role": "bassline", "programs": {32: 1}, "tags": ["upright"], "style": "walking", "key_range": [28, 50]}
    other = {"role": "bassline", "programs": {33: 2}, "tags": ["bass"], "rhythms": ["x-x-"], "key_range": [30, 55]}
    merged = merge([_genre("a", layers={"bassline": bass}), _genre("b", layers={"bassline": other})]).layers["bassline"]
    assert merged.programs == {32: 0.5, 33: 0.5}
    assert merged.tags == ["upright", "bass"]
    assert merged.rhythms == ["x-x-"]
    assert merged.style == "walking"
    assert merged.key_range == (30, 50)


def test_a_layer_with_two_roles_or_without_an_octave_in_common_is_named() -> None:
    lead = _genre("a", layers={"lead": {"role": "melody", "key_range": [60, 75]}})
    with pytest.raises(PlanError, match="lead is a melody layer in a and a harmony layer in b"):
        merge([lead, _genre("b", layers={"lead": {"role": "harmony"}})])
    with pytest.raises(PlanError, match="less than an octave of `lead` in common"):
        merge([lead, _genre("b", layers={"lead": {"role": "melody", "key_range": [70, 85]}})])


def test_progressions_and_patterns_are_united() -> None:
    first = _genre("a", progressions={"verse": ["I,V", "I,IV"]}, patterns={"4/4": {"verse": ["36, 0, 38, 0"]}})
    second = _genre(
        "b",
        progressions={"verse": ["I,V"]},
        patterns={"4/4": {"verse": ["36, 36, 38, 0"]}, "3/4": {"verse": ["36, 0, 0"]}},
    )
    merged = merge([first, second])
    assert merged.progressions == {"verse": ["I,V", "I,IV"]}
    assert merged.patterns == {
        "4/4": {"verse": ["36, 0, 38, 0", "36, 36, 38, 0"]},
        "3/4": {"verse": ["36, 0, 0"]},
    }


def test_the_farms_genres_can_be_merged_but_for_those_whose_tempos_lie_apart() -> None:
    apart = set()
    for first, second in combinations(genre_names(), 2):
        try:
            merged = complete(merge([load_genre(first), load_genre(second)]))
        except PlanError:
            apart.add((first, second))
            continue
        assert merged.name == f"{first}+{second}"
        assert sum(merged.meters.values()) == pytest.approx(1, abs=1e-4)
    assert apart == {("electronic", "reggae")}
