"""A full disk: no work is taken while there is no room; what a write could not finish is free for others."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from farm.ledger import open_ledger
from farm.ledger.models import StemRow
from schemas.errors import DiskFullError
from schemas.states import EventKind
from tests.support.databases import new_ledger_url
from tests.support.desk import ROOT
from tests.support.farms import wait_until
from tests.support.ledgers import assert_counters_are_true, rows
from tests.support.stages import Stage
from workers import disk
from workers.disk import Space


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    url = new_ledger_url("sqlite", tmp_path)
    ledger = open_ledger(url, patience_s=5.0)
    stage = Stage(ledger, url, tmp_path)
    yield stage
    stage.close()
    ledger.close()


class Gauge:
    """A disk that says what it is told to say."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 10**12
        monkeypatch.setattr(disk, "space_of", lambda folder: Space(10**12, self.free))


@pytest.fixture
def gauge(monkeypatch: pytest.MonkeyPatch) -> Gauge:
    return Gauge(monkeypatch)


def test_a_slot_takes_nothing_while_there_is_no_room_and_goes_on_when_there_is(stage: Stage, gauge: Gauge) -> None:
    number = stage.submit(["none"] * 3)
    gauge.free = 10**9
    slot = stage.slot()
    slot.render_batch()  # looks where the submission is written to, and gives back what it got
    assert slot.render_batch() == 0
    assert slot.run_task() is False
    assert slot.resting == "its disk is full"
    (event,) = stage.events(EventKind.DISK_FULL)
    assert (event.host, "1.00 GB are free" in event.detail) == ("here", True)
    assert stage.states(number) == {"ready": 3}
    assert {row.losses for row in rows(stage.ledger, StemRow.losses)} == {0}
    gauge.free = 10**12
    wait_until(lambda: slot.resting == "", what="the slot to see the room")
    assert slot.render_batch() > 0
    assert len(stage.events(EventKind.DISK_FULL)) == len(stage.events(EventKind.RETURNED)) == 1


def test_the_ledger_knows_how_much_room_a_host_has(stage: Stage, gauge: Gauge) -> None:
    stage.submit(["none"])
    gauge.free = 123_000_000_000
    stage.slot()
    wait_until(
        lambda: [report.free_disk_bytes for report in stage.ledger.hosts()] == [gauge.free], what="the host's pulse"
    )


def test_local_mode_asks_no_disk_and_gives_up_where_a_write_finds_no_room(
    stage: Stage, gauge: Gauge, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = stage.submit(["none"] * 2)
    gauge.free = 0
    slot = stage.slot(service=False)
    assert slot.render_batch() > 0  # a person's own disk may be as full as it likes
    assert socket.gethostname() in {report.host for report in stage.ledger.workers()}  # as its driver knows it

    def full(*_: Any) -> None:
        raise DiskFullError("no room left")

    monkeypatch.setattr("workers.slot.render_stem", full)
    with pytest.raises(DiskFullError):
        slot.render_batch()
    slot.close()
    assert stage.states(number) == {"ready": 1, "done": 1}


def test_a_write_without_room_on_a_disk_that_is_known_to_be_full_is_not_told_again(
    stage: Stage, gauge: Gauge, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = stage.submit(["none"] * 3)
    slot = stage.slot()

    def full(*_: Any) -> None:
        gauge.free = 10**9
        wait_until(lambda: slot.resting != "", what="the slot's heartbeat to see it")
        raise DiskFullError("no room left")

    monkeypatch.setattr("workers.slot.render_stem", full)
    assert slot.render_batch() > 0
    assert stage.states(number) == {"ready": 3}
    assert len(stage.events(EventKind.DISK_FULL)) == 1


SCRIPT = """
import json, subprocess, sys
from pathlib import Path
from farm.ledger import open_ledger
from farm.ledger.models import StemRow
from tests.support.databases import new_ledger_url
from tests.support.ledgers import rows
from tests.support.stages import Stage
from workers import disk

folder = Path(sys.argv[1])
disk.PAUSE_S, disk.FIRST_STEM_BYTES = 2.0, 1.0
url = new_ledger_url("sqlite", folder)
ledger = open_ledger(url, patience_s=5.0)
stage = Stage(ledger, url, folder)
number = stage.submit(["none"] * 12)
slot = stage.slot(batch=12)
said = {"leased": slot.render_batch(), "first": stage.states(number), "resting": slot.resting, "then": slot.render_batch()}
said["parts"] = [path.name for path in stage.root.glob("tmp/*.part")]
said["blame"] = sorted({(row.tries, row.losses) for row in rows(ledger, StemRow.tries, StemRow.losses)})
subprocess.run(["mount", "-o", "remount,size=64m", str(stage.root)], check=True)
slot.rest(20)
while slot.render_batch():
    pass
said["last"] = stage.states(number)
said["events"] = [event.kind for event in ledger.events(limit=1000) if event.kind in ("disk full", "returned")]
stage.close()
print(json.dumps(said))
"""


def _can_mount() -> bool:
    probe = ["unshare", "-rm", "true"]
    return (
        shutil.which("unshare") is not None and subprocess.run(probe, capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not _can_mount(), reason="this system lets no user make a mount namespace")
def test_a_disk_that_fills_up_in_mid_batch_costs_no_stem_a_try(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    inside = 'mount -t tmpfs -o size=4m tmpfs "$1/store" && exec "$0" -c "$2" "$1"'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", inside, sys.executable, str(tmp_path), SCRIPT],
        capture_output=True, text=True, timeout=240, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert 0 < said["first"]["done"] < said["leased"]
    assert set(said["first"]) == {"done", "ready"}
    assert (said["resting"], said["then"], said["parts"]) == ("its disk is full", 0, [])
    assert said["blame"] == [[0, 0]]
    assert said["last"] == {"done": 12}
    assert sorted(said["events"]) == ["disk full", "returned"]


def test_counters_hold_when_a_batch_is_given_back(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    number = stage.submit(["none"] * 6)

    def full(*_: Any) -> None:
        raise DiskFullError("no room left")

    monkeypatch.setattr("workers.slot.render_stem", full)
    slot = stage.slot()
    assert slot.render_batch() > 0
    assert stage.states(number) == {"ready": 6}
    assert {row.losses for row in rows(stage.ledger, StemRow.losses)} == {0}
    assert_counters_are_true(stage.ledger)
