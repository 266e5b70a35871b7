"""The embedded broker: a real server on a private socket, whose memory survives a crash."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from farm.scheduling.broker import Broker
from farm.scheduling.doorbell import Doorbell
from schemas.errors import ServiceError
from schemas.states import TaskKind


@pytest.fixture
def broker(tmp_path: Path):  # type: ignore[no-untyped-def]  # noqa: ANN201
    with Broker(tmp_path / "broker") as running:
        yield running


def test_only_this_user_may_speak_to_it(broker: Broker) -> None:
    socket = Path(broker.url.removeprefix("redis+socket://").partition("?")[0])
    assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700


def test_a_killed_server_started_again_remembers(broker: Broker) -> None:
    with broker.client() as client:
        client.set("a", "1")
        client.execute_command("WAITAOF", 1, 0, 5000)
    os.kill(broker.pid, signal.SIGKILL)
    broker.stop()
    broker.start()
    with broker.client() as client:
        assert client.get("a") == b"1"


def test_tickets_are_topped_up_and_never_piled(broker: Broker) -> None:
    doorbell = Doorbell(broker.url)
    assert doorbell.top_up("fluidsynth", ready=100, live_slots=3) == 6
    assert doorbell.top_up("fluidsynth", ready=100, live_slots=3) == 0
    with broker.client() as client:
        assert client.llen("tickets.fluidsynth") == 6
        client.flushall()
    assert doorbell.top_up("fluidsynth", ready=2, live_slots=3) == 2


def test_song_tasks_carry_their_id_and_nothing_else(broker: Broker) -> None:
    assert Doorbell(broker.url).announce([(7, TaskKind.MIX), (8, TaskKind.SPLIT)]) == 2
    with broker.client() as client:
        assert client.llen("songs") == 2


def test_a_dead_broker_is_named(broker: Broker) -> None:
    doorbell = Doorbell(broker.url)
    doorbell.check()
    broker.stop()
    with pytest.raises(ServiceError, match="broker does not answer"):
        doorbell.check()
