"""`farm up` shows addresses, and no password in them; it is alone in its folder and says when a port is taken."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.cli.app import run_app
from farm.cli.up import alone, without_password


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_the_ledgers_password_is_not_shown() -> None:
    shown = without_password("postgresql://farm:hunter2@database/farm")
    assert "hunter2" not in shown
    assert "database/farm" in shown


def test_an_address_without_a_password_can_be_copied_as_it_is() -> None:
    for url in ("sqlite:////a b/ledger.sqlite", "postgresql+psycopg://farm@/x?host=/tmp"):
        assert without_password(url) == url


def test_a_second_farm_in_the_same_folder_is_refused_and_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FARM_HOME", str(tmp_path))
    with alone(tmp_path):
        assert run_app(["up"]) == 3
    assert f"a farm is up in {tmp_path} already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["up.lock"]
    with alone(tmp_path):  # the first one has ended
        pass


def test_a_port_that_is_taken_is_named_before_anything_is_started(
    taken_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FARM_HOME", str(tmp_path))
    assert run_app(["up", "--port", str(taken_port)]) == 3
    assert f"Flower cannot listen on 127.0.0.1:{taken_port}" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["up.lock"]


def test_flower_names_a_port_that_is_taken(
    taken_port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FARM_BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("FLOWER_BASIC_AUTH", "who:ever")
    assert run_app(["flower", "--port", str(taken_port)]) == 3
    assert f"Flower cannot listen on 127.0.0.1:{taken_port}" in capsys.readouterr().err
