"""What the command line says of rejected files: every one by name, and how many each rule rejected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from farm.ledger import Ledger
from tests.support.ledgers import Worker, reconciler, submit
from tests.unit.farm.cli.conftest import Call


@pytest.fixture
def planned(ledger: Ledger) -> Callable[..., int]:
    """Return a way to submit files and have them planned."""

    def submitted(*paths: str, **values: Any) -> int:
        number = submit(ledger, paths, **values)
        Worker(ledger, bad=["broken.mid"], seconds={"short.mid": 2.0, "brief.mid": 3.0}).work()
        reconciler(ledger).tick()
        return number

    return submitted


def _by_rule(text: str) -> list[str]:
    """Return the lines below the head of the table of rules."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return (
        [line for line in lines[lines.index("rejected by rule") + 1 :] if line] if "rejected by rule" in lines else []
    )


FILES = ("a.mid", "b.mid", "a.mid.copy", "short.mid", "brief.mid", "broken.mid")
FILTERS = {"min_duration_s": 5, "min_parts": 1}


def test_failures_name_every_rejected_file_and_count_them_by_rule(planned: Callable[..., int], call: Call) -> None:
    number = planned(*FILES, filters=FILTERS)
    answer = call("failures", number)
    assert answer.code == 0
    assert "2.0 s, at least 5 s are wanted" in answer.out
    assert _by_rule(answer.out) == ["2 too_short", "1 duplicate", "1 unreadable"]
    reasons = [row["reason"] for row in call("failures", number, "--json").json]
    assert sorted(reasons) == ["duplicate", "too_short", "too_short", "unreadable"]


def test_songs_say_what_was_left_out_by_which_rule(planned: Callable[..., int], call: Call) -> None:
    number = planned(*FILES, filters=FILTERS)
    out = call("songs", number).out
    assert _by_rule(out)[:3] == ["2 too_short", "1 duplicate", "1 unreadable"]
    assert f"farm failures {number}" in out
    assert len(call("songs", number, "--json").json) == 2


def test_nothing_is_said_of_rejects_where_there_are_none(planned: Callable[..., int], call: Call) -> None:
    number = planned("a.mid", "b.mid")
    assert _by_rule(call("songs", number).out) == []
    assert call("failures", number).out == "nothing was rejected or failed\n"


def test_each_rule_of_a_band_has_a_line_of_its_own(planned: Callable[..., int], call: Call) -> None:
    band = {"members": [{"inst_class": "Guitar", "min_notes": 5000}]}
    number = planned("a.mid", "b.mid", filters={"min_duration_s": 0, "min_parts": 1, "band": band})
    assert _by_rule(call("failures", number).out) == ["2 band_too_few_notes"]
