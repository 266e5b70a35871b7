from __future__ import annotations

import pytest

from schemas.genre import METERS
from schemas.score import PPQ
from workers.composing.meters import bar_ticks, beats_of, is_compound, parse_meter


@pytest.mark.parametrize(
    ("word", "eighths"),
    [("2/4", [2, 2]), ("3/4", [2] * 3), ("4/4", [2] * 4), ("5/4", [2] * 5), ("6/8", [3, 3]), ("7/8", [2, 2, 3]),
     ("12/8", [3] * 4)],
)  # fmt: skip
def test_beats_are_those_that_a_musician_counts(word: str, eighths: list[int]) -> None:
    assert [beat.ticks for beat in beats_of(parse_meter(word))] == [PPQ // 2 * count for count in eighths]


@pytest.mark.parametrize("word", METERS)
def test_beats_fill_their_bar_without_a_gap(word: str) -> None:
    meter, at = parse_meter(word), 0
    for beat in beats_of(meter):
        assert beat.start == at
        at += beat.ticks
    assert at == bar_ticks(meter)


def test_compound_meters_are_those_whose_beats_divide_by_three() -> None:
    assert {word for word in METERS if is_compound(parse_meter(word))} == {"6/8", "12/8"}
