"""The service behind passwords, and behind encryption: it works with the rights that it is given, and tells no secret."""

from __future__ import annotations

import os
import secrets
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis

from farm.doctor import broker_check, ledger_check
from farm.ledger import open_ledger
from farm.scheduling.doorbell import Doorbell
from schemas.errors import LedgerError, ServiceError
from tests.support.brokers import ROLES, SecureBroker, free_port
from tests.support.databases import new_ledger_url
from tests.support.farms import copy_demo, farm, farm_json, kill_tree, start, wait_until, wait_until_done

pytestmark = pytest.mark.services


@pytest.fixture(params=[False, True], ids=["password", "tls"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SecureBroker]:
    with SecureBroker(tmp_path / "broker", tls=request.param) as running:
        yield running


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[SecureBroker]:
    with SecureBroker(tmp_path / "broker", tls=False) as running:
        yield running


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    copy_demo(folder, 1, seconds=12)
    return folder


class Service:
    """A scheduler, a worker and Flower, each with a user of its own at the broker."""

    def __init__(self, broker: SecureBroker, folder: Path, stack: ExitStack, ledger_url: str, flower: str = "") -> None:
        self.folder = folder
        self.env = {"FARM_LEDGER_URL": ledger_url, "FARM_HOME": str(folder / "home")}
        pace = {"FARM_HEARTBEAT_S": "1", "FARM_SLOT_TIMEOUT_S": "6", "FARM_TICK_S": "0.2", "FARM_QUIET_S": "3"}
        self.flower_port = free_port()
        parts: dict[str, tuple[Any, ...]] = {"scheduler": (), "worker": ("--slots", 1)}
        if flower:
            parts["flower"] = ("--port", self.flower_port)
        for name, options in parts.items():
            env = {**self.env, **pace, "FARM_BROKER_URL": broker.url(name), "FLOWER_BASIC_AUTH": flower}
            process = start(name, *options, log=folder / f"{name}.log", env=env)
            stack.callback(kill_tree, process)

    def make(self, source: Path) -> None:
        number = farm_json("submit", source, "--out", self.folder / "out", env=self.env)["submission"]
        wait_until_done(self.env["FARM_LEDGER_URL"], number)

    def logs(self) -> str:
        places = [*self.folder.glob("*.log"), *(self.folder / "home").rglob("*"), self.folder / "broker" / "log"]
        return "\n".join(path.read_text(errors="replace") for path in places if path.is_file())


def test_a_dataset_is_made_with_no_more_rights_than_each_part_has(
    broker: SecureBroker, source: Path, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        service = Service(broker, tmp_path, stack, f"sqlite:///{tmp_path / 'ledger.sqlite'}", flower="eve:secret")
        service.make(source)
        wait_until(lambda: _status(service.flower_port, "eve:secret") == 200, what="Flower")
        wait_until(lambda: b"farm-" in _page(service.flower_port, "eve:secret"), what="the worker in Flower")
    assert (tmp_path / "out" / "dataset.json").is_file()
    assert broker.refusals() == []


@pytest.mark.parametrize("role", ROLES)
def test_a_part_of_the_farm_cannot_do_more_at_the_broker_than_it_must(plain: SecureBroker, role: str) -> None:
    forbidden = [("FLUSHALL",), ("CONFIG", "GET", "*"), ("KEYS", "*"), ("ACL", "LIST"), ("SHUTDOWN",), ("CLIENT", "LIST"),
                 ("SET", "anything", "1"), ("GET", "anything"), ("PUBLISH", "/0.other", "x")]  # fmt: skip
    if role == "flower":
        forbidden += [("LPUSH", "songs", "x"), ("LPUSH", "tickets.fluidsynth", "x"), ("DEL", "songs")]
    with plain.client(role) as client:
        client.ping()
        for command in forbidden:
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command)


def test_nobody_gets_in_without_a_password(plain: SecureBroker) -> None:
    address = f"redis://127.0.0.1:{plain.port}/0"
    with pytest.raises(ServiceError, match="does not answer"):
        Doorbell(address).check()
    with redis.Redis(port=plain.port) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_an_encrypted_broker_takes_no_open_words_and_no_client_trusts_a_stranger(tmp_path: Path) -> None:
    with (
        SecureBroker(tmp_path / "ours", tls=True) as broker,
        SecureBroker(tmp_path / "strangers", tls=True) as stranger,
    ):
        Doorbell(broker.url("scheduler")).check()
        trusting = broker.url("scheduler").replace("rediss://", "redis://").partition("?")[0]
        with pytest.raises(ServiceError):
            Doorbell(trusting).check()
        unnamed = broker.url("scheduler").partition("?")[0]  # no authority named: only those of the system are trusted
        with pytest.raises(ServiceError, match="certificate verify failed"):
            Doorbell(unnamed).check()
        elsewhere = broker.url("scheduler").replace(str(broker.ca), str(stranger.ca))
        with pytest.raises(ServiceError, match="certificate verify failed"):
            Doorbell(elsewhere).check()
        context = ssl.create_default_context(cafile=str(broker.ca))
        address = ("127.0.0.1", broker.port)
        with (
            socket.create_connection(address) as outer,
            context.wrap_socket(outer, server_hostname="127.0.0.1") as encrypted,
        ):
            assert encrypted.version() in ("TLSv1.2", "TLSv1.3")
        with socket.create_connection(address) as outer, pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(outer, server_hostname="another.host")


def test_no_secret_is_in_a_command_line_a_log_or_an_error(plain: SecureBroker, source: Path, tmp_path: Path) -> None:
    of_database, of_flower = secrets.token_urlsafe(18), secrets.token_urlsafe(18)
    ledger_url = new_ledger_url("postgres", tmp_path).replace("farm@", f"farm:{of_database}@")
    hidden = [*plain.passwords.values(), of_database, of_flower]
    with ExitStack() as stack:
        service = Service(plain, tmp_path, stack, ledger_url, flower=f"eve:{of_flower}")
        service.make(source)
        wait_until(lambda: _status(service.flower_port, f"eve:{of_flower}") == 200, what="Flower")
        said = subprocess.run(["ps", "-axww", "-o", "args"], check=True, capture_output=True, text=True).stdout
        assert "celery" in said
        assert "flower" in said
        pages = b"".join(_page(service.flower_port, f"eve:{of_flower}", path) for path in ("", "workers", "broker"))
        said += pages.decode(errors="replace") + service.logs()
    assert [number for number, secret in enumerate(hidden) if secret in said or quote(secret) in said] == []


@pytest.mark.parametrize(
    "url",
    ["redis://scheduler:{0}@127.0.0.1:{dead}/0", "redis://scheduler:{0}@nowhere.invalid:6379/0",
     "redis://nobody:{0}@127.0.0.1:{port}/0"],
)  # fmt: skip
def test_a_broker_that_cannot_be_reached_is_named_without_its_password(url: str, plain: SecureBroker) -> None:
    secret = plain.passwords["scheduler"]
    address = url.format(secret, dead=free_port(), port=plain.port)
    with pytest.raises(ServiceError) as failure:
        Doorbell(address).check()
    check = broker_check(address)
    assert "FARM_BROKER_URL" in str(failure.value) + check.fix
    assert not check.ok
    assert secret not in f"{failure.value} {check}"


@pytest.mark.parametrize(
    "url",
    ["postgresql://farm:{0}@127.0.0.1:{dead}/farm", "mysql://farm:{0}@127.0.0.1/farm", "farm:{0}@127.0.0.1/farm",
     "postgresql://farm:{0}@127.0.0.1:port/farm", "sqlite://farm:{0}@127.0.0.1"],
)  # fmt: skip
def test_a_ledger_that_cannot_be_opened_is_named_without_its_password(url: str) -> None:
    secret = secrets.token_urlsafe(18)
    address = url.format(secret, dead=free_port())
    with pytest.raises(LedgerError) as failure:
        open_ledger(address)
    check = ledger_check(address)
    assert not check.ok
    assert secret not in f"{failure.value} {check}"


def test_a_wrong_setting_ends_a_command_in_one_line_without_its_password(plain: SecureBroker, tmp_path: Path) -> None:
    secret = plain.passwords["scheduler"]
    env = {"FARM_LEDGER_URL": f"sqlite:///{tmp_path / 'ledger.sqlite'}"}
    done = farm("scheduler", env={**env, "FARM_BROKER_URL": f"redis://scheduler:{secret}@127.0.0.1:port/0"})
    assert done.returncode == 3
    assert done.stderr.strip().splitlines()[-1].startswith("farm: FARM_BROKER_URL")
    assert "Traceback" not in done.stderr
    assert secret not in done.stderr + done.stdout


@pytest.mark.parametrize("auth", ["", "eve", "eve:", ":secret"])
def test_flower_does_not_start_without_a_password(auth: str, plain: SecureBroker) -> None:
    port = free_port()
    env = {"FARM_BROKER_URL": plain.url("flower"), "FLOWER_BASIC_AUTH": auth}
    done = farm("flower", "--port", port, env=env)
    assert done.returncode == 3
    assert "FLOWER_BASIC_AUTH" in done.stderr


@pytest.mark.parametrize("options", [[], ["--basic-auth=eve:secret"], ["--basic_auth=eve:secret"]])
def test_celerys_own_flower_does_not_start_without_a_hidden_password(options: list[str], plain: SecureBroker) -> None:
    from tests.support.farms import FARM

    command = [
        *FARM[:3],
        "celery",
        "--app",
        "workers.app",
        "--workdir",
        "/",
        "flower",
        f"--port={free_port()}",
        *options,
    ]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("FARM_", "FLOWER_"))}
    done = subprocess.run(
        command, env={**env, "FARM_BROKER_URL": plain.url("flower")}, capture_output=True, text=True, timeout=240, check=False
    )  # fmt: skip
    assert done.returncode != 0
    assert "FLOWER_BASIC_AUTH" in done.stderr
    assert "eve:secret" not in done.stderr + done.stdout


