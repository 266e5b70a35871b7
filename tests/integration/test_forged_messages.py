"""Whoever can write to the broker can put messages there; a worker carries out none that no farm has sent."""

from __future__ import annotations

import base64
import json
import os
import pickle
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from farm.ledger import open_ledger
from farm.scheduling.broker import Broker
from tests.support.farms import kill_tree, start, wait_until

pytestmark = pytest.mark.services


class Target(NamedTuple):
    """A worker with nothing to do."""

    broker: Broker
    log: Path
    ledger_url: str
    folder: Path
    pid: int

    def send(
        self, task: Any, args: Any = (), kwargs: Any = None, *, queue: str = "songs", body: bytes | None = None,
        content_type: Any = "application/json", encoding: str = "utf-8", headers: Any = None,
    ) -> None:  # fmt: skip
        """Put a message into a queue by hand, as Celery writes them."""
        number = str(uuid.uuid4())
        content = body if body is not None else json.dumps([args, kwargs or {}, {}]).encode()
        message = {
            "body": base64.b64encode(content).decode(),
            "content-encoding": encoding,
            "content-type": content_type,
            "headers": {"lang": "py", "task": task, "id": number, "root_id": number, "parent_id": None, "group": None,
                        "retries": 0, "timelimit": [None, None], "argsrepr": "()", "kwargsrepr": "{}", **(headers or {})},
            "properties": {"correlation_id": number, "reply_to": "", "delivery_mode": 2, "priority": 0,
                           "delivery_info": {"exchange": "", "routing_key": queue}, "body_encoding": "base64",
                           "delivery_tag": number},
        }  # fmt: skip
        with self.broker.client() as client:
            client.lpush(queue, json.dumps(message))

    def await_log(self, words: str, count: int = 1) -> None:
        wait_until(lambda: self.log.read_text().count(words) >= count, what=f"{words!r} in the log")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("forged")
    url = f"sqlite:///{folder / 'ledger.sqlite'}"
    with Broker(folder / "broker") as broker:
        env = {"FARM_LEDGER_URL": url, "FARM_BROKER_URL": broker.url, "FARM_HOME": str(folder / "home")}
        log = folder / "worker.log"
        worker = start("worker", "--slots", 1, log=log, env=env)
        wait_until(lambda: log.exists() and " ready." in log.read_text(), what="the worker")
        yield Target(broker, log, url, folder, worker.pid)
        assert worker.poll() is None, "the worker has died of a message"
        kill_tree(worker, signal.SIGKILL)


NO_IDS = [
    ["/etc/passwd"], ["../../ledger.sqlite"], ["1"], [-1], [0], [True], [1.5], [None], [2**63], [10**400], [[1]],
    [{"task_id": 1}], [], [1, 2], [float("nan")],
]  # fmt: skip


@pytest.mark.parametrize("kind", ["probe", "scan", "split", "mix", "annotate", "publish"])
def test_a_song_task_without_an_id_is_refused_in_the_log(target: Target, kind: str) -> None:
    before = target.log.read_text().count("refused a song task")
    for args in NO_IDS:
        target.send(f"stemfarm.{kind}", args)
    target.send(f"stemfarm.{kind}", [], {"task_id": 1})
    target.send(f"stemfarm.{kind}", [1], {"path": "/etc/passwd"})
    target.await_log("refused a song task", before + len(NO_IDS) + 2)
    said = target.log.read_text()
    assert "/etc/passwd" not in said
    assert "ledger.sqlite" not in said
    assert "Traceback" not in said


def test_an_id_that_the_ledger_does_not_have_is_left_alone(target: Target) -> None:
    for number, kind in ((987654321, "mix"), (2**63 - 1, "publish")):
        target.send(f"stemfarm.{kind}", [number])
        target.await_log(f"left song task {number} alone")
    _assert_untouched(target)


def test_a_ticket_for_no_engine_is_refused_in_the_log(target: Target) -> None:
    before = target.log.read_text().count("refused a ticket")
    tickets = [["/bin/sh"], ["fluidsynth; rm -rf /"], [1], [None], [["fluidsynth"]], [{}], [], ["fluidsynth", "x"]]
    for args in tickets:
        target.send("stemfarm.ticket", args, queue="tickets.fluidsynth")
    target.send("stemfarm.ticket", [], {"engine": "fluidsynth"}, queue="tickets.fluidsynth")
    target.await_log("refused a ticket", before + len(tickets) + 1)
    assert "/bin/sh" not in target.log.read_text()
    _assert_untouched(target)


