"""Engine processes that are forked from their slot: ready at once, and in all else what the command is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.desk import ROOT, Desk, gone, wait_for

pytestmark = pytest.mark.skipif(
    sys.platform == "darwin", reason="needs_linux: macOS does not survive a fork without exec"
)

_SLOT = """
import json, os, signal, sys, threading
from pathlib import Path
import psutil
from schemas.errors import EngineError
from tests.support.desk import PATIENT, Desk, gone, wait_for
from tests.support.engines import Misbehaving
from workers.engines.client import EngineProcess

def say(**what):
    print(json.dumps(what), flush=True)

desk, seen = Desk(Path(sys.argv[1])), []
process = EngineProcess("tests.support.engines:Misbehaving", limits=PATIENT, on_recycle=seen.append, forks=True)
"""


def _slot(tmp_path: Path, script: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _SLOT + script, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


def _told(tmp_path: Path, script: str) -> dict[str, Any]:
    with _slot(tmp_path, script) as slot:
        out, _ = slot.communicate(timeout=240)
    assert slot.returncode == 0
    told: dict[str, Any] = json.loads(out)
    return told


def test_a_fork_plays_what_the_command_plays_and_has_nothing_of_its_slot(tmp_path: Path) -> None:
    script = """
lock = open(desk.midi.parent / "lock", "w")
signal.signal(signal.SIGTERM, lambda *_: None)
os.environ["FARM_LEDGER_URL"] = "postgresql://farm:secret@db/farm"
outcome = desk.render(process, Misbehaving.PLAYS)
pid = process.pid
forked = psutil.Process(pid).cmdline() == psutil.Process().cmdline()
files = [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
leads = os.getsid(pid) == pid
os.kill(pid, signal.SIGTERM)
wait_for(lambda: gone(pid))
say(data=outcome.data_hash, forked=forked, held=lock.name in files, leads=leads, mine=os.getpid())
process.close()
"""
    told = _told(tmp_path, script)
    desk = Desk(tmp_path)
    by_command = desk.render(desk.process(), 0)
    desk.close()
    assert told["data"] == by_command.data_hash
    assert (told["forked"], told["held"], told["leads"]) == (True, False, True)


def test_a_slot_with_another_thread_starts_the_command(tmp_path: Path) -> None:
    script = """
over = threading.Event()
threading.Thread(target=over.wait).start()
desk.render(process, Misbehaving.PLAYS)
say(words=psutil.Process(process.pid).cmdline())
process.close()
over.set()
"""
    assert "workers.engines.process" in _told(tmp_path, script)["words"]


def test_a_fork_that_crashes_costs_one_job_and_is_replaced(tmp_path: Path) -> None:
    script = """
try:
    desk.render(process, Misbehaving.CRASHES)
except EngineError as error:
    message = error.message
again = desk.render(process, Misbehaving.PLAYS)
pid = process.pid
process.close()
say(message=message, cold=again.cost.cold, causes=[one.cause for one in seen], gone=gone(pid))
"""
    told = _told(tmp_path, script)
    assert "SIGSEGV" in told["message"]
    assert (told["cold"], told["causes"], told["gone"]) == (True, ["crash"], True)


def test_a_fork_dies_with_its_slot_even_while_it_works(tmp_path: Path) -> None:
    script = """
desk.render(process, Misbehaving.PLAYS)
say(pid=process.pid)
desk.render(process, Misbehaving.HANGS)
"""
    with _slot(tmp_path, script) as slot:
        assert slot.stdout is not None
        pid = json.loads(slot.stdout.readline())["pid"]
        assert not gone(pid)
        slot.kill()
    wait_for(lambda: gone(pid))
