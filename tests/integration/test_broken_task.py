"""A task that breaks in a way that nobody foresaw has a name in the ledger, and its slot lives."""

from __future__ import annotations

import pytest

from farm.ledger import Ledger
from farm.ledger.models import AttemptRow, SongRow
from schemas.states import SongState, TaskKind
from tests.support.ledgers import assert_counters_are_true, rendering, rows
from workers import tasks
from workers.config import WorkerSettings


def test_an_error_of_no_known_kind_is_told_by_its_own_name(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setitem(tasks._RUN, TaskKind.MIX, breaks)  # noqa: SLF001
    _, worker = rendering(ledger, parts=1)
    worker.render()
    for _ in range(2):
        task = worker.claim(TaskKind.MIX)
        assert task is not None
        tasks.run_task(ledger, task, WorkerSettings())
    assert worker.claim(TaskKind.MIX) is None
    ((state, reason, detail),) = rows(ledger, SongRow.state, SongRow.reason, SongRow.detail)
    assert (state, reason) == (SongState.FAILED, "task_failed")
    assert "OSError: [Errno 22] Invalid argument" in detail
    tried = [row for row in rows(ledger, AttemptRow.task_id, AttemptRow.outcome, AttemptRow.reason) if row.task_id]
    assert [row.reason for row in tried if row.outcome == "failed"] == ["task_failed", "task_failed"]
    assert_counters_are_true(ledger)
