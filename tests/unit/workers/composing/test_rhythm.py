from __future__ import annotations

import pytest

from schemas.score import PPQ, Bar
from workers.composing.draws import Stream
from workers.composing.rhythm import cut_at, drawn, fitting, joined, spans

FOUR = Bar(start=1000, meter=(4, 4), section=0)


def test_strikes_holds_and_rests_become_spans() -> None:
    eighth = PPQ // 2
    assert spans("x-.xx---", FOUR) == [
        (1000, 1000 + 2 * eighth),
        (1000 + 3 * eighth, 1000 + 4 * eighth),
        (1000 + 4 * eighth, 1000 + 8 * eighth),
    ]


def test_a_hold_after_a_rest_strikes_nothing() -> None:
    assert spans(".-x-", FOUR) == [(1000 + 2 * PPQ, 1000 + 4 * PPQ)]


@pytest.mark.parametrize(
    ("meter", "fits"),
    [((4, 4), ["xxxx", "x-x-x-x-"]), ((6, 8), ["xxxxxx"]), ((3, 4), ["xxxxxx"]), ((7, 8), ["xxxxxxx"]),
     ((2, 4), ["xxxx", "x-x-x-x-", "xxxxxx"]), ((12, 8), ["xxxx"])],
)  # fmt: skip
def test_only_rhythms_that_divide_every_beat_go_with_a_meter(meter: tuple[int, int], fits: list[str]) -> None:
    known = ["xxxx", "x-x-x-x-", "xxxxxx", "xxxxxxx"]
    assert fitting(known, Bar(start=0, meter=meter, section=0)) == fits


def test_a_rhythm_that_names_a_meter_is_of_that_one_only() -> None:
    assert fitting(["3/4 x-x-x-", "6/8 x--x--"], Bar(start=0, meter=(6, 8), section=0)) == ["x--x--"]


def test_where_no_rhythm_fits_what_is_said_instead_is_played() -> None:
    assert drawn(["xxx"], FOUR, Stream("x"), [(1000, 1001)]) == [(1000, 1001)]
    assert len(drawn(["xxx", "xxxx"], FOUR, Stream("x"), [])) == 4


def test_what_is_held_is_struck_anew_where_it_must() -> None:
    assert cut_at([(0, 10), (20, 30)], [5, 7, 10, 20, 40]) == [(0, 5), (5, 7), (7, 10), (20, 30)]


def test_joined_spans_never_overlap() -> None:
    assert joined([(0, 10), (12, 20)], [(5, 8)]) == [(0, 5), (5, 8), (12, 20)]
    assert joined([], []) == []
