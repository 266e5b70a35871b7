"""The room that a dataset will take, told before it is rendered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from farm.cli.room import Room, published_bytes
from farm.ledger import SubmissionStatus
from schemas.plan import OutputPlan
from schemas.states import SubmissionState


class Usage(NamedTuple):
    """What `shutil.disk_usage` returns."""

    total: int
    used: int
    free: int


@pytest.mark.parametrize(
    ("values", "bytes_per_s"),
    [
        ({}, 127_008),
        ({"bits": 16, "channels": 1}, 22_050),
        ({"format": "wav", "bits": 32}, 388_080),
        ({"parts": "stems"}, 114_307),
        ({"parts": "midi"}, 0),
    ],
)
def test_it_goes_by_the_form_of_the_files(values: dict[str, Any], bytes_per_s: int) -> None:
    assert published_bytes(1000.0, OutputPlan(**values)) == pytest.approx(1000 * bytes_per_s, rel=1e-3)


def status(**values: Any) -> SubmissionStatus:
    empty: dict[str, Any] = dict.fromkeys(SubmissionStatus.__dataclass_fields__)
    made = SubmissionStatus(**{**empty, "state": SubmissionState.ACTIVE, "work_total": 100_000.0, "work_done": 0.0})
    return replace(made, **values)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[str]:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(0, 0, request.param))
    return []


@pytest.mark.parametrize("lines", [2_000_000_000], indirect=True)
def test_too_little_is_a_warning_said_once_and_early(lines: list[str]) -> None:
    room = Room(Path("out"), OutputPlan(), lines.append)
    room.look(status(state=SubmissionState.SCANNING))
    assert lines == []
    for _ in range(2):
        room.look(status())
    assert len(lines) == 1
    assert lines[0].startswith("warning: about 12.7 GB will be published, and 2.0 GB are free in out")


@pytest.mark.parametrize("lines", [65_000_000_000], indirect=True)
def test_what_is_left_to_do_is_what_counts(lines: list[str]) -> None:
    Room(Path("out"), OutputPlan(), lines.append).look(status(work_done=50_000.0))
    assert lines == ["about 6.4 GB will be published; 65.0 GB are free"]


@pytest.mark.parametrize("lines", [65_000_000_000], indirect=True)
def test_a_small_dataset_is_not_worth_a_line(lines: list[str]) -> None:
    Room(Path("out"), OutputPlan(), lines.append).look(status(work_total=100.0))
    assert lines == []
