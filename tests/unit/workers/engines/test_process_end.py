"""How an engine process ends: on demand, with its slot, and never with an answer left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.states import FailureReason as F
from tests.support.desk import ROOT, Desk, gone, wait_for, when_running
from tests.support.engines import Misbehaving
from workers.engines import client


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def test_an_abort_ends_a_render_at_once_and_for_good(desk: Desk) -> None:
    process = desk.process()
    thread = when_running(process, desk.part, lambda pid: process.abort())
    assert desk.fails(process, Misbehaving.HANGS).cause == F.SLOT_LOST
    thread.join()
    assert desk.fails(process, Misbehaving.PLAYS).cause == F.SLOT_LOST


def test_an_abort_may_come_before_anything_has_begun(desk: Desk) -> None:
    process = desk.process()
    process.abort()
    process.close()
    assert desk.fails(process, Misbehaving.PLAYS).cause == F.SLOT_LOST


def test_a_close_ends_even_a_process_that_stands_still(desk: Desk) -> None:
    process = desk.process()
    desk.render(process, Misbehaving.PLAYS)
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    process.close()
    assert gone(pid)


def test_an_interrupt_leaves_no_process_with_an_old_answer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    process = desk.process()
    desk.render(process, Misbehaving.PLAYS)
    pid = process.pid
    monkeypatch.setattr(client, "overdue", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        desk.render(process, Misbehaving.HANGS)
    monkeypatch.undo()
    assert pid is not None
    assert gone(pid)
    assert desk.render(process, Misbehaving.PLAYS).cost.cold


def test_it_dies_with_its_parent_even_while_it_works(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.support.engines import Misbehaving\n"
        "from tests.support.desk import Desk\n"
        "desk = Desk(Path(sys.argv[1])); process = desk.process()\n"
        "desk.render(process, Misbehaving.PLAYS); print(process.pid, flush=True)\n"
        "desk.render(process, Misbehaving.HANGS)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert not gone(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: gone(pid))
    assert desk.midi.exists()


def test_where_the_system_gives_no_sign_the_parent_is_watched() -> None:
    watcher = (
        "import os, sys, threading, time; from workers.engines.process import watch_parent\n"
        "threading.Thread(target=watch_parent, args=(int(sys.argv[1]), 0.01), daemon=True).start()\n"
        "print(os.getpid(), flush=True); time.sleep(60)"
    )
    code = (
        "import os, subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', sys.argv[1], str(os.getpid())], start_new_session=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, watcher], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert not gone(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: gone(pid))


def test_a_process_whose_parent_is_gone_already_does_not_start() -> None:
    command = [sys.executable, "-P", "-m", "workers.engines.process", "--engine", "fluidsynth", "--parent", "1"]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, input=b"{}\n", check=False)
    assert done.returncode == 1
