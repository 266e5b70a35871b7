"""The ledger is away while stems are rendered: what was done waits on the host's disk, and is never done again."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from farm.ledger import open_ledger
from farm.ledger.models import AttemptRow, StemRow
from farm.scheduling.postgres import Postgres
from schemas.states import EventKind
from tests.support.databases import new_ledger_url
from tests.support.desk import ROOT, gone
from tests.support.farms import wait_until
from tests.support.ledgers import assert_counters_are_true, rows
from tests.support.stages import Stage
from workers.rendering import Rendered, render_stem


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("farm.ledger.database.BUSY_TIMEOUT_S", 0.2)
    monkeypatch.setattr("workers.slot.HASTE_S", 0.2)
    monkeypatch.setattr("workers.outbox.HASTE_S", 0.2)
    monkeypatch.setattr("workers.outbox.RETRY_S", 0.5)
    url = new_ledger_url("sqlite", tmp_path)
    ledger = open_ledger(url, patience_s=1.0)
    stage = Stage(ledger, url, tmp_path)
    yield stage
    stage.close()
    ledger.close()


@contextmanager
def away(stage: Stage) -> Iterator[None]:
    """Keep everybody out of the ledger, as a database that restarts does."""
    lock = sqlite3.connect(stage.folder / "ledger.sqlite", timeout=30, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        lock.execute("ROLLBACK")
        lock.close()


def spooled(stage: Stage) -> list[Path]:
    return [path for path in (stage.folder / "home" / "spool").glob("*.jsonl") if path.stat().st_size]


def attempts(stage: Stage) -> list[str]:
    return [row.outcome for row in rows(stage.ledger, AttemptRow.outcome, AttemptRow.stem_id) if row.stem_id]


def test_a_batch_is_rendered_to_its_end_and_told_when_the_ledger_is_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.slot.COMMIT_STEMS", 1)
    number = stage.submit([("segfault", 1), "slow"], *[["slow"]] * 11)
    slot = stage.slot()
    leased = 0
    lease_stems = slot._ledger.lease_stems  # noqa: SLF001  to have the ledger go away between lease and commit
    gate = away(stage)

    def lease_and_leave(*args: object, **values: object) -> object:
        nonlocal leased
        leases = lease_stems(*args, **values)  # type: ignore[arg-type]
        leased = len(leases)
        gate.__enter__()
        return leases

    monkeypatch.setattr(slot._ledger, "lease_stems", lease_and_leave)  # noqa: SLF001
    assert slot.render_batch() == leased > 1
    monkeypatch.undo()
    assert len(spooled(stage)) == 1
    assert slot.render_batch() == 0
    assert slot.resting == "the ledger or the store is away"
    gate.__exit__(None, None, None)
    slot.rest(10)
    assert slot.resting == ""
    slot.render_batch()
    assert spooled(stage) == []
    while slot.render_batch():
        pass
    assert stage.states(number) == {"done": 13}
    assert sorted(attempts(stage)) == ["done"] * 13 + ["failed"]
    (event,) = stage.events(EventKind.SPOOLED)
    assert event.host == "here"
    assert stage.causes() == ["crash"]
    assert_counters_are_true(stage.ledger)


def test_the_heartbeat_tells_it_even_where_nobody_asks_for_work(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.slot.COMMIT_STEMS", 1)
    number = stage.submit(["none"])
    slot = stage.slot()
    leases = slot._ledger.lease_stems(slot._ref, engine=slot._engine.classes, warm_key=None, limit=1)  # noqa: SLF001
    with away(stage):
        slot._commit_in_groups(slot._render_all(leases))  # noqa: SLF001
        assert len(spooled(stage)) == 1
    wait_until(lambda: stage.states(number) == {"done": 1}, what="the heartbeat to tell it")
    assert spooled(stage) == []


SLOT = """
import sys, time
from pathlib import Path
from farm.ledger import database, open_ledger
from workers import outbox, slot as module
database.BUSY_TIMEOUT_S = module.HASTE_S = outbox.HASTE_S = 0.2
module.COMMIT_STEMS = 1
from tests.support.broken import ENGINE
from workers.config import WorkerSettings
url, home = sys.argv[1:]
settings = WorkerSettings(ledger_url=url, home=Path(home), host="here", heartbeat_s=0.5)
slot = module.Slot(open_ledger(url, patience_s=1.0), settings, engines=(ENGINE,), service=True)
slot.render_batch()
print("rendered", flush=True)
time.sleep(60)
"""


def test_what_a_killed_slot_had_rendered_meanwhile_is_told_by_the_next(stage: Stage) -> None:
    number = stage.submit(*[["slow"]] * 8)
    process = subprocess.Popen(
        [sys.executable, "-c", SLOT, stage.url, str(stage.folder / "home")], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    wait_until(lambda: stage.states(number).get("leased", 0) > 0, what="a lease")
    with away(stage):
        assert process.stdout.readline() == "rendered\n"
        assert len(spooled(stage)) == 1
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    process.stdout.close()
    wait_until(lambda: gone(process.pid), what="the slot's end")
    before = stage.states(number)
    assert before["leased"] > 0
    slot = stage.slot()
    assert stage.states(number)["done"] == before.get("done", 0) + before["leased"]
    assert spooled(stage) == []
    assert "left by a slot that is gone" in stage.events(EventKind.SPOOLED)[0].detail
    stage.ledger.expire_host_slots("here", live_pids=[os.getpid()])
    while slot.render_batch():
        pass
    assert stage.states(number) == {"done": 8}
    assert attempts(stage) == ["done"] * 8
    assert not any(row.cached for row in rows(stage.ledger, AttemptRow.cached, AttemptRow.stem_id) if row.stem_id)
    assert_counters_are_true(stage.ledger)


def test_what_was_given_to_others_meanwhile_is_refused_and_nothing_is_counted_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.slot.COMMIT_STEMS", 1)
    number = stage.submit(*[["none"]] * 2)
    slot = stage.slot(heartbeat_s=60.0)
    leases = slot._ledger.lease_stems(slot._ref, engine=slot._engine.classes, warm_key=None, limit=1)  # noqa: SLF001
    with away(stage):
        slot._commit_in_groups(slot._render_all(leases))  # noqa: SLF001
    time.sleep(1.1)
    stage.ledger.expire_slots(1.0)
    other = stage.slot(host="there")
    while other.render_batch():
        pass
    assert stage.states(number) == {"done": 2}
    slot.render_batch()
    assert spooled(stage) == []
    assert len(stage.events(EventKind.FENCED)) == 1
    assert {row.losses for row in rows(stage.ledger, StemRow.losses)} == {0, 1}
    assert_counters_are_true(stage.ledger)


def test_what_was_kept_for_a_ledger_that_is_gone_does_not_get_into_the_one_in_its_place(
    stage: Stage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Both have a stem 1 that slot 2 holds at epoch 1."""
    stage.submit(["none"])
    old = stage.slot(heartbeat_s=60.0)
    (lease,) = old._ledger.lease_stems(old._ref, engine=old._engine.classes, warm_key=None, limit=1)  # noqa: SLF001
    folder = tmp_path_factory.mktemp("new")
    url = new_ledger_url("sqlite", folder)
    ledger = open_ledger(url, patience_s=1.0)
    new = Stage(ledger, url, folder)
    number = new.submit(["slow"])
    slot = new.slot(heartbeat_s=60.0)
    (other,) = ledger.lease_stems(slot._ref, engine=slot._engine.classes, warm_key=None, limit=1)  # noqa: SLF001
    assert (lease.stem_id, lease.epoch, old._ref) == (other.stem_id, other.epoch, slot._ref)  # noqa: SLF001
    made = render_stem(old._engine, lease)  # noqa: SLF001
    assert isinstance(made, Rendered)
    assert ledger.commit_stems(slot._ref, [made.commit]) == [False]  # noqa: SLF001
    assert new.states(number) == {"leased": 1}
    new.close()
    ledger.close()


@pytest.mark.services
def test_a_database_that_falls_over_and_comes_back_costs_no_stem_a_second_render(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.slot.COMMIT_STEMS", 1)
    server = Postgres()
    try:
        server.start()
        url = server.url(server.create())
        ledger = open_ledger(url, patience_s=30.0)
        stage = Stage(ledger, url, tmp_path)
        number = stage.submit(*[["slow"]] * 24)
        slot = stage.slot()

        def fall_over() -> None:
            wait_until(lambda: any(stage.root.glob("stems/*/*.stem")), what="the first stem")
            server.crash()
            wait_until(lambda: spooled(stage) != [], what="results to be kept")
            server.run()

        thread = threading.Thread(target=fall_over)
        thread.start()
        assert slot.render_batch() == 12
        thread.join()
        stage.hurry()
        wait_until(lambda: spooled(stage) == [], what="the results to be told")
        slot.rest(10)
        while slot.render_batch():
            pass
        assert stage.states(number) == {"done": 24}
        assert attempts(stage) == ["done"] * 24
        assert len(stage.events(EventKind.SPOOLED)) >= 1
        assert_counters_are_true(ledger)
        stage.close()
        ledger.close()
    finally:
        server.stop()