class _Mark:
    """An object that makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self._path),)


def _refused(target: Target) -> int:
    return target.log.read_text().count("refused a message")


@pytest.mark.parametrize(
    "content_type",
    ["application/x-python-serialize", "application/x-yaml", "application/x-msgpack", "application/data",
     "application/text", "text/plain", "", None, 7],
)  # fmt: skip
def test_anything_but_json_is_refused_unread(target: Target, content_type: Any) -> None:
    before = _refused(target)
    mark = target.folder / "mark"
    body = f"!!python/object/apply:os.mkdir ['{mark}']".encode() if content_type == "application/x-yaml" else None
    target.send("stemfarm.mix", body=body or pickle.dumps(_Mark(mark)), content_type=content_type, encoding="binary")
    target.send("stemfarm.mix", body=body or pickle.dumps(_Mark(mark)), content_type=content_type)
    target.await_log("refused a message", before + 2)
    _assert_untouched(target)
    assert not mark.exists()


@pytest.mark.parametrize(
    "task",
    ["os.system", "workers.tasks.mix.run", "celery.starmap", "celery.map", "celery.chain", "celery.group",
     "celery.chord_unlock", "celery.backend_cleanup", "celery.accumulate", "", None, 7, ["stemfarm.mix"]],
)  # fmt: skip
def test_a_task_that_is_not_the_farms_is_refused(target: Target, task: Any) -> None:
    before = _refused(target)
    target.send(task, [{"task": "stemfarm.mix", "args": [1], "kwargs": {}, "options": {}}, [[1], [2]]])
    target.await_log("refused a message", before + 1)
    _assert_untouched(target)


def test_a_body_that_is_no_call_is_refused(target: Target) -> None:
    orders = {"callbacks": [{"task": "stemfarm.mix", "args": [1]}], "errbacks": None, "chain": None, "chord": None}
    bodies = [b"no json", b"{}", b"[]", b"null", b"\xff\xfe", b"7", b"[" * 3000, b"[[1], {}]", b"[[1], {}, {}] x",
              json.dumps([[1], {}, orders]).encode(), json.dumps([["x" * 9000], {}, {}]).encode()]  # fmt: skip
    before = _refused(target)
    for body in bodies:
        target.send("stemfarm.mix", body=body)
    target.await_log("refused a message", before + len(bodies))
    _assert_untouched(target)


@pytest.mark.parametrize(
    "headers",
    [
        {"id": "x\n[2026-01-01] all is well"}, {"id": None}, {"id": 7}, {"eta": "2999-01-01T00:00:00"}, {"expires": "no date"},
        {"timelimit": [0.001, 0.001]}, {"compression": "bzip2"}, {"group": "g"},
    ],
)  # fmt: skip
def test_headers_that_the_farm_never_writes_are_refused(target: Target, headers: dict[str, Any]) -> None:
    before = _refused(target)
    target.send("stemfarm.mix", [1], headers=headers)
    target.await_log("refused a message", before + 1)
    assert "all is well" not in target.log.read_text()
    _assert_untouched(target)


@pytest.mark.parametrize(
    "raw", [b"x", b"\xff\xfe\x00", b"[1]", b"{}", b"7", b'{"properties": {}}', b'{"properties": 1}']
)
def test_what_is_no_message_at_all_does_not_end_the_worker(target: Target, raw: bytes) -> None:
    before = _refused(target)
    with target.broker.client() as client:
        client.lpush("songs", raw)
    target.await_log("refused a message", before + 1)
    target.send("stemfarm.mix", [123456789])
    target.await_log("left song task 123456789 alone")
    _assert_untouched(target)


def _assert_untouched(target: Target) -> None:
    """The ledger holds nothing but the slot, and nothing was sent on."""
    ledger = open_ledger(target.ledger_url)
    assert ledger.pulses()[1] == []
    assert ledger.ready_by_engine() == {}
    with target.broker.client() as client:
        assert client.llen("songs") == 0