def test_flower_lets_nobody_in_who_does_not_say_its_password(plain: SecureBroker, tmp_path: Path) -> None:
    with ExitStack() as stack:
        service = Service(plain, tmp_path, stack, f"sqlite:///{tmp_path / 'ledger.sqlite'}", flower="eve:secret")
        port = service.flower_port
        wait_until(lambda: _status(port, "eve:secret") == 200, what="Flower")
        for path in ("", "workers", "tasks", "broker", "api/workers", "api/tasks"):
            assert _status(port, "", path) == 401
            assert _status(port, "eve:wrong", path) == 401


def _status(port: int, user: str, path: str = "") -> int:
    try:
        with _open(port, user, path) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def _page(port: int, user: str, path: str = "") -> bytes:
    with _open(port, user, path) as answer:
        return bytes(answer.read())


def _open(port: int, user: str, path: str) -> Any:
    manager = urllib.request.HTTPPasswordMgrWithPriorAuth()
    name, _, password = user.partition(":")
    address = f"http://127.0.0.1:{port}/{path}"
    handlers = []
    if user:
        manager.add_password(None, address, name, password, is_authenticated=True)
        handlers = [urllib.request.HTTPBasicAuthHandler(manager)]
    return urllib.request.build_opener(*handlers).open(address, timeout=60)
