"""What waits on a host's disk: it survives its process, arrives in order, and goes to the ledger that it is meant for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from farm.ledger import SlotRef, StemLease
from schemas.errors import DiskFullError, LedgerAwayError
from schemas.job import RenderJob
from schemas.patch import AssetRef, Patch
from schemas.states import EventKind, FailureReason
from tests.support.ledgers import commit_of, sha
from workers.spool import STALE_S, Committed, Failed, Happened, Message, Released, Spool, left_behind, spool_path

SLOT = SlotRef(7, 3, "fluidsynth")
URL = "postgresql+psycopg://farm:hunter2@database/farm"


def lease(stem_id: int = 1) -> StemLease:
    font = AssetRef(name="Toy", sha256=sha("font"), size_bytes=1, path="toy.sf2")
    patch = Patch(engine="fluidsynth", engine_version="2", asset=font, bank=0, program=1)
    job = RenderJob(midi_sha256=sha(stem_id), patch=patch)
    return StemLease(
        stem_id=stem_id, epoch=4, submission_id=2, song_id=5, song_name="Track00001", stem_name="S00", job=job,
        store_root="store", tries=1, losses=0, other_hashes=frozenset({sha("a"), sha("b")}),
    )  # fmt: skip


MESSAGES: list[Message] = [
    Committed(SLOT, [commit_of(lease(1)), commit_of(lease(2), findings=[FailureReason.NOISE])]),
    Failed(SLOT, lease(3), FailureReason.ALL_ZERO, "no sound where 3 notes sound", infra=False),
    Released(SLOT, [4, 5], "the host is drained"),
    Happened(SLOT, EventKind.RECYCLED, "crash: SIGSEGV", "here", submission_id=2, stem_id=3, load_key="ab"),
]


class Receiver:
    """Takes messages until it has taken so many."""

    def __init__(self, patience: int = 1000) -> None:
        self.got: list[Message] = []
        self._patience = patience

    def __call__(self, message: Message) -> None:
        if len(self.got) >= self._patience:
            raise LedgerAwayError("away")
        self.got.append(message)


def test_every_message_comes_out_as_it_went_in_and_the_file_goes(tmp_path: Path) -> None:
    spool, receiver = Spool(tmp_path / "spool" / "a.jsonl"), Receiver()
    assert (spool.deliver(receiver), len(spool)) == (0, 0)
    for message in MESSAGES:
        spool.append(message)
    assert len(spool) == 4
    assert spool.deliver(receiver) == 4
    assert receiver.got == MESSAGES
    assert (len(spool), spool.path.exists()) == (0, False)
    spool.append(MESSAGES[0])
    assert spool.deliver(receiver) == 1


def test_what_was_delivered_before_the_ledger_went_again_is_not_delivered_twice(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "a.jsonl")
    for message in MESSAGES:
        spool.append(message)
    first, second, third = Receiver(1), Receiver(2), Receiver()
    for receiver in (first, second):
        with pytest.raises(LedgerAwayError):
            spool.deliver(receiver)
    spool.append(MESSAGES[0])
    assert len(spool) == 2
    assert spool.deliver(third) == 2
    assert first.got + second.got + third.got == [*MESSAGES, MESSAGES[0]]


def test_a_killed_slot_leaves_its_messages_to_the_next(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from tests.unit.workers.test_spool import MESSAGES, URL\n"
        "from workers.spool import Spool, spool_path\n"
        "spool = Spool(spool_path(Path(sys.argv[1]), URL, 'here'))\n"
        "for message in MESSAGES: spool.append(message)\n"
        "print('kept', flush=True); time.sleep(60)"
    )
    slot = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert slot.stdout is not None
    assert slot.stdout.readline() == "kept\n"
    (path,) = left_behind(tmp_path, URL, "here")
    assert not Spool(path).adopt()  # its slot lives
    slot.send_signal(signal.SIGKILL)
    slot.wait()
    slot.stdout.close()
    next_one, receiver = Spool(path), Receiver()
    assert next_one.adopt()
    assert not Spool(path).adopt()  # only one takes it
    assert next_one.deliver(receiver) == 4
    assert receiver.got == MESSAGES
    assert left_behind(tmp_path, URL, "here") == []


def test_a_line_that_a_crash_cut_short_costs_that_line_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path / "a.jsonl")
    spool.append(MESSAGES[0])
    spool.append(MESSAGES[1])
    spool.leave()
    spool.path.write_bytes(spool.path.read_bytes()[:-30])
    again, receiver = Spool(spool.path), Receiver()
    assert again.adopt()
    assert again.deliver(receiver) == 1
    assert receiver.got == MESSAGES[:1]
    assert "cannot be read" in caplog.text


def test_it_is_of_one_ledger_one_host_and_one_process_and_names_no_address(tmp_path: Path) -> None:
    path = spool_path(tmp_path, URL, "../here")
    assert path.parent == tmp_path
    assert path.name.endswith(f"-..-here-{os.getpid()}.jsonl")
    assert "hunter2" not in path.name
    assert spool_path(tmp_path, "sqlite:///other", "../here") != path
    Spool(path).append(MESSAGES[0])
    assert left_behind(tmp_path, URL, "../here") == [path]
    assert left_behind(tmp_path, "sqlite:///other", "../here") == []


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "a.jsonl")
    spool.append(MESSAGES[0])
    assert spool.path.stat().st_mode & 0o077 == 0


def test_what_is_a_day_old_is_of_no_use(tmp_path: Path) -> None:
    path = spool_path(tmp_path, URL, "here")
    path.write_bytes(b"{}\n")
    old = path.stat().st_mtime - STALE_S - 1
    os.utime(path, (old, old))
    assert left_behind(tmp_path, URL, "here") == []
    assert not path.exists()


def test_a_message_that_found_no_room_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool, receiver = Spool(tmp_path / "a.jsonl"), Receiver()
    spool.append(MESSAGES[0])
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:10]))
    with pytest.raises(DiskFullError):
        spool.append(MESSAGES[1])
    monkeypatch.undo()
    spool.append(MESSAGES[2])
    assert spool.deliver(receiver) == 2
    assert receiver.got == [MESSAGES[0], MESSAGES[2]]
