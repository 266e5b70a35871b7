"""The scheduler's log says what its looks did, each line with the submission or the counts that it is about."""

from __future__ import annotations

import logging

import pytest

from farm.ledger.records import Expired
from farm.scheduling.reconciler import TickReport
from farm.scheduling.service import Voice
from schemas.logs import fields_of


def _said(caplog: pytest.LogCaptureFixture, *reports: TickReport) -> list[tuple[str, dict[str, object]]]:
    voice = Voice()
    with caplog.at_level(logging.INFO, logger="farm.scheduling.service"):
        for report in reports:
            voice.tell(report)
    return [(record.getMessage(), dict(fields_of(record))) for record in caplog.records]


def test_what_a_look_did_is_logged_with_what_it_is_about(caplog: pytest.LogCaptureFixture) -> None:
    report = TickReport(expired=Expired(slots=1, stems=16, tasks=2), settled=[4], finished=[3, 5])
    assert _said(caplog, TickReport(), report) == [
        ("silent slots were given up, their work is free again", {"slots": 1, "stems": 16, "tasks": 2}),
        ("a pause or cancellation is through", {"submission": 4}),
        ("ended", {"submission": 3}),
        ("ended", {"submission": 5}),
    ]


def test_another_scheduler_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    ((message, _),) = _said(caplog, TickReport(leader=False), TickReport(), TickReport(leader=False))
    assert "take turns" in message
