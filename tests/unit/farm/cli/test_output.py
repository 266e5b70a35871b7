"""Durations, moments and sizes as people read them; records as machines read them."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from farm.cli.output import answer, counted, duration, print_json, print_json_line, size
from schemas.states import StemState


@dataclass(frozen=True, slots=True)
class Inner:
    state: StemState
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Outer:
    inner: Inner
    items: list[Inner]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"), (0, "0 s"), (0.032, "0.03 s"), (0.25, "0.2 s"), (8.4, "8 s"), (59.4, "59 s"), (59.6, "1 min 00 s"),
        (200, "3 min 20 s"), (3599.7, "1 h 00 min"), (7500, "2 h 05 min"), (90000, "1 d 01 h"), (360_000, "4 d 04 h"),
    ],
)  # fmt: skip
def test_a_duration_is_told_in_its_two_largest_units(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(None, "–"), (0, "0 B"), (999, "999 B"), (41_200_000_000, "41.2 GB"), (2.5e15, "2,500.0 TB")]
)
def test_a_size_is_told_in_the_unit_that_suits_it(count: float | None, text: str) -> None:
    assert size(count) == text


def test_a_count_agrees_with_its_noun() -> None:
    assert [counted(n, "stem") for n in (0, 1, 2040)] == ["0 stems", "1 stem", "2,040 stems"]
    assert counted(2, "patch", "patches") == "2 patches"


def test_records_inside_records_become_json(capsys: pytest.CaptureFixture[str]) -> None:
    inner = Inner(StemState.DONE, None)
    print_json({"outer": Outer(inner, [inner])})
    plain = {"state": "done", "seconds": None}
    assert json.loads(capsys.readouterr().out) == {"outer": {"inner": plain, "items": [plain]}}
    print_json_line(inner)
    assert capsys.readouterr().out == '{"state": "done", "seconds": null}\n'


def test_an_answer_is_json_or_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer({"a": 1}, "one", as_json=False) == 0
    assert capsys.readouterr().out == "one\n"
    assert answer({"a": 1}, "one", as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"a": 1}
