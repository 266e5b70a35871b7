from __future__ import annotations

import pytest

from schemas.errors import PlanError
from schemas.score import PPQ
from workers.composing.patterns import Hit, fits, parse_pattern


def test_hits_stand_together_rest_are_loud_and_are_soft() -> None:
    pattern = parse_pattern("36+42, 0, 38!+42, 42.")
    assert pattern.slots == 4
    assert pattern.hits == (Hit(0, 36, 92), Hit(0, 42, 92), Hit(2, 38, 114), Hit(2, 42, 92), Hit(3, 42, 48))


@pytest.mark.parametrize("line", ["36, x", "36+", "128", "0+36", "36!!", ""])
def test_what_is_no_drum_is_refused_with_the_line_that_has_it(line: str) -> None:
    with pytest.raises(PlanError, match="there is no drum"):
        parse_pattern(line)


@pytest.mark.parametrize(
    ("slots", "numerator", "quarters", "expected"),
    [(4, 4, 4, True), (8, 4, 4, True), (16, 4, 4, True), (12, 4, 4, True), (6, 4, 4, False), (6, 6, 3, True), (12, 6, 3, True),
     (4, 6, 3, False), (7, 7, 3.5, True), (14, 7, 3.5, True), (9, 3, 3, True)],
)  # fmt: skip
def test_patterns_divide_every_count_of_their_bar(
    slots: int, numerator: int, quarters: float, *, expected: bool
) -> None:
    pattern = parse_pattern(", ".join(["36"] * slots))
    assert fits(pattern, int(quarters * PPQ), numerator) is expected
