"""The parent of local slots: real processes, started, killed, and gone at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from farm.ledger import open_ledger
from farm.scheduling.slothost import SlotHost, start_ahead
from schemas.errors import DiskFullError, FarmError, ServiceError
from tests.support.farms import wait_until


def is_alive(pid: int) -> bool:
    """Whether a process works still; one that nobody has fetched the end of does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def host(tmp_path: Path) -> Iterator[SlotHost]:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    open_ledger(url).close()
    with SlotHost() as started:
        started.begin(url, slots=2, logs=tmp_path / "logs")
        wait_until(started.tend, what="the slots")
        yield started


def test_it_starts_as_many_slots_as_it_is_told(host: SlotHost, tmp_path: Path) -> None:
    assert len(set(host.pids)) == 2
    assert all(psutil.pid_exists(pid) for pid in host.pids)
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    wait_until(lambda: ledger.live_slots() == 2, what="both slots in the ledger")
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == ["slot-0.log", "slot-1.log"]


def test_a_slot_that_dies_is_started_again(host: SlotHost) -> None:
    first, second = host.pids
    os.kill(first, signal.SIGKILL)
    wait_until(host.tend, what="a new slot")
    assert host.pids[1] == second
    assert host.pids[0] not in (first, second)
    assert not host.tend()


def test_slots_end_with_the_driver(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    open_ledger(url).close()
    with SlotHost() as host:
        host.begin(url, slots=2, logs=tmp_path / "logs")
        wait_until(host.tend, what="the slots")
        pids = host.pids
        wait_until(lambda: open_ledger(url).live_slots() == 2, what="both slots in the ledger")
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert open_ledger(url).live_slots() == 0


def test_a_slot_stopped_the_moment_it_is_in_the_ledger_leaves_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    ledger = open_ledger(url)
    with SlotHost() as host:
        host.begin(url, slots=1, logs=tmp_path / "logs")
        watch = ledger.watch()
        while not (watch.changed() and ledger.live_slots()):
            pass
        watch.close()
    assert ledger.live_slots() == 0


def test_a_parent_that_dies_is_told_and_its_slots_follow_it(host: SlotHost) -> None:
    parent = psutil.Process(host.pids[0]).ppid()
    os.kill(parent, signal.SIGKILL)
    with pytest.raises(ServiceError, match="the slots ended"):
        wait_until(host.tend, what="the end")
    wait_until(lambda: not any(map(is_alive, host.pids)), what="the slots to follow")


def test_a_host_that_was_never_told_to_begin_goes_at_once() -> None:
    before = psutil.Process().children()
    with SlotHost() as host:
        [child] = [child for child in psutil.Process().children() if child not in before]
        assert host.pids == []
    assert not is_alive(child.pid)


def test_a_host_started_ahead_is_the_one_that_is_used() -> None:
    before = psutil.Process().children()
    start_ahead(["run", "songs", "--out", "out"])
    [child] = [child for child in psutil.Process().children() if child not in before]
    with SlotHost.ready():
        assert [one for one in psutil.Process().children() if one not in before] == [child]
    assert not is_alive(child.pid)


@pytest.mark.parametrize(
    "arguments",
    [[], ["status", "run"], ["run", "--help"], ["compose", "--plan", "a.yaml"], ["compose", "--plan=a.yaml"]],
)
def test_what_makes_nothing_starts_nothing(arguments: list[str]) -> None:
    before = psutil.Process().children()
    start_ahead(arguments)
    assert psutil.Process().children() == before


def test_a_host_started_ahead_for_a_command_that_fails_goes_with_it() -> None:
    failing = (
        "import os, psutil; from farm.scheduling.slothost import start_ahead; start_ahead(['run']); "
        "print(psutil.Process().children()[0].pid, flush=True); os._exit(2)"
    )
    said = subprocess.run([sys.executable, "-c", failing], check=False, capture_output=True, text=True)
    pid = int(said.stdout)
    wait_until(lambda: not is_alive(pid), what="the slots' process to end by itself")


@pytest.mark.parametrize(("reason", "kind"), [("disk_full", DiskFullError), ("service", ServiceError)])
def test_what_ends_the_slots_for_good_ends_the_run(host: SlotHost, reason: str, kind: type[FarmError]) -> None:
    assert DiskFullError.reason == "disk_full"
    with pytest.raises(kind, match="no room"):
        host.hear({"failed": reason, "message": "no room", "hint": "Free some space"})
