"""A host that is drained while the service runs: it takes nothing, holds nobody up, and works again when it may."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from farm.ledger import Ledger, open_ledger
from farm.ledger.models import AttemptRow, SlotRow
from farm.scheduling.broker import Broker
from schemas.logs import log_files, parse_line
from schemas.states import SubmissionState
from tests.support.databases import new_ledger_url
from tests.support.farms import DEMO, farm_json, kill_tree, start, wait_until
from tests.support.ledgers import assert_counters_are_true, rows

pytestmark = pytest.mark.services


@contextmanager
def hosts(folder: Path, url: str, *names: str) -> Iterator[dict[str, str]]:
    """Start a broker, a scheduler and one worker for each host; everything is ended by its pid."""
    with Broker(folder / "broker") as broker, ExitStack() as stack:
        env = {
            "FARM_LEDGER_URL": url, "FARM_BROKER_URL": broker.url, "FARM_HOME": str(folder / "home"), "FARM_TICK_S": "0.2",
            "FARM_HEARTBEAT_S": "0.5", "FARM_SLOT_TIMEOUT_S": "6", "FARM_QUIET_S": "60", "FARM_METRICS_PORT": "0",
        }  # fmt: skip
        stack.callback(_end, start("scheduler", log=folder / "scheduler.log", env=env))
        for name in names:
            stack.callback(
                _end, start("worker", "--slots", 1, log=folder / f"{name}.log", env={**env, "FARM_HOST": name})
            )
        yield env


def _end(part: subprocess.Popen[bytes]) -> None:
    if part.poll() is None:
        kill_tree(part)


def done(ledger: Ledger, number: int) -> bool:
    return ledger.submission(number).state is SubmissionState.DONE


def workers_of(ledger: Ledger, number: int) -> set[str]:
    """Return the hosts that did anything for a submission."""
    slots = {row.id: row.host for row in rows(ledger, SlotRow.id, SlotRow.host)}
    tried = rows(ledger, AttemptRow.slot_id, AttemptRow.outcome, submission_id=number)
    return {slots[row.slot_id] for row in tried if row.outcome == "done"}


def test_a_drained_host_holds_up_neither_stems_nor_songs(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for song in sorted(DEMO.glob("*.mid"))[:2]:
        shutil.copy(song, source)
    url = new_ledger_url("sqlite", tmp_path)
    ledger = open_ledger(url)
    with hosts(tmp_path, url, "one", "two") as env:
        first = farm_json("submit", source, "--out", tmp_path / "first", env=env)["submission"]
        wait_until(lambda: done(ledger, first), what="both hosts to have been seen")
        wait_until(lambda: {report.host for report in ledger.hosts()} == {"one", "two"}, what="both hosts")
        for name, other in (("one", "two"), ("two", "one")):
            ledger.drain(name, on=True)
            ledger.drain(other, on=False)
            number = farm_json("submit", source, "--out", tmp_path / name, "--seed", 7, env=env)["submission"]
            # Messages are announced again after a minute only: whatever the drained host took, it has passed on.
            wait_until(lambda number=number: done(ledger, number), what=f"{other} to do it alone")  # type: ignore[misc]
            assert workers_of(ledger, number) == {other}
    texts = [path.read_text(encoding="utf-8") for path in log_files(tmp_path / "home" / "logs")]
    lines = [parse_line(line) for text in texts for line in text.splitlines()]
    assert {line.host for line in lines if line is not None and line.message == "stem rendered"} == {"one", "two"}
    assert_counters_are_true(ledger)
    ledger.close()
